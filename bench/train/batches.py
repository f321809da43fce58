"""Training batches: pairs of several sets with joint augmentation, all from one seed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from bench.training import Training

_ORDER = 1 << 48
"""Seeds of the epochs' orders start here, apart from those of the steps."""


class Pairs(Protocol):
    """What training needs of a set of pairs; ``bench.data.PairSet`` is one."""

    def __len__(self) -> int: ...

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Pictures and side views, uint8 ``(n, 3, H, W)``."""
        ...


class Drawn(NamedTuple):
    """The batch of one step.

    Attributes:
        x: Pictures, float32 ``(n, 3, H, W)`` in [0, 1].
        y: Side views alike.
        whole: Each item's side view as it is stored, before any augmentation, uint8 ``(3, H, W)``.
        captions: A sentence about each pair, where its set has them.
    """

    x: Tensor
    y: Tensor
    whole: list[Tensor]
    captions: list[str | None]


def caption_of(pairs: Pairs, index: int) -> str | None:
    """Return a pair's sentence, where its set has them."""
    captions = getattr(pairs, "captions", None)
    found = captions([index]) if captions is not None else None
    return found[0] if found else None


def draw(sets: Sequence[Pairs], count: int, augment: str, step: int, seed: int = 0) -> Drawn:
    """Draw the batch of one step; it depends on ``seed`` and ``step`` alone, so a resumed run sees the same data.

    Each item's set is drawn evenly, then the pair, then which of its views is ``x``, then a joint horizontal flip;
    with ``flip+colour`` half of the items get a joint change of exposure and colour balance.
    """
    rng = torch.Generator().manual_seed(seed * 1_000_003 + step)
    xs, ys, whole, captions = [], [], [], []
    for _ in range(count):
        pairs = sets[int(torch.randint(len(sets), (), generator=rng))]
        index = int(torch.randint(len(pairs), (), generator=rng))
        x, y = pairs.batch([index])
        captions.append(caption_of(pairs, index))
        chance = torch.rand(3, generator=rng)
        if chance[0] < 0.5:
            x, y = y, x
        whole.append(y[0])
        both = torch.cat([x, y]).float() / 255
        if chance[1] < 0.5:
            both = both.flip(3)
        tint = torch.exp(0.25 * (torch.rand(1, generator=rng) - 0.5) + 0.12 * (torch.rand(3, generator=rng) - 0.5))
        if augment == "flip+colour" and chance[2] < 0.5:
            both = (both * tint.view(1, 3, 1, 1)).clamp(0, 1)
        xs.append(both[:1])
        ys.append(both[1:])
    return Drawn(torch.cat(xs), torch.cat(ys), whole, captions)


def take(sets: Sequence[Pairs], how: Training, step: int, seed: int = 0) -> Drawn:
    """Take the batch of one step of a training by epochs; it depends on ``seed`` and ``step`` alone.

    An epoch passes over the pairs of all sets in an order of its own, leaving out the last incomplete batch. Each
    item is x and y as listed, then augmented as ``how`` says, both views alike.
    """
    ends = list(accumulate(len(pairs) for pairs in sets))
    epoch, place = divmod(step, ends[-1] // how.batch)
    order = torch.randperm(ends[-1], generator=torch.Generator().manual_seed(_ORDER + seed * 1_000_003 + epoch))
    rng = torch.Generator().manual_seed(seed * 1_000_003 + step)
    words = how.augment.split("+")
    xs, ys, whole, captions = [], [], [], []
    for index in order[place * how.batch : (place + 1) * how.batch].tolist():
        chosen = bisect_right(ends, index)
        own = index - ends[chosen] + len(sets[chosen])
        x, y = sets[chosen].batch([own])
        captions.append(caption_of(sets[chosen], own))
        chance = torch.rand(5, generator=rng).tolist()
        if "swap" in words and chance[0] < 0.5:
            x, y = y, x
        whole.append(y[0])
        both = _crop(torch.cat([x, y]), how.crop, chance[3:]).float() / 255
        axes = [
            axis for word, axis, p in (("flip", 3, chance[1]), ("vflip", 2, chance[2])) if word in words and p < 0.5
        ]
        both = both.flip(axes)
        xs.append(both[:1])
        ys.append(both[1:])
    return Drawn(torch.cat(xs), torch.cat(ys), whole, captions)


def _crop(both: Tensor, size: Sequence[int], where: Sequence[float]) -> Tensor:
    """Cut the same rectangle out of both views; an axis that is not longer than its crop stays whole."""
    for axis, length, chance in zip((2, 3), size, where, strict=False):
        room = both.shape[axis] - length
        if room > 0:
            both = both.narrow(axis, int(chance * (room + 1)), length)
    return both
