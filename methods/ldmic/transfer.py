"""Joint context transfer: what the decoder passes from one view's features to the other's.

Zhang, Shao, Zhang, "LDMIC: Learning-based distributed multi-view image coding", ICLR 2023, section 3.2; the attention
is that of Shen et al., "Efficient attention: attention with linear complexities", WACV 2021.
"""

from __future__ import annotations

import torch
from compressai.layers import ResidualBlock
from torch import Tensor, nn

from methods.layers.fusion import MixBlock


class EfficientAttention(nn.Module):
    """Linear cross-attention: keys and values of the other view make a global context, own queries read it.

    Args:
        channels: Channels of both views' features.
        keys: Channels of keys and of queries, over all heads.
        values: Channels of values, over all heads.
        heads: Number of heads.
        out: Channels of the result.
    """

    def __init__(self, channels: int, keys: int, values: int, heads: int, out: int) -> None:
        super().__init__()
        self.heads = heads
        self.keys = nn.Conv2d(channels, keys, 1)
        self.queries = nn.Conv2d(channels, keys, 1)
        self.values = nn.Conv2d(channels, values, 1)
        self.reprojection = nn.Conv2d(values, out, 1)

    def forward(self, own: Tensor, other: Tensor) -> Tensor:
        """Return ``(N, out, h, w)`` from features ``(N, C, h, w)`` of the two views."""
        keys = self._split(self.keys(other)).softmax(3)
        queries = self._split(self.queries(own)).softmax(2)
        context = keys @ self._split(self.values(other)).transpose(2, 3)
        attended = context.transpose(2, 3) @ queries
        result: Tensor = self.reprojection(attended.reshape(own.shape[0], -1, *own.shape[2:]))
        return result

    def _split(self, maps: Tensor) -> Tensor:
        return maps.flatten(2).unflatten(1, (self.heads, -1))


class JointContextTransfer(nn.Module):
    """Joint context transfer with the published blocks; the same weights serve both views.

    Args:
        channels: Channels of each view.
        keys: Channels of keys and of queries.
        values: Channels of values.
        heads: Number of heads.
    """

    def __init__(self, channels: int, keys: int, values: int, heads: int) -> None:
        super().__init__()
        self.features = nn.Sequential(ResidualBlock(channels, channels), ResidualBlock(channels, channels))
        self.attention = EfficientAttention(channels, keys, values, heads, channels)
        self.join = nn.Sequential(ResidualBlock(2 * channels, channels), ResidualBlock(channels, channels))

    def gather(self, own: Tensor, other: Tensor) -> Tensor:
        """What the joining blocks read, from both views' features."""
        return torch.cat([self.attention(own, other), own], 1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return ``x`` ``(N, C, h, w)`` with what it takes from ``y`` of the same shape."""
        joined: Tensor = self.join(self.gather(self.features(x), self.features(y)))
        return x + joined

    def both(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return both views, each with what it takes from the other."""
        views = torch.cat([x, y])
        own = self.features(views)
        joined: Tensor = self.join(self.gather(own, torch.cat(own.chunk(2)[::-1])))
        first, second = (views + joined).chunk(2)
        return first, second


class SmallTransfer(JointContextTransfer):
    """Joint context transfer of the small presets: depthwise blocks, and the other view's features read in place.

    The published blocks pass on the global context alone and leave local matching to 192 channels; with few channels
    the other view's features, next to the own ones, are what saves bits.

    Args:
        channels: Channels of each view.
        inner: Channels of each view's features.
        attended: Channels of the attention's result; half as many keys.
        blocks: Mixing blocks over all that is joined.
    """

    def __init__(self, channels: int, inner: int, attended: int, blocks: int) -> None:
        nn.Module.__init__(self)
        joined = 2 * inner + attended
        self.features = nn.Sequential(nn.Conv2d(channels, inner, 1), MixBlock(inner))
        self.attention = EfficientAttention(inner, attended // 2, attended, 2, attended)
        self.join = nn.Sequential(*(MixBlock(joined) for _ in range(blocks)), nn.Conv2d(joined, channels, 1))

    def gather(self, own: Tensor, other: Tensor) -> Tensor:
        """What the joining blocks read, from both views' features."""
        return torch.cat([self.attention(own, other), own, other], 1)
