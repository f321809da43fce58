"""Training batches: pairs drawn from several sets with joint augmentation, all from one seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


class Pairs(Protocol):
    """What training needs of a set of pairs; ``bench.data.PairSet`` is one."""

    def __len__(self) -> int: ...

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Pictures and side views, uint8 ``(n, 3, H, W)``."""
        ...


def draw(sets: Sequence[Pairs], count: int, augment: str, step: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Draw the batch of one step; it depends on ``seed`` and ``step`` alone, so a resumed run sees the same data.

    Each item's set is drawn evenly, then the pair, then which of its views is ``x``, then a joint horizontal flip;
    with ``flip+colour`` half of the items get a joint change of exposure and colour balance.

    Returns:
        ``x`` and ``y``, float32 ``(count, 3, H, W)`` in [0, 1].
    """
    rng = torch.Generator().manual_seed(seed * 1_000_003 + step)
    xs, ys = [], []
    for _ in range(count):
        pairs = sets[int(torch.randint(len(sets), (), generator=rng))]
        x, y = pairs.batch([int(torch.randint(len(pairs), (), generator=rng))])
        chance = torch.rand(3, generator=rng)
        if chance[0] < 0.5:
            x, y = y, x
        both = torch.cat([x, y]).float() / 255
        if chance[1] < 0.5:
            both = both.flip(3)
        tint = torch.exp(0.25 * (torch.rand(1, generator=rng) - 0.5) + 0.12 * (torch.rand(3, generator=rng) - 0.5))
        if augment == "flip+colour" and chance[2] < 0.5:
            both = (both * tint.view(1, 3, 1, 1)).clamp(0, 1)
        xs.append(both[:1])
        ys.append(both[1:])
    return torch.cat(xs), torch.cat(ys)
