"""Bjøntegaard deltas between two rate-quality curves.

Curves are sorted by rate, oriented so that higher is better, and interpolated with PCHIP on log₂ rate (Bjøntegaard,
VCEG-M33, 2001, with the interpolation that JVET has used since 2019: the cubic fit of the original swings between
unevenly spaced points). A value is given only where there is enough to compare; otherwise it is NaN with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_POINTS = 4
MIN_OVERLAP = 0.75


@dataclass(frozen=True)
class Delta:
    """A Bjøntegaard delta.

    Attributes:
        value: Percent of rate for ``bd_rate`` (negative = the test curve needs less), units of the metric for
            ``bd_quality`` (positive = the test curve is better); NaN where it cannot be given.
        reason: Why it is NaN; empty otherwise.
        overlap: Shared range over the shorter curve's range, 0 to 1.
    """

    value: float
    reason: str = ""
    overlap: float = 0.0


def bd_rate(
    anchor_rate: Sequence[float],
    anchor_quality: Sequence[float],
    rate: Sequence[float],
    quality: Sequence[float],
    higher_is_better: bool = True,
) -> Delta:
    """Mean difference of rate at equal quality, in percent of the anchor's rate.

    Args:
        anchor_rate: Rates of the anchor, bits per pixel, > 0.
        anchor_quality: Its metric values, one a rate.
        rate: Rates of the tested codec.
        quality: Its metric values.
        higher_is_better: False for distances such as LPIPS.

    Returns:
        −50 for a codec that needs half the rate throughout, 0 for the anchor itself.
    """
    a, b, reason = _curves(anchor_rate, anchor_quality, rate, quality, higher_is_better)
    if reason:
        return Delta(math.nan, reason)
    # Rate as a function of quality needs quality to rise with rate; a curve that turns back has no such function.
    for name, curve in (("anchor", a), ("codec", b)):
        if not bool(np.all(np.diff(curve[1]) > 0)):
            return Delta(math.nan, f"the {name}'s quality does not rise with its rate")
    return _integrate(a[1], a[0], b[1], b[0], percent=True)


def bd_quality(
    anchor_rate: Sequence[float],
    anchor_quality: Sequence[float],
    rate: Sequence[float],
    quality: Sequence[float],
    higher_is_better: bool = True,
) -> Delta:
    """Mean difference of quality at equal rate, in units of the metric; positive is better in either direction.

    Args:
        anchor_rate: Rates of the anchor, bits per pixel, > 0.
        anchor_quality: Its metric values, one a rate.
        rate: Rates of the tested codec.
        quality: Its metric values.
        higher_is_better: False for distances such as LPIPS; the sign is then turned, so that positive is better.
    """
    a, b, reason = _curves(anchor_rate, anchor_quality, rate, quality, higher_is_better)
    if reason:
        return Delta(math.nan, reason)
    return _integrate(a[0], a[1], b[0], b[1], percent=False)


Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


def _curves(
    anchor_rate: Sequence[float],
    anchor_quality: Sequence[float],
    rate: Sequence[float],
    quality: Sequence[float],
    higher_is_better: bool,
) -> tuple[Curve, Curve, str]:
    """Sort both curves by log₂ rate, oriented so that higher is better; the third element says what is wrong."""
    made: list[Curve] = []
    for name, rates, values in (("anchor", anchor_rate, anchor_quality), ("codec", rate, quality)):
        r, v = np.asarray(rates, dtype=np.float64), np.asarray(values, dtype=np.float64)
        if r.shape != v.shape or r.ndim != 1:
            raise ValueError("rates and qualities must be two equally long lists")
        empty = np.zeros(0)
        if r.size < MIN_POINTS:
            return (empty, empty), (empty, empty), f"the {name} has {r.size} of the {MIN_POINTS} rate points needed"
        if not (np.all(np.isfinite(r)) and np.all(np.isfinite(v)) and np.all(r > 0)):
            return (empty, empty), (empty, empty), f"the {name} has a missing value or a rate of zero"
        order = np.argsort(r, kind="stable")
        r, v = np.log2(r[order]), (v if higher_is_better else -v)[order]
        if np.any(np.diff(r) <= 0):
            return (empty, empty), (empty, empty), f"the {name} has two points of the same rate"
        made.append((r, v))
    return made[0], made[1], ""


def _integrate(
    ax: NDArray[np.float64],
    ay: NDArray[np.float64],
    bx: NDArray[np.float64],
    by: NDArray[np.float64],
    percent: bool,
) -> Delta:
    """Mean of ``b(x) − a(x)`` over the shared range of x."""
    from scipy.interpolate import PchipInterpolator

    low, high = max(ax[0], bx[0]), min(ax[-1], bx[-1])
    shorter = min(ax[-1] - ax[0], bx[-1] - bx[0])
    overlap = max(0.0, float((high - low) / shorter))
    if overlap < MIN_OVERLAP:
        return Delta(
            math.nan, f"the curves share {overlap:.0%} of the shorter one, {MIN_OVERLAP:.0%} are needed", overlap
        )
    areas = [float(PchipInterpolator(x, y).integrate(low, high)) for x, y in ((ax, ay), (bx, by))]
    mean = (areas[1] - areas[0]) / float(high - low)
    return Delta((2.0**mean - 1.0) * 100.0 if percent else mean, "", overlap)
