"""Fréchet and kernel distances against the reference code, brute force and hand computation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from bench.metrics import distances


def _sets(n: int, d: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    mix = generator.normal(size=(d, d)) / np.sqrt(d)
    first = generator.normal(size=(n, d)) @ mix
    return first, first + 0.5 * generator.normal(size=(n, d)) + 0.1


@pytest.mark.parametrize(("n", "d"), [(40, 12), (300, 64)])
def test_frechet_equals_clean_fid_where_the_covariance_has_full_rank(n: int, d: int) -> None:
    if not hasattr(linalg, "sqrtm"):
        pytest.skip("this SciPy has no sqrtm, which clean-fid's own function calls")
    first, second = _sets(n, d)
    means, covariances = [s.mean(0) for s in (first, second)], [np.cov(s, rowvar=False) for s in (first, second)]
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    shift = means[0] - means[1]
    expected = shift @ shift + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.trace(root)
    assert distances.frechet(first, second) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(("n", "d"), [(10, 50), (60, 20), (30, 30)])
def test_frechet_equals_the_symmetric_eigenvalue_form(n: int, d: int) -> None:
    first, second = _sets(n, d)
    second = second[: n - 3]
    a, b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    values, vectors = np.linalg.eigh(a)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    trace = np.sqrt(np.linalg.eigvalsh(root @ b @ root).clip(0)).sum()
    shift = first.mean(0) - second.mean(0)
    expected = shift @ shift + np.trace(a) + np.trace(b) - 2 * trace
    assert distances.frechet(first, second) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("shape", [(20, 64), (64, 20)])
def test_frechet_of_a_set_with_itself_is_zero(shape: tuple[int, int]) -> None:
    first = 30 * _sets(*shape)[0]
    assert abs(distances.frechet(first, first.copy())) < 1e-6


def _by_singular_values(first: np.ndarray, second: np.ndarray) -> float:
    a, b = ((s - s.mean(0)) / np.sqrt(len(s) - 1) for s in (first, second))
    shift = first.mean(0) - second.mean(0)
    return float(shift @ shift + (a * a).sum() + (b * b).sum() - 2 * linalg.svdvals(a @ b.T).sum())


@pytest.mark.parametrize(("n", "m", "d"), [(300, 300, 512), (300, 250, 512), (400, 300, 200)])
def test_the_quick_trace_is_that_of_singular_values(n: int, m: int, d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = _sets(max(n, m), d)
    first, second = first[:n], 2 * second[:m]
    expected = _by_singular_values(first, second)
    monkeypatch.setattr(np.linalg, "svd", None)  # the quick way must do
    assert distances.frechet(first, second) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("nearness", [1e-2, 1e-4, 0.0])
def test_nearly_equal_sets_get_singular_values(nearness: float, monkeypatch: pytest.MonkeyPatch) -> None:
    first = 30 * _sets(300, 512)[0]
    second = first + nearness * np.random.default_rng(1).normal(size=first.shape)
    asked: list[int] = []
    plain = np.linalg.svd
    monkeypatch.setattr(np.linalg, "svd", lambda *a, **k: asked.append(1) or plain(*a, **k))
    assert distances.frechet(first, second) == pytest.approx(_by_singular_values(first, second), rel=1e-6, abs=1e-8)
    assert asked == [1]


@pytest.mark.parametrize("rank", [0, 1, 40])
def test_sets_in_few_dimensions(rank: int) -> None:
    """Most singular values are zeros, which squaring turns into roots of rounding errors."""
    few = np.random.default_rng(2).normal(size=(2, 300, rank)) @ np.random.default_rng(3).normal(size=(rank, 512))
    first, second = few[0], 2 * few[1] + 1
    assert distances.frechet(first, second) == pytest.approx(_by_singular_values(first, second), rel=1e-6)
    assert abs(distances.frechet(first, first.copy())) < 1e-6


def _kernel(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.asarray((first @ second.T / first.shape[1] + 1.0) ** 3)


def _unbiased(xx: np.ndarray, yy: np.ndarray, xy: np.ndarray) -> float:
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (xx, yy)]
    return float(sum(within) - 2 * xy.mean())


def test_blocks_of_rows_give_what_whole_kernel_matrices_give() -> None:
    first, second = _sets(600, 48)
    second = second[:570]
    xx, yy, xy = _kernel(first, first), _kernel(second, second), _kernel(first, second)
    near = 1e-12 * xx.mean()
    assert distances.kernel_distance(first, second) == pytest.approx(_unbiased(xx, yy, xy), abs=near)
    generator = np.random.Generator(np.random.PCG64(0))
    values = []
    for _ in range(100):
        i, j = generator.choice(600, 250, replace=False), generator.choice(570, 250, replace=False)
        values.append(_unbiased(xx[np.ix_(i, i)], yy[np.ix_(j, j)], xy[np.ix_(i, j)]))
    assert distances.kernel_subsets(first, second) == pytest.approx((np.mean(values), np.std(values, ddof=1)), abs=near)


def test_kernel_distance_by_hand() -> None:
    first, second = np.array([[0.0], [1.0], [2.0]]), np.array([[1.0], [1.0], [0.0]])
    within_first = (1 + 1 + 27) / 3  # pairs 0-1, 0-2, 1-2 of (xy + 1)^3
    within_second = (8 + 1 + 1) / 3
    across = (1 + 1 + 1 + 8 + 8 + 1 + 27 + 27 + 1) / 9
    expected = within_first + within_second - 2 * across
    assert distances.kernel_distance(first, second) == pytest.approx(expected, abs=1e-12)


def test_kernel_subsets_are_seeded_and_near_the_full_sample() -> None:
    first, second = _sets(520, 16)
    mean, sd = distances.kernel_subsets(first, second)
    assert (mean, sd) == distances.kernel_subsets(first, second)
    assert 0 < sd < 1 and mean == pytest.approx(distances.kernel_distance(first, second), abs=sd)


@pytest.mark.parametrize(("n", "scenes"), [(12, "aaabbcccdddd"), (300, "abcd" * 75)])
def test_jackknife_equals_leaving_scenes_out_one_by_one(n: int, scenes: str) -> None:
    first, second = _sets(n, 8)
    scene = np.array(list(scenes))
    left = [distances.kernel_distance(first[scene != s], second[scene != s]) for s in "abcd"]
    expected = np.sqrt(3 / 4 * np.square(np.array(left) - np.mean(left)).sum())
    assert distances.kernel_jackknife(first, second, list(scene)) == pytest.approx(expected, rel=1e-9)
    assert np.isnan(distances.kernel_jackknife(first, second, ["a"] * n))
