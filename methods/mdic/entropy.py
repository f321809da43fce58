"""MDIC's entropy model over the indices of a raster scan: a decoder-only transformer.

Post-norm blocks of causal attention, as released; the small form also reads the index above and a two-dimensional
position, and shares its blocks among the rate points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


def waves(positions: Tensor, width: int) -> Tensor:
    """Sines and cosines ``(n, width)`` of positions ``(n,)``, wavelengths from 2π to 20000π (Vaswani et al., 2017)."""
    rates = torch.exp(torch.arange(0, width, 2, dtype=torch.float64) * (-math.log(10000.0) / width))
    angles = positions.double()[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], 2).flatten(1)[:, :width]


class Block(nn.Module):
    """Causal attention, then two pointwise layers, each added and normalised.

    Args:
        width: Channels.
        heads: Attention heads.
        hidden: Channels between the two layers.
        dropout: Share of values that training drops.
    """

    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attend, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, L, width)``; position ``t`` reads those up to itself."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.attend(x).chunk(3, -1)
        )
        attended = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = self.first(x + self.drop(self.out(attended.transpose(1, 2).flatten(2))))
        inner = self.narrow(nn.functional.gelu(self.widen(x)))
        made: Tensor = self.second(x + self.drop(inner))
        return made


class IndexModel(nn.Module):
    """Probabilities of the indices of each rate point.

    Args:
        codes: Codebook size of each rate point.
        width: Channels.
        heads: Attention heads.
        hidden: Channels inside the blocks.
        blocks: Number of blocks.
        dropout: Share of values that training drops.
        above: Read the index above as well, and tell rows from columns.
    """

    def __init__(
        self, codes: Sequence[int], width: int, heads: int, hidden: int, blocks: int, dropout: float, above: bool
    ) -> None:
        super().__init__()
        self.width, self.above = width, above
        self.tokens = nn.ModuleList([nn.Embedding(k + 1, width) for k in codes])  # the last row stands before all
        self.heads = nn.ModuleList([nn.Linear(width, k) for k in codes])
        self.blocks = nn.ModuleList([Block(width, heads, hidden, dropout) for _ in range(blocks)])
        if above:
            self.higher = nn.Linear(width, width, bias=False)

    def places(self, height: int, columns: int) -> Tensor:
        """What is added for the positions of a raster scan, float64 ``(L, width)``."""
        index = torch.arange(height * columns)
        if not self.above:
            return waves(index, self.width)
        half = self.width // 2
        return torch.cat([waves(index // columns, half), waves(index % columns, self.width - half)], 1)

    def forward(self, index: Tensor, point: int) -> Tensor:
        """Logits ``(N, L, K)`` of indices ``(N, h, w)``, each from those before it."""
        height, columns = index.shape[1:]
        flat, table = index.flatten(1), self.tokens[point]
        none = torch.full_like(flat[:, :1], table.num_embeddings - 1)
        x = table(torch.cat([none, flat[:, :-1]], 1))
        if self.above:
            over = torch.cat([none.expand(-1, columns), flat[:, : flat.shape[1] - columns]], 1)
            x = x + self.higher(table(over))
        x = x + self.places(height, columns).to(x)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.heads[point](x)
        return logits

    def bits(self, index: Tensor, point: int) -> Tensor:
        """Bits ``(N,)`` of indices ``(N, h, w)``: base-2 logarithms, where the release sums natural ones."""
        logits = self(index, point).transpose(1, 2)
        if logits.dtype != torch.float64:
            logits = logits.float()
        found = nn.functional.cross_entropy(logits, index.flatten(1), reduction="none")
        return found.sum(1) / math.log(2)
