"""From a latent to symbols of the range coder and back: the one step function of encoder and decoder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.coding import StreamDecoder, StreamEncoder, Tables, ideal_bits, scale_index
from bench.errors import BitstreamError
from methods.layers.priors import FactorizedPrior, HyperPrior


@dataclass(frozen=True)
class CodingTables:
    """Integer tables of one set of weights.

    Attributes:
        factorized: One row for each (rate point, channel) of the factorised latent.
        gaussian: One row a scale level; None without hyperprior.
        levels: The scale levels, float64.
    """

    factorized: Tables
    gaussian: Tables | None
    levels: np.ndarray


class LatentCoder:
    """Codes latents of one rate point.

    Args:
        prior: The prior in float64 on the CPU.
        tables: Its integer tables.
        rate: Index of the rate point within the weights.
    """

    def __init__(self, prior: FactorizedPrior | HyperPrior, tables: CodingTables, rate: int) -> None:
        self.prior, self.tables, self.rate = prior, tables, rate
        self.centre = prior.latent.medians(rate).double()
        self.first = rate * prior.latent.channels

    def _factorized_index(self, height: int, width: int) -> np.ndarray:
        channels = self.prior.latent.channels
        return np.repeat(np.arange(self.first, self.first + channels, dtype=np.int32), height * width)

    def _clamp(self, symbols: np.ndarray, index: np.ndarray, tables: Tables) -> np.ndarray:
        low = tables.offsets[index]
        return np.clip(symbols, low, low + tables.lengths[index] - 1).astype(np.int32)

    def _code_factorized(self, values: Tensor) -> tuple[np.ndarray, np.ndarray, Tensor]:
        """Symbols, their tables, and the values that the decoder will see, for ``(1, C, h, w)``."""
        index = self._factorized_index(*values.shape[2:])
        symbols = self._clamp(torch.round(values - self.centre).flatten().numpy(), index, self.tables.factorized)
        return symbols, index, torch.from_numpy(symbols).double().view(values.shape) + self.centre

    def _residuals(self, latent: Tensor, z: Tensor) -> tuple[np.ndarray, np.ndarray, Tensor]:
        """Symbols of the latent around its mean, their tables, and the scales."""
        assert isinstance(self.prior, HyperPrior) and self.tables.gaussian is not None
        mean, scale = self.prior.gaussian(z)
        index = scale_index(scale.flatten().numpy(), self.tables.levels)
        symbols = self._clamp(torch.round(latent - mean).flatten().numpy(), index, self.tables.gaussian)
        return symbols, index, scale

    def encode(self, latent: Tensor, stream: StreamEncoder) -> None:
        """Append a latent ``(1, M, h, w)``, float64, to ``stream``."""
        if isinstance(self.prior, FactorizedPrior):
            symbols, index, _ = self._code_factorized(latent)
            stream.encode(symbols, index, self.tables.factorized)
            return
        symbols, index, z = self._code_factorized(self.prior.down(latent))
        stream.encode(symbols, index, self.tables.factorized)
        assert self.tables.gaussian is not None
        symbols, index, _ = self._residuals(latent, z)
        stream.encode(symbols, index, self.tables.gaussian)

    def decode(self, stream: StreamDecoder, grid: tuple[int, int]) -> Tensor:
        """Read a latent ``(1, M, *grid)``, float64.

        Raises:
            BitstreamError: The stream is damaged.
        """
        height, width = grid
        if isinstance(self.prior, FactorizedPrior):
            return self._read_factorized(stream, height, width)
        z = self._read_factorized(stream, height // 4, width // 4)
        assert self.tables.gaussian is not None
        mean, scale = self.prior.gaussian(z)
        if not bool(torch.isfinite(scale).all()):
            raise BitstreamError("The stream's hyper-latent gives no finite scales; the file is damaged.")
        index = scale_index(scale.flatten().numpy(), self.tables.levels)
        symbols = stream.decode(index, self.tables.gaussian)
        return torch.from_numpy(symbols).double().view(mean.shape) + mean

    def _read_factorized(self, stream: StreamDecoder, height: int, width: int) -> Tensor:
        symbols = stream.decode(self._factorized_index(height, width), self.tables.factorized)
        return torch.from_numpy(symbols).double().view(1, -1, height, width) + self.centre

    def estimate(self, latent: Tensor) -> Tensor:
        """Bits ``(1,)`` of a latent by the continuous likelihoods."""
        if isinstance(self.prior, FactorizedPrior):
            return self.prior.latent.bits(self._code_factorized(latent)[2], self.rate)
        z = self._code_factorized(self.prior.down(latent))[2]
        mean, scale = self.prior.gaussian(z)
        return self.prior.latent.bits(z, self.rate) + self.prior.bits(torch.round(latent - mean), scale)

    def ideal(self, latent: Tensor) -> float:
        """Bits of a latent under the integer tables, without the coder's overhead."""
        if isinstance(self.prior, FactorizedPrior):
            symbols, index, _ = self._code_factorized(latent)
            return ideal_bits(symbols, index, self.tables.factorized)
        symbols, index, z = self._code_factorized(self.prior.down(latent))
        bits = ideal_bits(symbols, index, self.tables.factorized)
        assert self.tables.gaussian is not None
        symbols, index, _ = self._residuals(latent, z)
        return bits + ideal_bits(symbols, index, self.tables.gaussian)
