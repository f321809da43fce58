"""Rate-distortion curves: one panel a metric, intervals as bands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.metrics.registry import METRICS
from bench.report.board import Board, Entrant
from bench.report.plots.canvas import curve, figure, grid_of, hide_rest, legend, look, metric_title, rate_axis, save
from bench.report.ranking import shown_metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 3


def draw_rd(board: Board, stem: Path) -> list[Path]:
    """Curves of every metric that a plain point has; codecs that send nothing become horizontal lines.

    Returns:
        The files written; none where no metric has a value.
    """
    metrics = [name for name in shown_metrics(board) if any(name in p.values for e in board.entrants for p in e.plain)]
    if not metrics:
        return []
    columns, rows = grid_of(len(metrics), COLUMNS)
    with figure(columns, rows) as (made, panels):
        for axes, metric in zip(panels, metrics, strict=False):
            axes.set_title(metric_title(metric))
            for entrant in board.entrants:
                draw_curve(axes, entrant, metric)
            rate_axis(axes)
        hide_rest(panels, len(metrics))
        legend(made, panels, [entrant.label for entrant in board.entrants])
        return save(made, board, "Rate and quality, 95 % bands over scenes", stem)


def draw_curve(axes: Axes, entrant: Entrant, metric: str) -> None:
    """The plain curve of a codec in one metric, with the band of its intervals."""
    scale = METRICS[metric].scale
    points = sorted((p for p in entrant.plain if metric in p.values), key=lambda p: p.bpp)
    if not points:
        return
    if entrant.sends_nothing:
        axes.axhline(points[0].values[metric] * scale, color=look(entrant).hex, linestyle=":", linewidth=1.2,
                     label=entrant.label)  # fmt: skip
        axes.annotate(entrant.label, (0.005, points[0].values[metric] * scale), xycoords=("axes fraction", "data"),
                      fontsize=6.5, va="bottom", color=look(entrant).hex)  # fmt: skip
        return
    held = [p for p in points if metric in p.intervals and p.intervals[metric].has_interval]
    if len(held) > 1:
        axes.fill_between(
            [p.bpp for p in held], [p.intervals[metric].low * scale for p in held],
            [p.intervals[metric].high * scale for p in held], color=look(entrant).hex, alpha=0.13, linewidth=0,
        )  # fmt: skip
    curve(axes, [p.bpp for p in points], [p.values[metric] * scale for p in points], entrant)
