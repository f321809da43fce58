"""Reading activations tile by tile, so that what is computed between two of them stays in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

TILE_BYTES = 1 << 17


def positions(level: Tensor) -> Tensor:
    """``(N, C, H, W)`` as ``(N, H·W, C)``; a view where the channels come last in memory."""
    return level.permute(0, 2, 3, 1).flatten(1, 2)


def tiles(first: Tensor, second: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the same positions of two ``(N, P, C)``: some at a time on the CPU, all at once on an accelerator."""
    count = first.shape[1]
    step = max(1, TILE_BYTES // (first.element_size() * first.shape[2])) if first.device.type == "cpu" else count
    for start in range(0, count, step):
        yield first[:, start : start + step], second[:, start : start + step]
