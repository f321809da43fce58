"""Strided convolution stacks with (inverse) generalised divisive normalisation.

Ballé et al., "Variational image compression with a scale hyperprior", ICLR 2018, figure 4.
"""

from __future__ import annotations

from collections.abc import Sequence

from compressai.layers import GDN
from torch import Tensor, nn
from torch.nn import functional as F

STACK = ((5, 2), (5, 2), (5, 2), (5, 2))
"""Kernel and stride of each convolution, as in Ballé2018; Ballé2017 has (9, 4), (5, 2), (5, 2)."""

Stack = Sequence[Sequence[int]]


def analysis(widths: Sequence[int], out: int, stack: Stack = STACK, last_kernel: int | None = None) -> nn.Sequential:
    """Picture ``(N, 3, H, W)`` to latent ``(N, out, H/16, W/16)``: strided convolutions with GDN between them.

    Args:
        widths: Channels after every convolution but the last.
        out: Channels of the latent.
        stack: Kernel and stride of each convolution.
        last_kernel: Kernel of the last convolution, where it differs from the stack's.
    """
    layers: list[nn.Module] = []
    channels = 3
    for width, (kernel, stride) in zip(widths, stack[:-1], strict=True):
        layers += [nn.Conv2d(channels, width, kernel, stride, kernel // 2), GDN(width)]
        channels = width
    kernel, stride = last_kernel or stack[-1][0], stack[-1][1]
    return nn.Sequential(*layers, nn.Conv2d(channels, out, kernel, stride, kernel // 2))


def synthesis(latent: int, widths: Sequence[int], stack: Stack = STACK, twice: bool = False) -> nn.Sequential:
    """Latent ``(N, latent, H/16, W/16)`` to picture ``(N, 3, H, W)``, unclamped, the mirror of :func:`analysis`.

    Args:
        latent: Channels of the latent.
        widths: Channels after every convolution but the last.
        stack: Kernel and stride of each convolution of the analysis, in its order.
        twice: The second convolution also serves as the third, as in the decoder of NDIC's first release.
    """
    layers: list[nn.Module] = []
    channels = latent
    for width, (kernel, stride) in zip(widths, stack[:0:-1], strict=True):
        layers += [_up(channels, width, kernel, stride), GDN(width, inverse=True)]
        channels = width
    if twice:
        layers[4] = layers[2]
    return nn.Sequential(*layers, _up(channels, 3, *stack[0]))


def _up(channels: int, out: int, kernel: int, stride: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(channels, out, kernel, stride, kernel // 2, stride - 1)


def pad_to(x: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until height and width divide by ``multiple``; float ``(N, C, H, W)``."""
    height, width = x.shape[-2:]
    return F.pad(x, (0, -width % multiple, 0, -height % multiple), mode="replicate")
