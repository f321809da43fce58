"""Priors over a latent: what it costs in training, and which table codes each symbol afterwards."""

from __future__ import annotations

from typing import NamedTuple

import torch
from compressai.ops import LowerBound
from torch import Tensor, nn

from methods.layers import hyper
from methods.layers.factorized import RateBottleneck

SCALE_BOUND = {"cdc": 0.1}
"""Least scale of the forms that differ from CompressAI's 0.11."""

_HALF_ROOT = 0.5**0.5


class Gaussian(NamedTuple):
    """Parameters of the latent's conditional density, each ``(N, M, h, w)``."""

    mean: Tensor
    scale: Tensor


def _interval(residual: Tensor, scale: Tensor) -> Tensor:
    """Mass of the unit interval around ``residual`` under a zero-mean Gaussian, floored at 1e-9."""
    value = residual.abs()
    upper = torch.erfc(-_HALF_ROOT * (0.5 - value) / scale)
    lower = torch.erfc(-_HALF_ROOT * (-0.5 - value) / scale)
    return (0.5 * (upper - lower)).clamp_min(1e-9)


class FactorizedPrior(nn.Module):
    """Independent learned density a channel (Ballé et al., ICLR 2017)."""

    def __init__(self, channels: int, rates: int, filters: tuple[int, ...], centred: bool) -> None:
        super().__init__()
        self.latent = RateBottleneck(channels, rates, filters, centred)

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """``y`` quantised as :class:`RateBottleneck` does it, and bits ``(N,)``."""
        quantised: tuple[Tensor, Tensor] = self.latent(y)
        return quantised


class HyperPrior(nn.Module):
    """Gaussian whose scales (and means, in all forms but those of Ballé2018) come from a transmitted hyper-latent.

    Args:
        channels: Channels M of the latent.
        hyper_channels: Channels of the hyper-latent.
        width: Hidden width of the small form's hyper transforms.
        rates: Number of rate points.
        form: ``small``, ``joint``, ``cdc``, ``canonical`` or ``ndic``.
        filters: Widths of the hyper-latent's cumulative.
    """

    def __init__(
        self, channels: int, hyper_channels: int, width: int, rates: int, form: str, filters: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.means = form in ("small", "joint", "cdc")
        self.noise = not self.means
        if form == "small":
            self.down, self.up = hyper.small(channels, width, hyper_channels)
        elif form == "joint":
            self.down, self.up = hyper.means(channels, hyper_channels, (channels, channels * 3 // 2), 0.01)
        elif form == "cdc":
            self.down, self.up = hyper.means(channels, hyper_channels, (hyper_channels, hyper_channels), 0.2)
        else:
            self.down, self.up = hyper.published(channels, hyper_channels, ndic=form == "ndic")
        self.latent = RateBottleneck(hyper_channels, rates, filters, form != "ndic", self.noise)
        self.bound = LowerBound(SCALE_BOUND.get(form, 0.11))

    def gaussian(self, z: Tensor) -> Gaussian:
        """Mean and scale of each latent value from the quantised hyper-latent ``(N, C, h/4, w/4)``."""
        if self.means:
            mean, scale = self.up(z).chunk(2, 1)
        else:
            scale = self.up(z)
            mean = torch.zeros_like(scale)
        return Gaussian(mean, self.bound(scale))

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """``y`` quantised around its mean, and bits ``(N,)`` of both latents.

        In training the bits are those of additive noise, in evaluation those of the rounded values. The forms without
        means also hand on noise in training, as Ballé et al. and NDIC publish; the others round straight-through.
        """
        z, bits_z = self.latent(self.down(y).float())
        mean, scale = (part.float() for part in self.gaussian(z))
        residual = y - mean
        rounded = y + (torch.round(residual) - residual).detach()
        noisy = residual + torch.rand_like(residual) - 0.5 if self.training else torch.round(residual)
        bits_y = -torch.log2(_interval(noisy, scale)).flatten(1).sum(1)
        return mean + noisy if self.noise else rounded, bits_z + bits_y

    def unquantised_bits(self, y: Tensor) -> Tensor:
        """Bits ``(N,)`` that NDIC's loss charges for the side view's own latent, nothing being rounded."""
        z = self.down(y)
        mean, scale = self.gaussian(z)
        return self.latent.continuous_bits(z) - torch.log2(_interval(y - mean, scale)).flatten(1).sum(1)

    @staticmethod
    def bits(residual: Tensor, scale: Tensor) -> Tensor:
        """Bits ``(N,)`` of rounded residuals under continuous scales."""
        return -torch.log2(_interval(residual, scale)).flatten(1).sum(1)
