"""Transforms of the small diffusion codecs: a pyramid and a denoiser whose finest grid has a quarter of the rows.

What CDC publishes is kept in form: a decoder every level of which conditions a U-Net by concatenation. Its widths at
full resolution are out of reach of one thread, hence pixels folded four by four, and blocks of depthwise 7×7
convolutions. Pointwise layers are products of channels-last matrices: a tenth of the time of torch's own on one thread.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.layers.fusion import MixBlock

FOLD = 4
"""Rows and columns of pixels that share one position of the finest grid."""


class Pointwise(nn.Conv2d):
    """A 1×1 convolution, as one product of channels-last matrices."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, channels, h, w)`` to ``(N, out, h, w)``."""
        return F.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


class LevelBlock(MixBlock):
    """A mixing block whose pointwise layers are such products, perhaps told the time.

    Args:
        channels: Channels in and out.
        expansion: Hidden channels, as a multiple of ``channels``.
        time: Length of the time's embedding, which scales and shifts what the pointwise layers read; 0 for none.
    """

    def __init__(self, channels: int, expansion: float, time: int = 0) -> None:
        super().__init__(channels, expansion)
        self.told = nn.Linear(time, 2 * channels) if time else None

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        """Mix ``(N, C, h, w)``; ``time`` is ``(N, time)``."""
        inner = self.norm(self.spread(x).permute(0, 2, 3, 1))
        if self.told is not None:
            scale, shift = self.told(time)[:, None, None].chunk(2, -1)
            inner = torch.addcmul(shift, inner, 1 + scale)
        inner = F.gelu(F.linear(inner, self.widen.weight.flatten(1), self.widen.bias))
        return x + F.linear(inner, self.narrow.weight.flatten(1), self.narrow.bias).permute(0, 3, 1, 2)


def _wider(channels: int, out: int) -> nn.Sequential:
    """To twice the rows and columns."""
    return nn.Sequential(Pointwise(channels, 4 * out), nn.PixelShuffle(2))


class Pyramid(nn.Module):
    """Levels at strides 4, 8 and 16, and a picture from the finest; a side view's are added as they come.

    Args:
        latent: Channels of the latent.
        widths: Channels of the levels, fine to coarse.
        blocks: Mixing blocks of each level.
        expansion: Their hidden width over their width.
    """

    def __init__(self, latent: int, widths: Sequence[int], blocks: Sequence[int], expansion: float) -> None:
        super().__init__()
        self.enter = nn.ModuleList([_wider(c, o) for c, o in zip(widths[1:], widths, strict=False)])
        self.enter.append(Pointwise(latent, widths[-1]))
        self.mix = nn.ModuleList(
            [nn.ModuleList([LevelBlock(c, expansion) for _ in range(n)]) for c, n in zip(widths, blocks, strict=True)]
        )
        self.picture = nn.Sequential(nn.Conv2d(widths[0], 3 * FOLD**2, 3, 1, 1), nn.PixelShuffle(FOLD))

    def forward(self, latent: Tensor, side: Sequence[Tensor] | None) -> list[Tensor]:
        """Latents ``(N, latent, h, w)`` to the picture in [−1, 1] and the levels, fine to coarse.

        Args:
            latent: The decoded latent.
            side: Levels of the side view, fine to coarse, or None.
        """
        levels: list[Tensor] = []
        inner = latent
        for i in reversed(range(len(self.enter))):
            inner = self.enter[i](inner)
            if side is not None:
                inner = inner + side[i]
            for block in self.mix[i]:
                inner = block(inner)
            levels.insert(0, inner)
        return [self.picture(levels[0]).float(), *levels]


class SideLevels(nn.Module):
    """A side view's levels at strides 4, 8 and 16.

    Args:
        widths: Channels of the levels, fine to coarse.
        expansion: Hidden width of the mixing blocks over their width.
    """

    def __init__(self, widths: Sequence[int], expansion: float) -> None:
        super().__init__()
        folded = 3 * FOLD**2
        self.enter = nn.ModuleList([nn.Sequential(nn.PixelUnshuffle(FOLD), nn.Conv2d(folded, widths[0], 3, 1, 1))])
        self.enter.extend(nn.Conv2d(c, o, 2, 2) for c, o in zip(widths, widths[1:], strict=False))
        self.mix = nn.ModuleList([LevelBlock(c, expansion) for c in widths])

    def forward(self, y: Tensor) -> list[Tensor]:
        """Side views ``(N, 3, H, W)`` in [0, 1] to the levels, fine to coarse."""
        levels, inner = [], y * 2 - 1
        for enter, mix in zip(self.enter, self.mix, strict=True):
            inner = mix(enter(inner))
            levels.append(inner)
        return levels


class FoldedUNet(nn.Module):
    """Denoiser on folded pixels; each of its scales reads the pyramid's level by concatenation.

    Args:
        widths: Channels of the scales at strides 4, 8 and 16.
        levels: Channels of the pyramid's levels there.
        blocks: Blocks of each scale, going up; going down the finer ones have one each.
        expansion: Hidden width of the blocks over their width.
        time: Length of the time's embedding.
    """

    def __init__(
        self, widths: Sequence[int], levels: Sequence[int], blocks: Sequence[int], expansion: float, time: int
    ) -> None:
        super().__init__()
        folded = 3 * FOLD**2
        self.time_mlp = nn.Sequential(nn.Linear(1, time), nn.GELU(), nn.Linear(time, time), nn.GELU())
        entering = (2 * folded, *widths[1:])
        self.join = nn.ModuleList([Pointwise(e + c, w) for e, c, w in zip(entering, levels, widths, strict=True)])
        self.down = nn.ModuleList([nn.Conv2d(c, o, 2, 2) for c, o in zip(widths, widths[1:], strict=False)])
        self.before = nn.ModuleList([LevelBlock(c, expansion, time) for c in widths[:-1]])
        self.up = nn.ModuleList([_wider(c, o) for c, o in zip(widths[1:], widths, strict=False)])
        self.meet = nn.ModuleList([Pointwise(2 * c, c) for c in widths[:-1]])
        self.after = nn.ModuleList(
            [
                nn.ModuleList([LevelBlock(c, expansion, time) for _ in range(n)])
                for c, n in zip(widths, blocks, strict=True)
            ]
        )
        self.out = nn.Sequential(nn.Conv2d(widths[0], folded, 3, 1, 1), nn.PixelShuffle(FOLD))
        nn.init.zeros_(self.out[0].weight), nn.init.zeros_(self.out[0].bias)

    def forward(self, noisy: Tensor, time: Tensor, context: Sequence[Tensor]) -> Tensor:
        """What is to be added to the picture that is known.

        Args:
            noisy: ``(N, 3, H, W)``.
            time: ``(N,)`` in [0, 1].
            context: The pyramid's picture, and its levels from fine to coarse.
        """
        told = self.time_mlp(time[:, None])
        inner = F.pixel_unshuffle(torch.cat([noisy, context[0]], 1), FOLD)
        kept = []
        for i, join in enumerate(self.join):
            inner = join(torch.cat([inner, context[i + 1]], 1))
            if i < len(self.before):
                inner = self.before[i](inner, told)
                kept.append(inner)
                inner = self.down[i](inner)
        for i in reversed(range(len(self.after))):
            if i < len(self.up):
                inner = self.meet[i](torch.cat([self.up[i](inner), kept.pop()], 1))
            for block in self.after[i]:
                inner = block(inner, told)
        made: Tensor = self.out(inner)
        return made
