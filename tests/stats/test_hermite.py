"""Our interpolation of many curves against scipy's of one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.interpolate import Akima1DInterpolator, PchipInterpolator

from bench.stats.bd import bd_many, bd_quality, bd_rate
from bench.stats.hermite import Method, interpolate

THEIRS: dict[str, Any] = {"pchip": PchipInterpolator, "akima": Akima1DInterpolator}


@pytest.mark.parametrize("method", ["pchip", "akima"])
@pytest.mark.parametrize("knots", [2, 3, 4, 6, 8])
def test_value_and_integral_are_scipys(method: Method, knots: int) -> None:
    rng = np.random.default_rng(knots)
    x, y = rng.uniform(0.1, 1, (knots, 60)).cumsum(0), rng.normal(size=(knots, 60)).cumsum(0)
    y[:, :10] = np.round(y[:, :10])  # flat pieces and turning points
    y[:, 10:20] = np.sort(y[:, 10:20], axis=0)
    low, high = x[0] + 0.21 * (x[-1] - x[0]), x[-1] - 0.13 * (x[-1] - x[0])
    ours = interpolate(x, y, method)
    theirs = [THEIRS[method](x[:, i], y[:, i]) for i in range(60)]
    areas = [f.integrate(a, b) for f, a, b in zip(theirs, low, high, strict=True)]
    np.testing.assert_allclose(ours.integral(low, high), areas, rtol=0, atol=1e-13)
    for share in (0.0, 0.37, 0.5, 1.0):
        at = x[0] + share * (x[-1] - x[0])
        at = np.clip(at, x[0], x[-1])
        np.testing.assert_allclose(ours.value(at), [f(a) for f, a in zip(theirs, at, strict=True)], rtol=0, atol=1e-13)


def test_beyond_the_knots_stands_the_nearest_value() -> None:
    curve = interpolate(np.array([0.0, 1.0, 3.0]), np.array([1.0, 2.0, 5.0]))
    assert curve.value(-1.0) == 1.0 and curve.value(9.0) == 5.0


@pytest.mark.parametrize("method", ["pchip", "akima"])
@pytest.mark.parametrize("up", [True, False])
def test_many_curves_at_once_give_what_each_gives_alone(method: Method, up: bool) -> None:
    rng = np.random.default_rng(5)
    sign = 1.0 if up else -1.0
    rates = [rng.uniform(0.5, 1.0, (k, 40)).cumsum(0) for k in (5, 6)]
    values = [sign * (10 + rng.uniform(0.5, 1.0, (k, 40)).cumsum(0)) for k in (5, 6)]
    mixed = rng.permutation(6)  # the order of the points does not matter
    for percent, alone in ((True, bd_rate), (False, bd_quality)):
        found = bd_many(rates[0], values[0], rates[1][mixed], values[1][mixed], up, percent, method)
        for i in range(40):
            one = alone(rates[0][:, i], values[0][:, i], rates[1][:, i], values[1][:, i], up, method)
            if not one.reason:
                assert found[i] == pytest.approx(one.value, rel=1e-12)


def test_the_direct_computation_with_scipy_agrees() -> None:
    anchor, other = (
        ([0.05, 0.11, 0.19, 0.4, 0.7], [24.0, 26.3, 28.1, 30.2, 31.5]),
        (
            [0.04, 0.09, 0.2, 0.35, 0.8],
            [24.2, 26.5, 28.9, 30.4, 32.3],
        ),
    )
    low, high = 24.2, 31.5
    for method, cls in THEIRS.items():
        areas = [cls(np.array(q), np.log10(r)).integrate(low, high) for r, q in (anchor, other)]
        expected = (10 ** ((areas[1] - areas[0]) / (high - low)) - 1) * 100
        assert bd_rate(*anchor, *other, method=method).value == pytest.approx(expected, rel=1e-9)
        span = np.log10(0.05), np.log10(0.7)
        areas = [cls(np.log10(r), np.array(q)).integrate(*span) for r, q in (anchor, other)]
        expected = (areas[1] - areas[0]) / (span[1] - span[0])
        assert bd_quality(*anchor, *other, method=method).value == pytest.approx(expected, rel=1e-9)


def test_replicates_without_a_curve_are_nan() -> None:
    rate = np.repeat([[0.1], [0.2], [0.4], [0.8]], 3, axis=1)
    quality = np.repeat([[20.0], [22.0], [24.0], [26.0]], 3, axis=1)
    other, better = rate.copy(), quality.copy()
    other[1, 0] = other[0, 0]  # two points of one rate
    better[2, 1] = 21.0  # turns back
    assert np.isnan(bd_many(rate, quality, other, better)).tolist() == [False, True, False]
    assert np.isnan(bd_many(rate, quality, other, better, percent=False)).tolist() == [True, False, False]
