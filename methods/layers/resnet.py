"""Blocks of CDC's networks: residual blocks with a norm over channels, linear attention, and changes of resolution.

Yang and Mandt, "Lossy image compression with conditional diffusion models", NeurIPS 2023, arXiv 2209.06950.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each position, with a gain and a bias a channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.b = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(N, C, h, w)``."""
        last = x.permute(0, 2, 3, 1)
        return F.layer_norm(last, last.shape[-1:], self.g.flatten(), self.b.flatten(), 1e-5).permute(0, 3, 1, 2)


class Block(nn.Module):
    """Convolution, norm over channels, ReLU."""

    def __init__(self, channels: int, out: int, kernel: int = 3) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(channels, out, kernel, 1, kernel // 2), ChannelNorm(out), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """``(N, channels, h, w)`` to ``(N, out, h, w)``."""
        made: Tensor = self.block(x)
        return made


class ResnetBlock(nn.Module):
    """Two blocks beside a skip; the embedding of the time, where there is one, is added between them.

    Args:
        channels: Channels in.
        out: Channels out.
        time: Length of the time's embedding; 0 for a block without.
        kernel: Kernel of the first convolution.
    """

    def __init__(self, channels: int, out: int, time: int = 0, kernel: int = 3) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(time, out)) if time else None
        self.block1, self.block2 = Block(channels, out, kernel), Block(out, out)
        self.res_conv = nn.Conv2d(channels, out, 1) if channels != out else nn.Identity()

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        """``(N, channels, h, w)`` and an embedding ``(N, time)`` to ``(N, out, h, w)``."""
        inner = self.block1(x)
        if self.mlp is not None:
            inner = inner + self.mlp(time)[:, :, None, None]
        made: Tensor = self.block2(inner) + self.res_conv(x)
        return made


class LinearAttention(nn.Module):
    """One head of attention whose cost is linear in the positions, behind a norm and beside a skip.

    Keys are normalised over the positions, queries scaled by 1/√channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.to_qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.to_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Attend ``(N, C, h, w)``."""
        query, key, value = self.to_qkv(self.norm(x)).flatten(2).chunk(3, 1)
        context = key.softmax(-1) @ value.transpose(1, 2)  # (N, C of keys, C of values)
        attended = context.transpose(1, 2) @ (query * query.shape[1] ** -0.5)
        made: Tensor = x + self.to_out(attended.unflatten(2, x.shape[2:]))
        return made


def halve(channels: int) -> nn.Conv2d:
    """3×3 of stride 2, as CDC goes down."""
    return nn.Conv2d(channels, channels, 3, 2, 1)


def double(channels: int, out: int | None = None) -> nn.ConvTranspose2d:
    """Transposed 4×4 of stride 2, as CDC goes up."""
    return nn.ConvTranspose2d(channels, out or channels, 4, 2, 1)
