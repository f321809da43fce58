"""Bjøntegaard deltas against cases worked by hand, and against the values of the `bjontegaard` package."""

from __future__ import annotations

import math

import bjontegaard
import numpy as np
import pytest

from bench.stats.bd import MIN_OVERLAP, bd_quality, bd_rate
from bench.stats.hermite import Method

RATES = [0.05, 0.1, 0.2, 0.4]
PSNR = [24.0, 26.0, 28.0, 30.0]


def test_identical_curves_give_zero() -> None:
    assert bd_rate(RATES, PSNR, RATES, PSNR).value == pytest.approx(0.0, abs=1e-9)
    assert bd_quality(RATES, PSNR, RATES, PSNR).value == pytest.approx(0.0, abs=1e-9)


def test_half_the_rate_is_minus_fifty_percent_and_double_is_plus_hundred() -> None:
    assert bd_rate(RATES, PSNR, [r / 2 for r in RATES], PSNR).value == pytest.approx(-50.0, abs=1e-9)
    assert bd_rate([r / 2 for r in RATES], PSNR, RATES, PSNR).value == pytest.approx(100.0, abs=1e-9)


def test_a_constant_gain_in_quality() -> None:
    better = [v + 1.0 for v in PSNR]
    assert bd_quality(RATES, PSNR, RATES, better).value == pytest.approx(1.0)
    # 2 dB an octave, so 1 dB is half an octave: rate falls by 1 − 2^−½.
    assert bd_rate(RATES, PSNR, RATES, better).value == pytest.approx((2**-0.5 - 1) * 100)


def test_lower_is_better() -> None:
    lpips = [0.5, 0.4, 0.3, 0.2]
    assert bd_rate(RATES, lpips, [r / 2 for r in RATES], lpips, higher_is_better=False).value == pytest.approx(-50.0)
    better = [v - 0.05 for v in lpips]
    assert bd_quality(RATES, lpips, RATES, better, higher_is_better=False).value == pytest.approx(0.05)


def test_order_of_the_points_does_not_matter() -> None:
    turned = bd_rate(RATES[::-1], PSNR[::-1], [r / 2 for r in RATES], PSNR)
    assert turned.value == pytest.approx(-50.0)


def test_symmetric_in_the_log_domain() -> None:
    other = [24.3, 26.9, 28.2, 29.4]
    there, back = bd_rate(RATES, PSNR, RATES, other).value, bd_rate(RATES, other, RATES, PSNR).value
    assert there < -1.0
    assert (1 + there / 100) * (1 + back / 100) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("rates", "values", "words"),
    [
        (RATES[:3], PSNR[:3], "3 of the 4 rate points needed"),
        (RATES, [v + 5.0 for v in PSNR], "share 17%"),
        (RATES, [24.0, 26.0, math.nan, 30.0], "missing value"),
        ([0.0, 0.1, 0.2, 0.4], PSNR, "rate of zero"),
        (RATES, [24.0, 26.0, 25.0, 30.0], "does not rise"),
        ([0.05, 0.1, 0.1, 0.4], PSNR, "same rate"),
    ],
)
def test_what_cannot_be_compared_is_nan_with_a_reason(rates: list[float], values: list[float], words: str) -> None:
    delta = bd_rate(RATES, PSNR, rates, values)
    assert math.isnan(delta.value)
    assert words in delta.reason


def test_overlap_counts_against_the_shorter_curve() -> None:
    # The tested curve spans 27 to 30 of the anchor's 24 to 30: all of the shorter one is shared.
    assert bd_rate(RATES, PSNR, RATES, [27.0, 28.0, 29.0, 30.0]).overlap == pytest.approx(1.0)


@pytest.mark.parametrize("method", ["pchip", "akima"])
@pytest.mark.parametrize("points", [4, 6, 9])
def test_values_are_those_of_the_bjontegaard_package(points: int, method: Method) -> None:
    rng, compared = np.random.default_rng(points), 0
    for _ in range(20):
        rates = [np.cumsum(rng.uniform(0.02, 0.1, points)) for _ in range(2)]
        dist = [rng.uniform(20, 21) + np.cumsum(rng.uniform(0.4, 2.0, points)) for _ in range(2)]
        given = [one.tolist() for one in (rates[0], dist[0], rates[1], dist[1])]
        for ours, theirs in ((bd_rate, bjontegaard.bd_rate), (bd_quality, bjontegaard.bd_psnr)):
            found = ours(*given, method=method)
            expected = theirs(*given, method, require_matching_points=False, min_overlap=0)
            if found.reason:
                assert "share" in found.reason and found.overlap < MIN_OVERLAP
            else:
                compared += 1
                assert found.value == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert compared >= 10


@pytest.mark.parametrize("method", ["pchip", "akima"])
def test_the_curves_of_the_packages_own_example(method: Method) -> None:
    """The two video curves that its documentation computes with: kbit/s and dB."""
    given = [
        [9487.76, 4593.60, 2486.44, 1358.24], [40.037, 38.615, 36.845, 34.851],
        [9787.80, 4469.00, 2451.52, 1356.24], [40.121, 38.651, 36.970, 34.987],
    ]  # fmt: skip
    for ours, theirs in ((bd_rate, bjontegaard.bd_rate), (bd_quality, bjontegaard.bd_psnr)):
        rising = [one[::-1] for one in given]
        assert ours(*given, method=method).value == pytest.approx(theirs(*rising, method), rel=1e-9)
