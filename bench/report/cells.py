"""Numbers and tables in Markdown; the same value gives the same text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.metrics.registry import METRICS
from bench.report.aggregate import Point
from bench.stats.bootstrap import Estimate

DIGITS = {"psnr": 2, "psnr_pooled": 2, "ms_ssim_db": 2, "fid": 1, "fd_squeeze": 2, "kid": 2, "kd_squeeze": 3,
          "niqe": 2, "niqe_pooled": 2, "beta": 3, "rho": 3}  # fmt: skip


def number(value: float, digits: int = 4) -> str:
    """A number for a cell; an en dash for a missing one, and no negative zero."""
    if value != value or math.isinf(value):
        return "–"
    text = f"{value:.{0 if abs(value) >= 1000 else digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def interval(found: Estimate, digits: int = 4, scale: float = 1.0) -> str:
    """A number with its interval in brackets, where it has one."""
    text = number(found.value * scale, digits)
    if math.isnan(found.value) or not found.has_interval:
        return text
    return f"{text} [{number(found.low * scale, digits)}, {number(found.high * scale, digits)}]"


def cell(point: Point, metric: str, bracket: bool = False) -> str:
    """A metric's mean in its printed scale, with its interval where asked for."""
    spec = METRICS.get(metric)
    scale, digits = spec.scale if spec else 1.0, DIGITS.get(metric, 4)
    value = point.values.get(metric, math.nan)
    if bracket and metric in point.intervals:
        return interval(point.intervals[metric], digits, scale)
    return number(value * scale, digits)


def heading(metric: str) -> str:
    """A column's heading: name, scale, and an arrow to the better end."""
    spec = METRICS[metric]
    arrow = {True: " ↑", False: " ↓", None: ""}[spec.higher_is_better]
    return metric + (" ×10³" if spec.scale == 1e3 else "") + arrow


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Lines of a Markdown table; the first ``left`` columns are text."""
    rule = [":--" if index < left else "--:" for index in range(len(head))]
    return ["| " + " | ".join(row) + " |" for row in [head, rule, *rows]] + [""]
