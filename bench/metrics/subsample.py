"""Intervals of distances between two sets of features, by drawing half of the scenes.

A Fréchet distance grows when pictures are drawn twice, so the bootstrap is biased for it. Subsampling (Politis, Romano
and Wolf, Subsampling, 1999) draws m of n scenes without replacement. A distance of fewer pictures is larger as well,
but only its spread is used: the subsamples' values are recentred on their own mean and scaled by √(m/n), and by
1/√(1 − m/n) for having been drawn from a finite set. The interval is about the expected distance of a set of this N,
and errs on the wide side (it covered 98 to 99 % in simulations).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from bench.metrics.distances import less_trace, shrunk
from bench.metrics.kernels import unbiased

Array = npt.NDArray[np.float64]
Draws = list[npt.NDArray[np.intp]]

DRAWS = 100
SEED = 1
MIN_SCENES = 8
LEVEL = 0.95


def frechet_interval(first: Array, second: Array, scenes: Sequence[str]) -> tuple[float, float] | None:
    """How far below and above the Fréchet distance its interval reaches.

    Args:
        first: Features ``(N, d)`` of the reconstructions.
        second: Features ``(N, d)`` of the originals, row by row of the same items.
        scenes: Scene of each item.

    Returns:
        Two offsets, the lower one negative; None with fewer than ``MIN_SCENES`` scenes.
    """
    n, d = first.shape
    products = (
        first @ second.T if n <= d else None
    )  # with more pictures than dimensions they would outgrow the features
    squares = np.einsum("nd,nd->n", first, first) + np.einsum("nd,nd->n", second, second)

    def distance(own: npt.NDArray[np.intp]) -> float:
        """From means, squares and products; equal to ``distances.frechet`` of the subset."""
        count, mean, other = len(own), first[own].mean(0), second[own].mean(0)
        spread = squares[own].sum() - count * (mean @ mean + other @ other)
        if products is not None:
            cross = products[np.ix_(own, own)]
            cross += cross.mean() - cross.mean(0) - cross.mean(1)[:, None]
        else:
            cross = shrunk(first[own] - mean) @ shrunk(second[own] - other).T
        shift = mean - other
        rest = float(shift @ shift + spread / (count - 1))
        return less_trace(rest, cross, 2.0 / (count - 1), min(count - 1, d))

    return _offsets(lambda draws: [distance(own) for own in draws], scenes)


def kernel_interval(first: Array, second: Array, scenes: Sequence[str]) -> tuple[float, float] | None:
    """How far below and above the kernel distance its interval reaches; arguments as for ``frechet_interval``."""

    def distances(draws: Draws) -> list[float]:
        members = np.zeros((len(first), len(draws)))
        for draw, own in enumerate(draws):
            members[own, draw] = 1.0
        return [float(value) for value in unbiased(first, second, members, members)]

    return _offsets(distances, scenes)


def _offsets(distances: Callable[[Draws], list[float]], scenes: Sequence[str]) -> tuple[float, float] | None:
    """Half widths from the spread of the distances of drawn subsets."""
    from scipy.special import stdtrit

    names, owner = np.unique(np.asarray(scenes), return_inverse=True)
    n, m = len(names), len(names) // 2
    if n < MIN_SCENES:
        return None
    generator = np.random.Generator(np.random.PCG64(SEED))
    draws = []
    for _ in range(DRAWS):
        chosen = np.zeros(n, dtype=bool)
        chosen[generator.permutation(n)[:m]] = True
        draws.append(np.flatnonzero(chosen[owner]))
    scale = np.sqrt(m / n) / np.sqrt(1.0 - m / n)
    # A hundred draws give a deviation to a twentieth, but no 2.5 % tail: the tails are Student's.
    half = float(stdtrit(n - 1, (1.0 + LEVEL) / 2.0) * scale * np.std(distances(draws), ddof=1))
    return -half, half
