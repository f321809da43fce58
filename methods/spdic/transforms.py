"""How SPDIC's decoder takes the side view in: features of ``y`` at several strides, and the synthesis they join."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from compressai.layers import GDN
from torch import Tensor, nn

from methods.layers.compressor import Encoder, PyramidDecoder
from methods.layers.fusion import fusion
from methods.layers.transforms import analysis

STACK = ((9, 4), (5, 2), (5, 2))
"""Kernel and stride of the small preset's convolutions; the other one has CDC's stages."""


class PublishedSide(nn.Module):
    """CDC's encoder and three stages of its decoder: features of ``y`` at 1/16, 1/8, 1/4 and 1/2.

    Args:
        widths: Channels of the encoder's stages.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.enc_y = Encoder(widths)
        self.dec_y = PyramidDecoder(widths[-1], (*widths[-2::-1], 3))
        del self.dec_y[-1]  # the picture that it would end in is not used

    def forward(self, y: Tensor) -> list[Tensor]:
        """Features of side views ``(N, 3, H, W)`` in [−1, 1], coarse to fine."""
        features = [self.enc_y(y)]
        for stage in self.dec_y:
            features.append(stage(features[-1]))
        return features


class PublishedJoin(PyramidDecoder):
    """CDC's decoder, each of whose stages also reads the side view's features of its resolution.

    Args:
        widths: Channels of the encoder's stages.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__(widths[-1], (*widths[-2::-1], 3), widths[::-1])

    def forward(self, latent: Tensor, features: Sequence[Tensor]) -> Tensor:  # type: ignore[override]
        """Picture ``(N, 3, 16h, 16w)`` in about [−1, 1] of a latent ``(N, M, h, w)`` and features, coarse to fine."""
        for stage, feature in zip(self, features, strict=True):
            latent = stage(torch.cat([latent, feature], 1))
        return latent


class SmallSide(nn.Module):
    """Features of ``y`` at 1/16, 1/8 and 1/4, as the encoder's own stages give them.

    Args:
        widths: Channels at 1/4 and 1/8, and of the latent.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.enc_y = analysis(widths[:-1], widths[-1], STACK)

    def forward(self, y: Tensor) -> list[Tensor]:
        """Features of side views ``(N, 3, H, W)`` in [−1, 1], coarse to fine."""
        quarter = self.enc_y[:2](y)
        eighth = self.enc_y[2:4](quarter)
        return [self.enc_y[4:](eighth), eighth, quarter]


class SmallJoin(nn.Module):
    """Mixes latent and features at 1/16, and joins the finer features by pointwise convolutions.

    Args:
        widths: Channels at 1/4 and 1/8, and of the latent.
        blocks: Mixing blocks at 1/16.
    """

    def __init__(self, widths: Sequence[int], blocks: int) -> None:
        super().__init__()
        quarter, eighth, latent = widths
        self.mix = fusion(latent, latent, blocks)
        self.ups = nn.ModuleList([_up(latent, eighth), _up(eighth, quarter)])
        self.joins = nn.ModuleList([nn.Conv2d(2 * eighth, eighth, 1), nn.Conv2d(2 * quarter, quarter, 1)])
        self.last = nn.ConvTranspose2d(quarter, 3, 9, 4, 4, 3)

    def forward(self, latent: Tensor, features: Sequence[Tensor]) -> Tensor:
        """Picture ``(N, 3, 16h, 16w)`` in about [−1, 1] of a latent ``(N, M, h, w)`` and features, coarse to fine."""
        made = self.mix(torch.cat([latent, features[0]], 1))
        for up, join, feature in zip(self.ups, self.joins, features[1:], strict=True):
            made = join(torch.cat([up(made), feature], 1))
        picture: Tensor = self.last(made)
        return picture


def _up(channels: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(channels, out, 5, 2, 2, 1), GDN(out, inverse=True))


def encoder(widths: Sequence[int], small: bool) -> nn.Module:
    """Analysis of pictures ``(N, 3, H, W)`` in [−1, 1] to latents ``(N, widths[-1], H/16, W/16)``."""
    return analysis(widths[:-1], widths[-1], STACK) if small else Encoder(widths)
