"""Codes a latent under a context model: what is known decides the tables of what comes next."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.coding import StreamDecoder, StreamEncoder, ideal_bits, scale_index
from methods.layers.latent_coder import CodingTables, LatentCoder
from methods.ldmic.context import REACH, ContextPrior, anchors
from methods.ldmic.density import StepDensity

Floats = NDArray[np.float64]
Positions = NDArray[np.intp]
Code = Callable[[Positions, Floats, NDArray[np.int32]], NDArray[np.int32]]
"""Codes one step: flat positions ``(n,)``, means ``(n, M)`` and table indices ``(n·M,)`` to symbols ``(n·M,)``."""


class Walk(NamedTuple):
    """A coded latent ``(1, M, h, w)``, and what each step coded of it, in coding order, ``(h·w·M,)``."""

    values: Tensor
    symbols: NDArray[np.int32]
    index: NDArray[np.int32]
    scale: Floats


class ContextCoder(LatentCoder):
    """Codes latents of one rate point, one coder call a step; encoder, decoder and estimates walk the same steps.

    A step is one position (LDMIC) or one half of the checkerboard (LDMIC-Fast), all channels at once.

    Args:
        prior: The prior in float64 on the CPU.
        tables: Its integer tables.
        rate: Index of the rate point within the weights.
    """

    def __init__(self, prior: ContextPrior, tables: CodingTables, rate: int) -> None:
        super().__init__(prior, tables, rate)
        assert tables.gaussian is not None
        self.hyper, self.gaussian = prior, tables.gaussian
        self.density = StepDensity(prior)

    def _steps(self, height: int, width: int) -> list[Positions]:
        """Flat positions of each step."""
        if not self.hyper.checkerboard:
            return list(np.arange(height * width)[:, None])
        first = anchors(height, width).flatten().numpy()
        return [np.flatnonzero(first), np.flatnonzero(~first)]

    def _walk(self, z: Tensor, code: Code) -> Walk:
        """Code a latent step by step after its hyper-latent ``(1, C, h/4, w/4)``."""
        features = self.hyper.up(z)[0]
        channels, (height, width) = len(features) // 2, features.shape[1:]
        share = self.density.hyper_share(features.flatten(1).T.numpy())
        known = np.zeros((height + 2 * REACH, width + 2 * REACH, channels))
        rows, columns = np.divmod(np.arange(height * width), width)
        # Flat places in the padded map: of each position, and of the neighbours that its context reads.
        place = (rows + REACH) * known.shape[1] + columns + REACH
        around = self.density.taps @ np.array([known.shape[1], 1])
        flat = known.reshape(-1, channels)
        parts = []
        for step, where in enumerate(self._steps(height, width)):
            blind = self.hyper.checkerboard and step == 0
            window = None if blind else flat[place[where, None] + around].reshape(len(where), -1)
            mean, scale = self.density(share[where], window)
            index = scale_index(scale.ravel(), self.tables.levels)
            symbols = code(where, mean, index)
            flat[place[where]] = symbols.reshape(mean.shape) + mean
            parts.append((symbols, index, scale.ravel()))
        symbols, index, scale = (np.concatenate(part) for part in zip(*parts, strict=True))
        inside = known[REACH : REACH + height, REACH : REACH + width]
        return Walk(torch.from_numpy(inside.copy()).permute(2, 0, 1)[None], symbols, index, scale)

    def _residuals(self, latent: Tensor) -> Callable[[Positions, Floats], Floats]:
        values = latent[0].flatten(1).T.numpy()
        return lambda where, mean: np.rint(values[where] - mean).ravel()

    def _known(self, latent: Tensor) -> Tensor:
        """The hyper-latent of a latent as the decoder will know it."""
        hyper = self.hyper.down(latent)
        return self._values(self._symbols(hyper)[0], *hyper.shape[2:])

    def _dry(self, latent: Tensor) -> Walk:
        """Walk as the encoder does, writing nothing."""
        residuals = self._residuals(latent)
        return self._walk(self._known(latent), lambda w, mean, i: self.gaussian.clamp(residuals(w, mean), i))

    def encode(self, latent: Tensor, stream: StreamEncoder) -> None:
        """Append a latent ``(1, M, h, w)``, float64, to ``stream``."""
        hyper = self.hyper.down(latent)
        symbols, index, tables = self._symbols(hyper)
        stream.encode(symbols, index, tables)
        residuals = self._residuals(latent)
        z = self._values(symbols, *hyper.shape[2:])
        self._walk(z, lambda where, mean, i: stream.encode(residuals(where, mean), i, self.gaussian))

    def decode(self, stream: StreamDecoder, grid: tuple[int, int]) -> Tensor:
        """Read a latent ``(1, M, *grid)``, float64.

        Raises:
            BitstreamError: The stream is damaged.
        """
        height, width = grid[0] // 4, grid[1] // 4
        symbols = stream.decode(self._factorized_index(height, width), self.tables.factorized)
        z = self._values(symbols, height, width)
        return self._walk(z, lambda where, mean, index: stream.decode(index, self.gaussian)).values

    def ideal(self, latent: Tensor) -> float:
        """Bits of a latent under the integer tables, without the coder's overhead."""
        walk = self._dry(latent)
        return self.hyper_bits(latent) + ideal_bits(walk.symbols, walk.index, self.gaussian)

    def estimate(self, latent: Tensor) -> Tensor:
        """Bits ``(1,)`` of a latent by the continuous likelihoods, at the values that the decoder will know."""
        z, walk = self._known(latent), self._dry(latent)
        residual, scale = torch.from_numpy(walk.symbols).double(), torch.from_numpy(walk.scale)
        return self.hyper.latent.bits(z, self.rate) + self.hyper.bits(residual[None], scale[None])
