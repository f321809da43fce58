"""Residual blocks that mix a decoded latent with the common information on the latent's grid."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class MixBlock(nn.Module):
    """Depthwise 7×7, channel norm, two pointwise layers, added to the input.

    The block of Liu et al., "A ConvNet for the 2020s", CVPR 2022. Seven latents span 112 pixels, more than any
    disparity at the protocol's size, so that each position sees the matching one; the published widths do this by
    their 192 channels, which a small preset does not have.

    Args:
        channels: Channels in and out.
        expansion: Hidden channels of the pointwise layers, as a multiple of ``channels``.
    """

    def __init__(self, channels: int, expansion: float = 1.5) -> None:
        super().__init__()
        hidden = int(channels * expansion)
        self.spread = nn.Conv2d(channels, channels, 7, 1, 3, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.widen = nn.Conv2d(channels, hidden, 1)
        self.narrow = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Mix ``(N, C, h, w)``."""
        inner = self.norm(self.spread(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        mixed: Tensor = self.narrow(F.gelu(self.widen(inner)))
        return x + mixed


def fusion(latent: int, common: int, blocks: int) -> nn.Sequential:
    """``latent + common`` channels to ``latent``: mixing blocks, then a pointwise projection."""
    channels = latent + common
    return nn.Sequential(*(MixBlock(channels) for _ in range(blocks)), nn.Conv2d(channels, latent, 1))
