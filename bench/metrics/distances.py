"""Distances between two sets of feature vectors: Fréchet, and kernel (MMD squared). float64, without torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bench.metrics.kernels import leave_out, unbiased

Array = npt.NDArray[np.float64]

SUBSETS, SUBSET_SIZE, SUBSET_SEED = 100, 250, 0
SUBSETS_FROM = 2 * SUBSET_SIZE
"""Subsets of 250 are drawn from 500 features on; below that they would overlap too much to mean anything."""

ACCURACY = 2e-7
"""Relative error of a Fréchet distance that is accepted for being quick."""
QUICK_FROM = 128
"""Singular values of smaller matrices take no time."""
ROWS = 400
"""Features of one set that are centred at a time."""


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
    n, m, d = len(first), len(second), first.shape[1]
    if min(n, m) < 2:
        raise ValueError("a covariance needs two samples or more")
    mean_a, mean_b = first.mean(0), second.mean(0)
    shift = mean_a - mean_b
    b = shrunk(second - mean_b)
    parts = [shrunk(first - mean_a)] if n > d else (first[i : i + ROWS] - mean_a for i in range(0, n, ROWS))
    rest, cross, row = shift @ shift + np.vdot(b, b) / (m - 1), np.empty((min(n, d), len(b))), 0
    for a in parts:  # one set is never there twice
        rest += np.vdot(a, a) / (n - 1)
        np.matmul(a, b.T, out=cross[row : row + len(a)])
        row += len(a)
    del a, b
    return less_trace(float(rest), cross, 2.0 / np.sqrt((n - 1) * (m - 1)), min(n - 1, m - 1, d))


def shrunk(matrix: Array) -> Array:
    """The triangular factor where there are more samples than dimensions: same singular values, smaller product."""
    n, d = matrix.shape
    return np.asarray(np.linalg.qr(matrix, mode="r")) if n > d else matrix


def less_trace(rest: float, cross: Array, scale: float, rank: int) -> float:
    """Return ``rest - scale * (sum of the singular values of cross)``, to ``ACCURACY`` of the result or better.

    The roots of the eigenvalues of the product of ``cross`` with itself are found in half the time of its singular
    values, but squaring costs the small ones their digits, and a distance near 0 is a small difference of large sums.
    So the error is bounded (``_roots``), and where it could be seen in the result, singular values are computed.

    Args:
        rest: Everything but the trace.
        cross: A product of centred features, ``(n, m)``.
        scale: Positive.
        rank: What the rank of ``cross`` cannot exceed.
    """
    if min(cross.shape) >= QUICK_FROM:
        total, error = _roots(cross, rank)
        value = rest - scale * total
        if scale * error <= ACCURACY * abs(value):
            return value
    return float(rest - scale * np.linalg.svd(cross, compute_uv=False).sum())


def _roots(cross: Array, rank: int) -> tuple[float, float]:
    """Sum of singular values by way of the squared matrix, and a bound of its error.

    Rounding of product and eigenvalues moves the product by tau = 4 sqrt(k) u |cross|^2 (Frobenius; k the longer side,
    u the unit roundoff; Higham and Mary, A new approach to probabilistic rounding error analysis, 2019). No eigenvalue
    moves by more (Weyl), and its root by no more than tau over the root, nor than the root of tau.
    """
    product = cross @ cross.T if cross.shape[0] < cross.shape[1] else cross.T @ cross
    tau = 2.0 * np.sqrt(max(cross.shape)) * np.finfo(np.float64).eps * np.trace(product)
    # Not SciPy's: its BLAS has threads of its own, which fight with NumPy's for the processors and double the time.
    values = np.linalg.eigvalsh(product)[len(product) - rank :].clip(0.0)
    error = (tau / np.sqrt(values.clip(tau))).sum() if tau > 0.0 else 0.0
    return float(np.sqrt(values).sum()), float(error)


def kernel_distance(first: Array, second: Array) -> float:
    """Unbiased MMD squared over the full sets; may be slightly negative.

    Args:
        first: Features ``(N, d)``, N of two or more.
        second: Features ``(M, d)``, M of two or more.
    """
    return float(unbiased(first, second, np.ones((len(first), 1)), np.ones((len(second), 1)))[0])


def kernel_subsets(first: Array, second: Array) -> tuple[float, float]:
    """Mean and standard deviation of MMD squared over 100 seeded subsets of 250, as other suites print KID.

    Args:
        first: Features ``(N, d)``, N of 250 or more.
        second: Features ``(N, d)``.
    """
    generator = np.random.Generator(np.random.PCG64(SUBSET_SEED))
    own_first, own_second = np.zeros((len(first), SUBSETS)), np.zeros((len(second), SUBSETS))
    for draw in range(SUBSETS):
        own_first[generator.choice(len(first), SUBSET_SIZE, replace=False), draw] = 1.0
        own_second[generator.choice(len(second), SUBSET_SIZE, replace=False), draw] = 1.0
    values = unbiased(first, second, own_first, own_second)
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
    count = len(names)
    if count < 2 or len(first) - np.bincount(scene).max() < 2:
        return float("nan")
    estimate = leave_out(first, second, scene)
    return float(np.sqrt((count - 1) / count * np.square(estimate - estimate.mean()).sum()))
