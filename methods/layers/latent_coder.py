"""From a latent to symbols of the range coder and back: the one step function of encoder and decoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.coding import (
    SCALE_TABLE,
    StreamDecoder,
    StreamEncoder,
    Tables,
    categorical_tables,
    gaussian_tables,
    ideal_bits,
    scale_index,
)
from bench.errors import BitstreamError
from methods.layers.priors import FactorizedPrior, Gaussian, HyperPrior

Part = tuple[np.ndarray, np.ndarray, Tables]


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


def make_tables(prior: FactorizedPrior | HyperPrior) -> dict[str, np.ndarray]:
    """Arrays of a prior's integer tables, to be stored with its weights."""
    masses, offsets = prior.latent.pmfs()
    made = {f"factorized.{k}": v for k, v in categorical_tables(masses, offsets).to_arrays().items()}
    if isinstance(prior, HyperPrior):
        made |= {f"gaussian.{k}": v for k, v in gaussian_tables(SCALE_TABLE).to_arrays().items()}
        made["levels"] = SCALE_TABLE
    return made


def read_tables(arrays: Mapping[str, np.ndarray], prior: FactorizedPrior | HyperPrior) -> CodingTables:
    """Restore what :func:`make_tables` gave for such a prior.

    Raises:
        KeyError, ValueError: Tables are absent, unsound, or of another prior.
    """

    def part(name: str) -> Tables:
        return Tables.from_arrays({k: arrays[f"{name}.{k}"] for k in ("counts", "lengths", "offsets")})

    latent = prior.latent
    factorized, gaussian, levels = part("factorized"), None, SCALE_TABLE
    if len(factorized) != latent.rates * latent.channels:
        raise ValueError(f"{len(factorized)} tables for {latent.rates * latent.channels} densities")
    if isinstance(prior, HyperPrior):
        gaussian, levels = part("gaussian"), arrays["levels"]
        if len(gaussian) != len(levels):
            raise ValueError(f"{len(gaussian)} tables for {len(levels)} scales")
    return CodingTables(factorized, gaussian, levels)


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

    def _conditional(self, z: Tensor) -> tuple[Gaussian, np.ndarray]:
        """The step that encoder and decoder share: density of the latent given ``z``, and each value's table."""
        assert isinstance(self.prior, HyperPrior)
        density = self.prior.gaussian(z)
        if not bool(torch.isfinite(density.scale).all()):
            raise BitstreamError("The hyper-latent gives no finite scales; the file is damaged.")
        return density, scale_index(density.scale.flatten().numpy(), self.tables.levels)

    def _symbols(self, values: Tensor) -> Part:
        """The factorised part of ``(1, C, h, w)``, clamped to its tables as the decoder will see it."""
        index, tables = self._factorized_index(*values.shape[2:]), self.tables.factorized
        return tables.clamp(torch.round(values - self.centre).flatten().numpy(), index), index, tables

    def _values(self, symbols: np.ndarray, height: int, width: int) -> Tensor:
        """What the factorised symbols stand for, ``(1, C, height, width)``."""
        return torch.from_numpy(symbols).double().view(1, -1, height, width) + self.centre

    def _parts(self, latent: Tensor) -> list[Part]:
        """What a stream holds of a latent, in its order: symbols, the table of each, and the tables."""
        if isinstance(self.prior, FactorizedPrior):
            return [self._symbols(latent)]
        hyper = self.prior.down(latent)
        first = self._symbols(hyper)
        density, index = self._conditional(self._values(first[0], *hyper.shape[2:]))
        assert self.tables.gaussian is not None
        return [first, (torch.round(latent - density.mean).flatten().numpy(), index, self.tables.gaussian)]

    def encode(self, latent: Tensor, stream: StreamEncoder) -> None:
        """Append a latent ``(1, M, h, w)``, float64, to ``stream``."""
        for symbols, index, tables in self._parts(latent):
            stream.encode(symbols, index, tables)

    def ideal(self, latent: Tensor) -> float:
        """Bits of a latent under the integer tables, without the coder's overhead."""
        return sum(ideal_bits(symbols, index, tables) for symbols, index, tables in self._parts(latent))

    def hyper_bits(self, latent: Tensor) -> float:
        """Bits of the hyper-latent's symbols under the integer tables; 0 without one."""
        if isinstance(self.prior, FactorizedPrior):
            return 0.0
        return ideal_bits(*self._symbols(self.prior.down(latent)))

    def decode(self, stream: StreamDecoder, grid: tuple[int, int]) -> Tensor:
        """Read a latent ``(1, M, *grid)``, float64.

        Raises:
            BitstreamError: The stream is damaged.
        """
        height, width = grid
        if isinstance(self.prior, HyperPrior):
            height, width = height // 4, width // 4
        symbols = stream.decode(self._factorized_index(height, width), self.tables.factorized)
        values = self._values(symbols, height, width)
        if isinstance(self.prior, FactorizedPrior):
            return values
        density, index = self._conditional(values)
        assert self.tables.gaussian is not None
        residual = stream.decode(index, self.tables.gaussian)
        return torch.from_numpy(residual).double().view(density.mean.shape) + density.mean

    def estimate(self, latent: Tensor) -> Tensor:
        """Bits ``(1,)`` of a latent by the continuous likelihoods."""
        values = latent if isinstance(self.prior, FactorizedPrior) else self.prior.down(latent)
        known = self._values(self._symbols(values)[0], *values.shape[2:])
        bits = self.prior.latent.bits(known, self.rate)
        if isinstance(self.prior, HyperPrior):
            density = self.prior.gaussian(known)
            bits = bits + self.prior.bits(torch.round(latent - density.mean), density.scale)
        return bits
