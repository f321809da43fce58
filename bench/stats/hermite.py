"""Piecewise cubic interpolation of many curves at once: PCHIP and Akima, value and integral.

scipy's interpolators take one set of knots a call; a bootstrap has ten thousand. All curves here have the same number
of knots ``K``, which lie along the first axis; everything behind it is a batch. Slopes are those of scipy's
``PchipInterpolator`` (Fritsch and Butland, 1984) and ``Akima1DInterpolator`` (Akima, 1970).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Method = Literal["pchip", "akima"]


@dataclass(frozen=True)
class Curves:
    """Interpolated curves.

    Attributes:
        x: Knots ``(K, ...)``, rising along the first axis.
        y: Values ``(K, ...)``.
        slopes: Derivatives at the knots ``(K, ...)``.
    """

    x: Array
    y: Array
    slopes: Array

    @cached_property
    def rising(self) -> NDArray[np.bool_]:
        """Whether the knots of each curve rise ``(...)``: what is said of a curve whose knots do not means nothing."""
        return np.asarray((np.diff(self.x, axis=0) > 0).all(axis=0))

    def integral(self, low: Array, high: Array) -> Array:
        """Integral from ``low`` to ``high``, both ``(...)`` and inside the knots."""
        width = np.diff(self.x, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            start = np.clip((low - self.x[:-1]) / width, 0.0, 1.0)
            stop = np.clip((high - self.x[:-1]) / width, 0.0, 1.0)
        rise, d0, d1 = np.diff(self.y, axis=0), width * self.slopes[:-1], width * self.slopes[1:]
        quartic, cubic, half = (d0 + d1 - 2.0 * rise) / 4.0, (3.0 * rise - 2.0 * d0 - d1) / 3.0, d0 / 2.0
        area = [t * (self.y[:-1] + t * (half + t * (cubic + t * quartic))) for t in (start, stop)]
        return np.asarray((width * (area[1] - area[0])).sum(axis=0))

    def value(self, at: Array | float) -> Array:
        """Value at ``at``, broadcast against ``(...)``; beyond the knots that of the nearest one."""
        width = np.diff(self.x, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.clip((at - self.x[:-1]) / width, 0.0, 1.0)
        rise, d0, d1 = np.diff(self.y, axis=0), width * self.slopes[:-1], width * self.slopes[1:]
        # Each segment adds what the curve has risen within it: no search for the segment that ``at`` lies in.
        part = t * (d0 + t * (3.0 * rise - 2.0 * d0 - d1 + t * (d0 + d1 - 2.0 * rise)))
        return np.asarray(self.y[0] + part.sum(axis=0))


def interpolate(x: Array, y: Array, method: Method = "pchip") -> Curves:
    """Interpolate curves.

    Args:
        x: Knots ``(K, ...)``, K of two or more, rising along the first axis.
        y: Values ``(K, ...)``.
        method: ``pchip`` keeps a rising curve rising; ``akima`` bends less at a knot and may overshoot.
    """
    width = np.diff(x, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        secant = np.diff(y, axis=0) / width
    if len(secant) == 1:
        return Curves(x, y, np.concatenate([secant, secant]))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return Curves(x, y, _pchip(width, secant) if method == "pchip" else _akima(secant))


def _pchip(width: Array, secant: Array) -> Array:
    before, after = secant[:-1], secant[1:]
    w1, w2 = 2.0 * width[1:] + width[:-1], width[1:] + 2.0 * width[:-1]
    same = before * after > 0.0
    inner = np.where(same, (w1 + w2) / (w1 / before + w2 / after), 0.0)
    first = _edge(width[0], width[1], secant[0], secant[1])
    last = _edge(width[-1], width[-2], secant[-1], secant[-2])
    return np.concatenate([first[None], inner, last[None]])


def _edge(w0: Array, w1: Array, s0: Array, s1: Array) -> Array:
    """Three-point slope at an end, held to the sign of the first secant and to three times its size."""
    slope = ((2.0 * w0 + w1) * s0 - w0 * s1) / (w0 + w1)
    slope = np.where(np.sign(slope) != np.sign(s0), 0.0, slope)
    return np.asarray(np.where((np.sign(s0) != np.sign(s1)) & (np.abs(slope) > 3.0 * np.abs(s0)), 3.0 * s0, slope))


def _akima(secant: Array) -> Array:
    left1 = 2.0 * secant[0] - secant[1]
    right1 = 2.0 * secant[-1] - secant[-2]
    ends = [2.0 * left1 - secant[0], left1], [right1, 2.0 * right1 - secant[-1]]
    m = np.concatenate([np.stack(ends[0]), secant, np.stack(ends[1])])
    change = np.abs(np.diff(m, axis=0))
    ahead, behind = change[2:], change[:-2]
    total = ahead + behind
    weighted = m[1:-2] + behind / total * (m[2:-1] - m[1:-2])
    # Where the secants do not change, any weight is as good: the mean of the outer ones, as in scipy.
    return np.asarray(np.where(total > 1e-9 * total.max(axis=0), weighted, 0.5 * (m[3:] + m[:-3])))
