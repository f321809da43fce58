"""MDIC's align networks: from the frozen autoencoder's latent to the features that are quantised.

PerCo's hyper-encoder (Careil et al., ICLR 2024), which MDIC calls HyperAlign.
"""

from __future__ import annotations

from collections.abc import Sequence

from compressai.layers import AttentionBlock
from torch import Tensor, nn


class Bottleneck(nn.Module):
    """Pointwise to half the channels, 3×3, pointwise back, beside a skip."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.inner = nn.Sequential(
            nn.Conv2d(channels, half, 1), nn.ReLU(),
            nn.Conv2d(half, half, 3, 1, 1), nn.ReLU(), nn.Conv2d(half, channels, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, h, w)`` to the same."""
        made: Tensor = x + self.inner(x)
        return made


def _conv(channels: int, out: int, strided: bool) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 5, 2, 2) if strided else nn.Conv2d(channels, out, 1)


def hyper_align(latent: int, width: int, out: int, ratio: int) -> nn.Sequential:
    """The published network: three stages of which the last log2(``ratio``) halve the resolution.

    Args:
        latent: Channels of the autoencoder's latent.
        width: Channels inside.
        out: Channels of the features.
        ratio: Latent rows to one row of features: 1, 2, 4 or 8.
    """
    halvings = ratio.bit_length() - 1
    strided = [stage >= 3 - halvings for stage in range(3)]
    residual = [nn.Sequential(*(Bottleneck(width) for _ in range(3))) for _ in range(3)]
    return nn.Sequential(
        _conv(latent, width, strided[0]), residual[0],
        _conv(width, width, strided[1]), residual[1], AttentionBlock(width),
        _conv(width, width, strided[2]), residual[2],
        nn.Conv2d(width, out, 1), AttentionBlock(out),
    )  # fmt: skip


class SharedAlign(nn.Module):
    """The small network: one trunk, from which each resolution branches off.

    Args:
        latent: Channels of the autoencoder's latent.
        width: Channels inside.
        out: Channels of the features.
        ratios: Ratio of each rate point.
        blocks: Residual blocks of each resolution.
    """

    def __init__(self, latent: int, width: int, out: int, ratios: Sequence[int], blocks: int) -> None:
        super().__init__()
        self.ratios = tuple(ratios)
        self.enter = nn.Conv2d(latent, width, 3, 1, 1)
        halvings = max(ratios).bit_length() - 1
        self.downs = nn.ModuleList([nn.Conv2d(width, width, 4, 2, 1) for _ in range(halvings)])
        self.stages = nn.ModuleList(
            [nn.Sequential(*(Bottleneck(width) for _ in range(blocks))) for _ in range(halvings + 1)]
        )
        self.heads = nn.ModuleList([nn.Conv2d(width, out, 1) for _ in ratios])

    def forward(self, latent: Tensor, point: int) -> Tensor:
        """Features ``(N, out, h/ratio, w/ratio)`` of latents ``(N, C, h, w)`` for one rate point."""
        x = self.stages[0](self.enter(latent))
        for halving in range(self.ratios[point].bit_length() - 1):
            x = self.stages[halving + 1](self.downs[halving](x))
        found: Tensor = self.heads[point](x)
        return found


class PublishedAlign(nn.Module):
    """:func:`hyper_align` of one rate point, called like :class:`SharedAlign`."""

    def __init__(self, latent: int, width: int, out: int, ratio: int) -> None:
        super().__init__()
        self.backbone = hyper_align(latent, width, out, ratio)

    def forward(self, latent: Tensor, point: int) -> Tensor:
        """Features ``(N, out, h/ratio, w/ratio)`` of latents ``(N, C, h, w)``; ``point`` is 0."""
        found: Tensor = self.backbone(latent)
        return found
