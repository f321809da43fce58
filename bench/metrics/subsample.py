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

from bench.metrics.distances import kernel, unbiased

Array = npt.NDArray[np.float64]

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
    # Everything that a subsample's distance needs is in the products of the features: no feature is read twice.
    ff, gg, fg = first @ first.T, second @ second.T, first @ second.T

    def distance(own: npt.NDArray[np.intp]) -> float:
        grid, n = np.ix_(own, own), len(own)
        a, b, cross = ff[grid], gg[grid], fg[grid]
        shift = a.mean() + b.mean() - 2.0 * cross.mean()
        spread = (np.trace(a) - n * a.mean() + np.trace(b) - n * b.mean()) / (n - 1)
        centred = cross - cross.mean(0) - cross.mean(1)[:, None] + cross.mean()
        return float(shift + spread - 2.0 * np.linalg.svd(centred, compute_uv=False).sum() / (n - 1))

    return _offsets(distance, scenes)


def kernel_interval(first: Array, second: Array, scenes: Sequence[str]) -> tuple[float, float] | None:
    """How far below and above the kernel distance its interval reaches; arguments as for ``frechet_interval``."""
    xx, yy, xy = kernel(first, first), kernel(second, second), kernel(first, second)

    def distance(own: npt.NDArray[np.intp]) -> float:
        grid = np.ix_(own, own)
        return unbiased(xx[grid], yy[grid], xy[grid])

    return _offsets(distance, scenes)


def _offsets(distance: Callable[[npt.NDArray[np.intp]], float], scenes: Sequence[str]) -> tuple[float, float] | None:
    from scipy.special import stdtrit

    names, owner = np.unique(np.asarray(scenes), return_inverse=True)
    n, m = len(names), len(names) // 2
    if n < MIN_SCENES:
        return None
    generator = np.random.Generator(np.random.PCG64(SEED))
    values = []
    for _ in range(DRAWS):
        chosen = np.zeros(n, dtype=bool)
        chosen[generator.permutation(n)[:m]] = True
        values.append(distance(np.flatnonzero(chosen[owner])))
    scale = np.sqrt(m / n) / np.sqrt(1.0 - m / n)
    # A hundred draws give a deviation to a twentieth, but no 2.5 % tail: the tails are Student's.
    half = float(stdtrit(n - 1, (1.0 + LEVEL) / 2.0) * scale * np.std(values, ddof=1))
    return -half, half
