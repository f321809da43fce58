"""Context models over the latent: autoregressive and checkerboard.

Minnen, Ballé, Toderici, "Joint autoregressive and hierarchical priors", NeurIPS 2018; He et al., "Checkerboard context
model for efficient learned image compression", CVPR 2021. LDMIC uses the first, LDMIC-Fast the second.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.layers.priors import Gaussian, HyperPrior

REACH = 2
"""Rows and columns around a position that its context spans."""


def causal_mask(checkerboard: bool) -> Tensor:
    """Taps of the 5×5 context that are known when the centre is coded, ``(5, 5)`` of 0 and 1.

    Autoregressive: everything before the centre in raster order. Checkerboard: everything at an odd distance, which at
    a position of the second pass is exactly what the first pass has coded.
    """
    size = 2 * REACH + 1
    flat = torch.arange(size * size)
    known = (flat % 2 == 1) if checkerboard else (flat < size * size // 2)
    return known.float().view(size, size)


def anchors(height: int, width: int) -> Tensor:
    """Positions that the checkerboard codes first, without context: odd row + column, bool ``(height, width)``."""
    return (torch.arange(height)[:, None] + torch.arange(width)[None, :]) % 2 == 1


class ContextConv(nn.Conv2d):
    """5×5 convolution over the known neighbours alone."""

    def __init__(self, channels: int, out: int, checkerboard: bool) -> None:
        super().__init__(channels, out, 2 * REACH + 1, padding=REACH)
        self.checkerboard = checkerboard
        self.mask: Tensor
        self.register_buffer("mask", causal_mask(checkerboard), persistent=False)

    def forward(self, known: Tensor) -> Tensor:
        """Context ``(N, out, h, w)`` of known values ``(N, C, h, w)``; 0 at a checkerboard's anchors."""
        context = F.conv2d(known, self.weight * self.mask, self.bias, padding=REACH)
        if self.checkerboard:
            first = anchors(*context.shape[2:]).to(context.device)
            context = context.masked_fill(first, 0.0)
        return context


class ContextPrior(HyperPrior):
    """Gaussian whose means and scales come from a transmitted hyper-latent and from the latents coded before.

    Args:
        channels: Channels M of the latent.
        hyper_channels: Channels of the hyper-latent.
        width: Hidden width of the small form's hyper transforms.
        rates: Number of rate points.
        form: ``small`` or ``joint`` (the published one).
        context: Channels of the context.
        hidden: Channels of the hidden layers of the entropy parameters.
        checkerboard: Two passes over a checkerboard rather than one step a position.
    """

    def __init__(
        self,
        channels: int,
        hyper_channels: int,
        width: int,
        rates: int,
        form: str,
        context: int,
        hidden: Sequence[int],
        checkerboard: bool,
    ) -> None:
        super().__init__(channels, hyper_channels, width, rates, form, (3, 3, 3, 3))
        self.checkerboard, self.published = checkerboard, form == "joint"
        self.context_prediction = ContextConv(channels, context, checkerboard)
        layers: list[nn.Module] = []
        last = 2 * channels + context
        for size in hidden:
            layers += [nn.Conv2d(last, size, 1), nn.LeakyReLU()]
            last = size
        self.entropy_parameters = nn.Sequential(*layers, nn.Conv2d(last, 2 * channels, 1))

    def density(self, hyper: Tensor, known: Tensor) -> Gaussian:
        """Mean and scale of every position from hyper features ``(N, 2M, h, w)`` and known latents ``(N, M, h, w)``."""
        return self.combine(hyper, self.context_prediction(known))

    def combine(self, hyper: Tensor, context: Tensor) -> Gaussian:
        """Mean and scale from hyper features and context.

        As released, the two variants differ in both orders: LDMIC reads (hyper, context) and gives (mean, scale),
        LDMIC-Fast reads (context, hyper) and gives (scale, mean).
        """
        if self.checkerboard:
            scale, mean = self.entropy_parameters(torch.cat([context, hyper], 1)).chunk(2, 1)
        else:
            mean, scale = self.entropy_parameters(torch.cat([hyper, context], 1)).chunk(2, 1)
        return Gaussian(mean, self.bound(scale))

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Training: ``y`` quantised straight-through around its mean, and bits ``(N,)`` of both latents.

        As published, the context is read from ``y`` with uniform noise. The small presets read it from ``y`` quantised
        around the means of a first pass: exact for a checkerboard, near the truth for the autoregressive model. Noise
        would show it details that rounding removes at low rates.
        """
        z, bits_z = self.latent(self.down(y).float())
        hyper = self.up(z)
        noise = torch.rand_like(y) - 0.5
        known = y + noise
        if not self.published:
            known = rounded(y, self.density(hyper, known).mean)
        mean, scale = (part.float() for part in self.density(hyper, known))
        return rounded(y, mean), bits_z + self.bits(y + noise - mean, scale)


def rounded(y: Tensor, mean: Tensor) -> Tensor:
    """``y`` quantised around ``mean``, with the gradient of ``y``."""
    return y + (torch.round(y - mean) + mean - y).detach()
