"""CDC's denoiser: a U-Net on pixels that reads one level of the compressor's pyramid at each of its finer scales.

Yang and Mandt, NeurIPS 2023, arXiv 2209.06950; DICM has the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from methods.layers.resnet import ChannelNorm, LinearAttention, ResnetBlock, double, halve

WIDTHS = (64, 128, 192, 256, 320, 384)


class UNet(nn.Module):
    """Noisy pictures, their time and the pyramid to the network's estimate.

    Modules are called as in the authors' checkpoints, but for the attention's norm, which lies deeper there.

    Args:
        context: Channels of the pyramid's levels, fine to coarse.
        widths: Channels of the scales, fine to coarse.
        time: Length of the time's embedding.
    """

    def __init__(self, context: Sequence[int], widths: Sequence[int] = WIDTHS, time: int = 64) -> None:
        super().__init__()
        self.time_mlp = nn.Sequential(nn.Linear(1, 4 * time), nn.GELU(), nn.Linear(4 * time, time))
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for i, (channels, out) in enumerate(zip((3, *widths[:-1]), widths, strict=True)):
            joined = context[i] if i < len(context) else 0
            first = ResnetBlock(channels + joined, out, time, 3 if i else 7)
            last = i + 1 == len(widths)
            self.downs.append(_scale(first, out, time, nn.Identity() if last else halve(out)))
        self.mid_block1 = ResnetBlock(widths[-1], widths[-1], time)
        self.mid_attn = LinearAttention(widths[-1])
        self.mid_block2 = ResnetBlock(widths[-1], widths[-1], time)
        for out, channels in zip(widths[-2::-1], widths[:0:-1], strict=True):
            self.ups.append(_scale(ResnetBlock(2 * channels, out, time), out, time, double(out)))
        self.final_conv = nn.Sequential(ChannelNorm(widths[0]), nn.Conv2d(widths[0], 3, 7, 1, 3))

    def forward(self, noisy: Tensor, time: Tensor, context: Sequence[Tensor]) -> Tensor:
        """Estimate noise or picture.

        Args:
            noisy: ``(N, 3, H, W)``, H and W multiples of 32.
            time: ``(N,)`` in [0, 1].
            context: The pyramid, fine to coarse.

        Returns:
            ``(N, 3, H, W)``.
        """
        embedded = self.time_mlp(time[:, None])
        inner, kept = noisy, []
        for i, (first, second, attention, down) in enumerate(self.downs):
            if i < len(context):
                inner = torch.cat([inner, context[i]], 1)
            inner = attention(second(first(inner, embedded), embedded))
            kept.append(inner)
            inner = down(inner)
        inner = self.mid_block2(self.mid_attn(self.mid_block1(inner, embedded)), embedded)
        for first, second, attention, up in self.ups:
            inner = torch.cat([inner, kept.pop()], 1)
            inner = up(attention(second(first(inner, embedded), embedded)))
        made: Tensor = self.final_conv(inner)
        return made


def _scale(first: ResnetBlock, channels: int, time: int, change: nn.Module) -> nn.ModuleList:
    return nn.ModuleList([first, ResnetBlock(channels, channels, time), LinearAttention(channels), change])
