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


def test_jackknife_equals_leaving_scenes_out_one_by_one() -> None:
    first, second = _sets(12, 8)
    scenes = np.array(list("aaabbcccdddd"))
    left = [distances.kernel_distance(first[scenes != s], second[scenes != s]) for s in "abcd"]
    expected = np.sqrt(3 / 4 * np.square(np.array(left) - np.mean(left)).sum())
    assert distances.kernel_jackknife(first, second, list(scenes)) == pytest.approx(expected, rel=1e-9)
    assert np.isnan(distances.kernel_jackknife(first, second, ["a"] * 12))
