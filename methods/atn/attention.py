"""Cross-attention between the feature maps of two views, one token a patch of one channel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GRID = 4
"""Each channel's map is cut into 4×4 patches, whatever its size."""


class _Attention(nn.Module):
    """Queries from ``x``, keys and values from ``y``.

    As in the authors' code each view has one projection to queries, keys and values together, of which two of the
    three parts (of ``x``) and one (of ``y``) stay unused.
    """

    def __init__(self, embed: int, heads: int, width: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.to_qkv_x = nn.Linear(embed, 3 * heads * width, bias=False)
        self.to_qkv_y = nn.Linear(embed, 3 * heads * width, bias=False)
        self.to_out = nn.Sequential(nn.Linear(heads * width, embed), nn.Dropout(dropout))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Attend from tokens ``x`` ``(N, T, E)`` to tokens ``y`` ``(N, T, E)``."""
        queries = F.linear(x, self.to_qkv_x.weight.chunk(3)[0])
        _, to_keys, to_values = self.to_qkv_y.weight.chunk(3)
        parts = (queries, F.linear(y, to_keys), F.linear(y, to_values))
        q, k, v = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in parts)
        attended: Tensor = self.to_out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return attended


class CrossAttention(nn.Module):
    """Cross-attention module of Mital et al., WACV 2023, section 3: no positions, no residual, no feed-forward layer.

    Args:
        height: Rows of the feature maps, a multiple of 4.
        width: Columns of the feature maps, a multiple of 4.
        embed: Length of a token.
        heads: Attention heads.
        head_width: Width of one head.
        dropout: Dropout of the attention's output, in training.
    """

    def __init__(self, height: int, width: int, embed: int, heads: int, head_width: int, dropout: float) -> None:
        super().__init__()
        self.patch = (height // GRID, width // GRID)
        pixels = self.patch[0] * self.patch[1]
        self.embed_x = nn.Linear(pixels, embed)
        self.embed_y = nn.Linear(pixels, embed)
        self.norm = nn.LayerNorm(embed)
        self.attn = _Attention(embed, heads, head_width, dropout)
        self.unpack = nn.Linear(embed, pixels)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """What ``x`` finds in ``y``: feature maps ``(N, C, height, width)`` of both views to one of that shape."""
        found = self.attn(self.norm(self.embed_x(self._cut(x))), self.norm(self.embed_y(self._cut(y))))
        return self._fold(self.unpack(found), x.shape[1])

    def _cut(self, maps: Tensor) -> Tensor:
        """Patches ``(N, 16·C, pixels)``, channel by channel and row by row."""
        rows, columns = self.patch
        cut = maps.unflatten(3, (GRID, columns)).unflatten(2, (GRID, rows))
        return cut.transpose(3, 4).reshape(maps.shape[0], -1, rows * columns)

    def _fold(self, tokens: Tensor, channels: int) -> Tensor:
        rows, columns = self.patch
        cut = tokens.view(-1, channels, GRID, GRID, rows, columns).transpose(3, 4)
        return cut.reshape(-1, channels, GRID * rows, GRID * columns).contiguous(memory_format=torch.contiguous_format)
