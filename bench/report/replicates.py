"""Replicates of a codec's means, curves and differences, all from the same draws of scenes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.metrics.registry import METRICS
from bench.report.aggregate import Point
from bench.stats.bd import Delta, bd_quality, bd_rate, mean_gap, oriented
from bench.stats.bootstrap import Draws, Estimate, estimate, resample
from bench.stats.hermite import Array, Curves, Method, interpolate

NO_REPLICATES = "no interval: it is a figure of the whole set"


@dataclass
class Curve:
    """One metric of a codec over its rate points, quality turned so that higher is better.

    Attributes:
        metric: Name.
        rate, quality: ``(K,)``, from all scenes, in the order of the points; quality as it is.
        replicates: log₂ rate and turned quality, each ``(K, B)`` by rate; None for a figure of the whole set.
    """

    metric: str
    rate: Array
    quality: Array
    replicates: tuple[Array, Array] | None = None

    @cached_property
    def by_rate(self) -> Curves:
        """Interpolated replicates of quality over log₂ rate."""
        assert self.replicates is not None
        return interpolate(self.replicates[0], self.replicates[1])

    @cached_property
    def by_quality(self) -> Curves:
        """Interpolated replicates of log₂ rate over quality."""
        assert self.replicates is not None
        return interpolate(self.replicates[1], self.replicates[0])

    @property
    def up(self) -> bool:
        """Higher is better."""
        return METRICS[self.metric].higher_is_better is not False


def replicate(points: Sequence[Point], metrics: Sequence[str], draws: Draws) -> dict[str, Array]:
    """Replicates of the means of some points.

    Args:
        points: P points of one codec.
        metrics: Item metrics.
        draws: Counts ``(B, G)``.

    Returns:
        ``bpp`` and each metric that every point has item values of, ``(P, B)``.
    """
    names = [name for name in metrics if all(name in point.sums for point in points)]
    columns = [c for p in points for c in (p.count, p.sums["pixels"], p.sums[p.bits], *(p.sums[n] for n in names))]
    found = resample(draws, np.stack(columns, axis=1)).reshape(len(points), 3 + len(names), len(draws))
    return {"bpp": found[:, 2] / found[:, 1]} | {
        name: found[:, 3 + index] / found[:, 0] for index, name in enumerate(names)
    }


def fill_intervals(points: Sequence[Point], found: dict[str, Array], scenes: int) -> None:
    """Give every point the intervals of its means."""
    for index, point in enumerate(points):
        for name, replicates in found.items():
            value = point.bpp if name == "bpp" else point.values[name]
            point.intervals[name] = estimate(value, replicates[index], scenes)


def curve(points: Sequence[Point], found: dict[str, Array], metric: str) -> Curve:
    """The curve of one metric over the points that have it."""
    own = [index for index, point in enumerate(points) if metric in point.values]
    made = Curve(metric, np.array([points[i].bpp for i in own]), np.array([points[i].values[metric] for i in own]))
    if metric in found and len(own) == len(points) > 1:
        made.replicates = oriented(found["bpp"], found[metric], made.up)
    return made


def compare(anchor: Curve, own: Curve, scenes: int, percent: bool) -> tuple[Estimate, Delta]:
    """BD-rate, or BD-quality, of one curve against another, with its interval."""
    delta = point_delta(anchor, own, percent)
    if math.isnan(delta.value):
        return Estimate(delta.value, reason=delta.reason), delta
    found = bd_replicates(anchor, own, percent)
    return (
        Estimate(delta.value, reason=NO_REPLICATES) if found is None else estimate(delta.value, found, scenes)
    ), delta


def point_delta(anchor: Curve, own: Curve, percent: bool = True, method: Method = "pchip") -> Delta:
    """BD-rate, or BD-quality, of one curve against another, from all scenes."""
    given = [part.tolist() for part in (anchor.rate, anchor.quality, own.rate, own.quality)]
    return (bd_rate if percent else bd_quality)(given[0], given[1], given[2], given[3], own.up, method)


def bd_replicates(anchor: Curve, own: Curve, percent: bool = True) -> Array | None:
    """Replicates ``(B,)`` of a BD; None where a curve has none."""
    if anchor.replicates is None or own.replicates is None:
        return None
    if percent:
        return mean_gap(anchor.by_quality, own.by_quality, True)[0]
    return mean_gap(anchor.by_rate, own.by_rate, False)[0]


def value_at(own: Curve, rate: float, scenes: int) -> tuple[Estimate, Array | None]:
    """The value at a rate, by PCHIP on log₂ rate, and its replicates ``(B,)``.

    A codec whose curve ends below the rate has the value of its last point: it may spend less than it is allowed.
    """
    if len(own.rate) < 2 or not (np.isfinite(own.rate) & (own.rate > 0)).all():
        return Estimate(math.nan, reason="one rate point makes no curve"), None
    if own.rate.min() > rate:
        return Estimate(math.nan, reason=f"its lowest rate is {own.rate.min():.3f} bpp"), None
    x, y = oriented(own.rate, own.quality, True)
    if np.any(np.diff(x) <= 0):
        return Estimate(math.nan, reason="it has two points of the same rate"), None
    value = float(interpolate(x, y).value(math.log2(rate)))
    if own.replicates is None:
        return Estimate(value, reason=NO_REPLICATES), None
    values = np.where(own.by_rate.rising, own.by_rate.value(math.log2(rate)), np.nan) * (1.0 if own.up else -1.0)
    return estimate(value, values, scenes), values


def mean_difference(
    points: Sequence[Point], found: dict[str, Array], others: Sequence[Point], other: dict[str, Array], metric: str,
    scenes: int,
) -> Estimate | None:  # fmt: skip
    """Mean over shared rate points of metric(points) − metric(others); None where they share none."""
    place = {point.rate: index for index, point in enumerate(others)}
    pairs = [
        (index, place[point.rate])
        for index, point in enumerate(points)
        if point.rate in place and metric in point.values and metric in others[place[point.rate]].values
    ]
    if not pairs:
        return None
    value = math.fsum(points[i].values[metric] - others[j].values[metric] for i, j in pairs) / len(pairs)
    if metric not in found or metric not in other:
        return Estimate(value, reason=NO_REPLICATES)
    first, second = zip(*pairs, strict=True)
    return estimate(value, (found[metric][list(first)] - other[metric][list(second)]).mean(axis=0), scenes)
