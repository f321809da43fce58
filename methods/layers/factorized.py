"""Factorised prior with one learned density a channel and rate point."""

from __future__ import annotations

import copy

import numpy as np
import torch
from compressai.entropy_models import EntropyBottleneck
from torch import Tensor, nn

_TAIL = 1e-7
"""Probability mass that the coding tables may leave out on either side."""

_REACH = {"many": 4, "one": 64}
"""Symbols that a table reaches beyond its tails, where one file holds many rate points or one. A table entry costs four
bytes and 6e-8 of the mass; with many of them an outlier costs its 24 bits, with few it is clamped."""


class RateBottleneck(nn.Module):
    """CompressAI's entropy bottleneck over ``rates · channels`` channels: each rate point has its own densities.

    One density shared over gained rate points costs 70–90 % rate at the lowest of them, hence the copies.
    In training a batch holds the rate points in turn (item ``i`` is at point ``i mod rates``), so that the batch
    folds into the channel axis.

    Args:
        channels: Channels of the quantised tensor.
        rates: Number of rate points.
        filters: Widths of the cumulative's layers.
        centred: Quantise around learned medians; NDIC's release rounds plainly.
        noise: In training what follows gets the values with uniform noise, as Ballé et al. and NDIC publish, and
            not the rounded ones; by default where nothing is centred.
    """

    def __init__(
        self,
        channels: int,
        rates: int,
        filters: tuple[int, ...] = (3, 3, 3, 3),
        centred: bool = True,
        noise: bool | None = None,
    ) -> None:
        super().__init__()
        self.channels, self.rates, self.centred = channels, rates, centred
        self.noise = not centred if noise is None else noise
        self.density = EntropyBottleneck(channels * rates, filters=filters)

    def medians(self, rate: int) -> Tensor:
        """Centres of quantisation at one rate point, ``(1, C, 1, 1)``."""
        block = self.density.quantiles[rate * self.channels : (rate + 1) * self.channels, 0, 1]
        centre = block.detach() if self.centred else torch.zeros_like(block)
        return centre.view(1, -1, 1, 1)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Quantise, straight-through where training does not do it by noise; the rate in training is that of noise.

        Args:
            z: ``(N, C, h, w)``, N a multiple of the number of rate points.

        Returns:
            ``z`` quantised, and bits ``(N,)``.
        """
        folded = z.reshape(-1, self.rates * self.channels, *z.shape[2:])
        centre = self.density.quantiles[:, 0, 1].detach().view(1, -1, 1, 1) if self.centred else 0.0
        rounded = folded + (torch.round(folded - centre) + centre - folded).detach()
        noisy = folded + torch.rand_like(folded) - 0.5 if self.training else rounded
        bits = -torch.log2(self._likelihood(noisy)).reshape(z.shape[0], -1).sum(1)
        return (noisy if self.noise else rounded).reshape(z.shape), bits

    def continuous_bits(self, w: Tensor) -> Tensor:
        """Bits ``(N,)`` that the density gives to the unquantised values ``w`` (NDIC's h_y and w)."""
        folded = w.reshape(-1, self.rates * self.channels, *w.shape[2:])
        return -torch.log2(self._likelihood(folded)).reshape(w.shape[0], -1).sum(1)

    def _likelihood(self, values: Tensor) -> Tensor:
        flat = values.transpose(0, 1).reshape(values.shape[1], 1, -1)
        likelihood = self.density._likelihood(flat)[0] if self.centred else self._released(flat)
        shape = (values.shape[1], values.shape[0], *values.shape[2:])
        return self.density.likelihood_lower_bound(likelihood).reshape(shape).transpose(0, 1)

    def _released(self, flat: Tensor) -> Tensor:
        """Likelihood as NDIC's release computes it, which its published bits and its training contain.

        In float32, and on that side of the cumulative where both ends are near 1: masses below 2⁻²⁵ vanish and are
        charged the floor of 1e-9.
        """
        lower, upper = (self.density._logits_cumulative(flat + half, False).float() for half in (-0.5, 0.5))
        sign = torch.where(lower + upper < 0, -1.0, 1.0)
        return (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs().to(flat.dtype)

    @torch.no_grad()
    def bits(self, symbols: Tensor, rate: int) -> Tensor:
        """Bits ``(N,)`` of quantised values ``(N, C, h, w)`` (medians included) at one rate point."""
        wide = symbols.new_zeros(symbols.shape[0], self.rates * self.channels, *symbols.shape[2:])
        block = slice(rate * self.channels, (rate + 1) * self.channels)
        wide[:, block] = symbols
        return -torch.log2(self._likelihood(wide)[:, block]).flatten(1).sum(1)

    @torch.no_grad()
    def fit_tails(self) -> None:
        """Set the quantiles of a density that comes without: tails where its mass is CompressAI's.

        The centre stays where it is, and is 0 where nothing is centred. By bisection of the monotone cumulative, hence
        the same each time.
        """
        density = copy.deepcopy(self.density).double()
        low = torch.full((self.rates * self.channels, 1, 3), -1e5, dtype=torch.float64)
        high = -low
        for _ in range(60):
            middle = (low + high) / 2
            below = density._logits_cumulative(middle, stop_gradient=True) < density.target
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        centre = self.density.quantiles[:, 0, 1].clone() if self.centred else 0.0
        self.density.quantiles.copy_((low + high) / 2)
        self.density.quantiles[:, 0, 1] = centre

    @torch.no_grad()
    def pmfs(self) -> tuple[list[np.ndarray], np.ndarray]:
        """Probability masses of every (rate, channel) row and the symbol that each row starts with.

        Rows reach as far as the density holds more than the tail mass, and a few symbols beyond it.
        """
        density = copy.deepcopy(self.density).double()
        rows = self.rates * self.channels
        centre = density.quantiles[:, 0, 1] if self.centred else torch.zeros(rows, dtype=torch.float64)
        reach = torch.arange(-400, 401, dtype=torch.float64)
        values = (centre[:, None] + reach[None, :]).unsqueeze(1)
        mass = density._likelihood(values)[0].squeeze(1).numpy()
        beyond = _REACH["many" if self.rates > 1 else "one"]
        masses, offsets = [], []
        for row in mass:
            kept = np.flatnonzero(row > _TAIL)
            if not len(kept):
                raise ValueError("a density has no mass within 400 symbols of its centre")
            low, high = max(int(kept[0]) - beyond, 0), min(int(kept[-1]) + beyond, len(row) - 1)
            masses.append(row[low : high + 1] / row[low : high + 1].sum())
            offsets.append(low - 400)
        return masses, np.asarray(offsets, dtype=np.int32)
