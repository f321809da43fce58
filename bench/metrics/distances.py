"""Distances between two sets of feature vectors: Fréchet, and kernel (MMD squared). float64, numpy alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SUBSETS, SUBSET_SIZE, SUBSET_SEED = 100, 250, 0
SUBSETS_FROM = 2 * SUBSET_SIZE
"""Subsets of 250 are drawn from 500 features on; below that they would overlap too much to mean anything."""


def frechet(first: Array, second: Array) -> float:
    """Fréchet distance between the Gaussians fitted to two sets (Heusel et al., 2017).

    With centred, scaled feature matrices A and B the trace of the square root of the product of their covariances is
    the sum of the singular values of A B^T: no covariance, no matrix square root, no imaginary part, exact where there
    are fewer samples than dimensions.

    Args:
        first: Features ``(N, d)``.
        second: Features ``(M, d)``.

    Returns:
        The distance; 0 for equal sets up to rounding.

    Raises:
        ValueError: Fewer than two samples in a set.
    """
    (mean_a, a), (mean_b, b) = _centred(first), _centred(second)
    shift = mean_a - mean_b
    trace = np.linalg.svd(_shrunk(a) @ _shrunk(b).T, compute_uv=False).sum()
    return float(shift @ shift + np.vdot(a, a) + np.vdot(b, b) - 2.0 * trace)


def _centred(features: Array) -> tuple[Array, Array]:
    """The mean, and what the covariance is the square of."""
    if len(features) < 2:
        raise ValueError("a covariance needs two samples or more")
    mean = np.asarray(features.mean(0))
    centred = features - mean
    centred /= np.sqrt(len(features) - 1)
    return mean, centred


def _shrunk(matrix: Array) -> Array:
    """The triangular factor where there are more samples than dimensions: same singular values, smaller product."""
    n, d = matrix.shape
    return np.asarray(np.linalg.qr(matrix, mode="r")) if n > d else matrix


def kernel(first: Array, second: Array) -> Array:
    """KID's polynomial kernel: degree 3, gamma 1/d, coefficient 1 (Bińkowski et al., 2018)."""
    values = np.asarray(first @ second.T)
    values /= first.shape[1]  # in place: these matrices are the largest that a set needs
    values += 1.0
    return np.power(values, 3, out=values)


def unbiased(xx: Array, yy: Array, xy: Array) -> float:
    """Unbiased MMD squared from the kernel matrices within and across two sets."""
    n, m = xy.shape
    within = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within - 2.0 * xy.mean())


def kernel_distance(first: Array, second: Array) -> float:
    """Unbiased MMD squared over the full sets; may be slightly negative.

    Args:
        first: Features ``(N, d)``, N of two or more.
        second: Features ``(M, d)``, M of two or more.
    """
    return unbiased(kernel(first, first), kernel(second, second), kernel(first, second))


def kernel_subsets(first: Array, second: Array) -> tuple[float, float]:
    """Mean and standard deviation of MMD squared over 100 seeded subsets of 250, as other suites print KID.

    Args:
        first: Features ``(N, d)``, N of 250 or more.
        second: Features ``(N, d)``.
    """
    generator = np.random.Generator(np.random.PCG64(SUBSET_SEED))
    xx, yy, xy = kernel(first, first), kernel(second, second), kernel(first, second)
    values = []
    for _ in range(SUBSETS):
        i = generator.choice(len(first), SUBSET_SIZE, replace=False)
        j = generator.choice(len(second), SUBSET_SIZE, replace=False)
        values.append(unbiased(xx[np.ix_(i, i)], yy[np.ix_(j, j)], xy[np.ix_(i, j)]))
    return float(np.mean(values)), float(np.std(values, ddof=1))


def kernel_jackknife(first: Array, second: Array, scenes: Sequence[str]) -> float:
    """Standard error of the full-sample MMD squared by leaving out one scene at a time.

    Args:
        first: Features ``(N, d)``.
        second: Features ``(N, d)``, row by row of the same items.
        scenes: Scene of each item; pictures of one scene are not independent.

    Returns:
        The standard error; NaN with fewer than two scenes or where a scene is all but one of the items.
    """
    names, scene = np.unique(np.asarray(scenes), return_inverse=True)
    if len(names) < 2:
        return float("nan")
    member = np.zeros((len(first), len(names)))
    member[np.arange(len(first)), scene] = 1.0
    left = len(first) - member.sum(0)
    if left.min() < 2:
        return float("nan")
    xx, yy, xy = kernel(first, first), kernel(second, second), kernel(first, second)
    np.fill_diagonal(xx, 0.0)
    np.fill_diagonal(yy, 0.0)
    within = (_without(xx, member) + _without(yy, member)) / (left * (left - 1))
    estimate = within - 2.0 * _without(xy, member) / left**2
    count = len(names)
    return float(np.sqrt((count - 1) / count * np.square(estimate - estimate.mean()).sum()))


def _without(kernel: Array, member: Array) -> Array:
    """Sum of a kernel matrix with one scene's rows and columns left out, for each scene."""
    rows, columns = member.T @ kernel.sum(1), member.T @ kernel.sum(0)
    own = np.einsum("ng,nm,mg->g", member, kernel, member, optimize=True)
    return np.asarray(kernel.sum() - rows - columns + own)
