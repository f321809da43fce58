"""Bjøntegaard deltas between rate-quality curves, one pair or many at once.

Curves are sorted by rate, oriented so that higher is better, and interpolated on log₂ rate (Bjøntegaard, VCEG-M33,
2001) with PCHIP, as JVET has done since 2019: the cubic fit of the original swings between unevenly spaced points.
Akima is offered for comparison. A value is given only where there is enough to compare; otherwise it is NaN with the
reason.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.stats.hermite import Array, Curves, Method, interpolate

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
        monotone: Both curves' quality rises with their rate; a BD-rate needs that, a BD-quality does not.
    """

    value: float
    reason: str = ""
    overlap: float = 0.0
    monotone: bool = True


def bd_rate(
    anchor_rate: Sequence[float],
    anchor_quality: Sequence[float],
    rate: Sequence[float],
    quality: Sequence[float],
    higher_is_better: bool = True,
    method: Method = "pchip",
) -> Delta:
    """Mean difference of rate at equal quality, in percent of the anchor's rate.

    Args:
        anchor_rate: Rates of the anchor, bits per pixel, > 0.
        anchor_quality: Its metric values, one a rate; MS-SSIM in dB.
        rate: Rates of the tested codec.
        quality: Its metric values.
        higher_is_better: False for distances such as LPIPS.
        method: Interpolation.

    Returns:
        −50 for a codec that needs half the rate throughout, 0 for the anchor itself.
    """
    return _delta(True, anchor_rate, anchor_quality, rate, quality, higher_is_better, method)


def bd_quality(
    anchor_rate: Sequence[float],
    anchor_quality: Sequence[float],
    rate: Sequence[float],
    quality: Sequence[float],
    higher_is_better: bool = True,
    method: Method = "pchip",
) -> Delta:
    """Mean difference of quality at equal rate, in units of the metric; positive is better in either direction.

    Args:
        anchor_rate: Rates of the anchor, bits per pixel, > 0.
        anchor_quality: Its metric values, one a rate; MS-SSIM in dB.
        rate: Rates of the tested codec.
        quality: Its metric values.
        higher_is_better: False for distances such as LPIPS; the sign is then turned, so that positive is better.
        method: Interpolation.
    """
    return _delta(False, anchor_rate, anchor_quality, rate, quality, higher_is_better, method)


def bd_many(
    anchor_rate: Array,
    anchor_quality: Array,
    rate: Array,
    quality: Array,
    higher_is_better: bool = True,
    percent: bool = True,
    method: Method = "pchip",
) -> Array:
    """BD-rate or BD-quality of many pairs of curves at once, as the replicates of a bootstrap need it.

    Args:
        anchor_rate: ``(J, ...)``, bits per pixel, in any order along the first axis.
        anchor_quality: ``(J, ...)``.
        rate: ``(K, ...)``.
        quality: ``(K, ...)``.
        higher_is_better: False for distances.
        percent: BD-rate in percent; False gives BD-quality in units of the metric.
        method: Interpolation.

    Returns:
        ``(...)``; NaN where a curve has equal rates or a missing value, where nothing is shared and, for BD-rate, where
        quality does not rise with rate. The thresholds on points and overlap are left to ``bd_rate``.
    """
    curves = []
    for r, q in ((anchor_rate, anchor_quality), (rate, quality)):
        x, y = oriented(r, q, higher_is_better)
        curves.append(interpolate(y, x, method) if percent else interpolate(x, y, method))
    return mean_gap(curves[0], curves[1], percent)[0]


def oriented(rate: Array, quality: Array, higher_is_better: bool) -> tuple[Array, Array]:
    """Curves ``(K, ...)`` by log₂ rate, low to high, their quality turned so that higher is better."""
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.log2(rate)
    y = quality if higher_is_better else -quality
    if np.all(np.diff(x, axis=0) > 0):
        return x, y
    order = np.argsort(x, axis=0, kind="stable")
    return np.take_along_axis(x, order, axis=0), np.take_along_axis(y, order, axis=0)


def mean_gap(anchor: Curves, curve: Curves, percent: bool) -> tuple[Array, Array]:
    """Mean of curve − anchor over the range of knots that they share, and how much of the shorter one that is.

    Args:
        anchor: Interpolated curves: log₂ rate over quality for a BD-rate, quality over log₂ rate for a BD-quality.
        curve: Likewise, of the same batch.
        percent: Turn a mean of log₂ rate into percent.

    Returns:
        The means ``(...)``, NaN where nothing is shared or the knots of a curve do not rise; the overlaps, 0 to 1.
    """
    ax, bx = anchor.x, curve.x
    low, high = np.maximum(ax[0], bx[0]), np.minimum(ax[-1], bx[-1])
    good = (high > low) & anchor.rising & curve.rising
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        overlap = np.maximum(0.0, (high - low) / np.minimum(ax[-1] - ax[0], bx[-1] - bx[0]))
        mean = (curve.integral(low, high) - anchor.integral(low, high)) / (high - low)
        value = np.where(good, (np.exp2(mean) - 1.0) * 100.0 if percent else mean, np.nan)
    return value, overlap


def _delta(
    percent: bool,
    anchor_rate: Sequence[float],
    anchor_quality: Sequence[float],
    rate: Sequence[float],
    quality: Sequence[float],
    higher_is_better: bool,
    method: Method,
) -> Delta:
    made = []
    for name, rates, values in (("anchor", anchor_rate, anchor_quality), ("codec", rate, quality)):
        r, v = np.asarray(rates, dtype=np.float64), np.asarray(values, dtype=np.float64)
        if r.shape != v.shape or r.ndim != 1:
            raise ValueError("rates and qualities must be two equally long lists")
        if r.size < MIN_POINTS:
            return Delta(math.nan, f"the {name} has {r.size} of the {MIN_POINTS} rate points needed")
        if not (np.all(np.isfinite(r)) and np.all(np.isfinite(v)) and np.all(r > 0)):
            return Delta(math.nan, f"the {name} has a missing value or a rate of zero")
        made.append(oriented(r, v, higher_is_better))
        if np.any(np.diff(made[-1][0]) <= 0):
            return Delta(math.nan, f"the {name} has two points of the same rate")
    rising = [bool(np.all(np.diff(curve[1]) > 0)) for curve in made]
    # Rate as a function of quality needs quality to rise with rate; a curve that turns back has no such function.
    if percent and not all(rising):
        name = "codec" if rising[0] else "anchor"
        return Delta(math.nan, f"the {name}'s quality does not rise with its rate", 0.0, False)
    curves = [interpolate(y, x, method) if percent else interpolate(x, y, method) for x, y in made]
    value, overlap = (float(part) for part in mean_gap(curves[0], curves[1], percent))
    if overlap < MIN_OVERLAP:
        reason = f"the curves share {overlap:.0%} of the shorter one, {MIN_OVERLAP:.0%} are needed"
        return Delta(math.nan, reason, overlap, all(rising))
    return Delta(value, "", overlap, all(rising))
