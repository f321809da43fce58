"""Strided convolution stacks with (inverse) generalised divisive normalisation.

Ballé et al., "Variational image compression with a scale hyperprior", ICLR 2018, figure 4.
"""

from __future__ import annotations

from collections.abc import Sequence

from compressai.layers import GDN
from torch import Tensor, nn
from torch.nn import functional as F


def analysis(widths: Sequence[int], out: int, last_kernel: int = 5) -> nn.Sequential:
    """Picture ``(N, 3, H, W)`` to latent ``(N, out, H/16, W/16)``: 5×5 convolutions of stride 2, GDN between."""
    layers: list[nn.Module] = []
    channels = 3
    for width in widths:
        layers += [nn.Conv2d(channels, width, 5, 2, 2), GDN(width)]
        channels = width
    return nn.Sequential(*layers, nn.Conv2d(channels, out, last_kernel, 2, last_kernel // 2))


def synthesis(latent: int, widths: Sequence[int]) -> nn.Sequential:
    """Latent ``(N, latent, H/16, W/16)`` to picture ``(N, 3, H, W)``, unclamped, the mirror of :func:`analysis`."""
    layers: list[nn.Module] = []
    channels = latent
    for width in widths:
        layers += [nn.ConvTranspose2d(channels, width, 5, 2, 2, 1), GDN(width, inverse=True)]
        channels = width
    return nn.Sequential(*layers, nn.ConvTranspose2d(channels, 3, 5, 2, 2, 1))


def pad_to(x: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until height and width divide by ``multiple``; float ``(N, C, H, W)``."""
    height, width = x.shape[-2:]
    return F.pad(x, (0, -width % multiple, 0, -height % multiple), mode="replicate")
