"""Published points, hollow, beside our curves: one panel a source and metric, for sources do not agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.metrics.registry import METRICS
from bench.report.board import Board
from bench.report.colours import MARKERS
from bench.report.plots.canvas import (
    Label,
    curve,
    end_labels,
    figure,
    grid_of,
    hide_rest,
    metric_title,
    rate_axis,
    save,
)
from bench.report.published.table import PublishedPoint, beside
from bench.report.ranking import shown_metrics

COLUMNS = 2
INK = ("#4b5058", "#882255", "#74741C", "#0072B2", "#D55E00", "#009E73", "#B3558F", "#C98A00", "#2E95CF", "#000000")


def draw_published(board: Board, points: Sequence[PublishedPoint], stem: Path) -> list[Path]:
    """Draw the points that may stand beside this board; ours are the pale curves behind.

    Returns:
        The files written; none where nothing published belongs here.
    """
    metrics = shown_metrics(board)
    near = beside(points, board.dataset, metrics)
    panels_of = [(m, s) for m in metrics for s in sorted({p.source for p in near if p.metric == m})]
    if not panels_of:
        return []
    columns, rows = grid_of(len(panels_of), COLUMNS)
    with figure(columns, rows, 6.0, 3.6) as (made, panels):
        for axes, (metric, source) in zip(panels, panels_of, strict=False):
            own = [p for p in near if p.metric == metric and p.source == source]
            limits = min(p.bpp for p in own) / 1.2, max(p.bpp for p in own) * 1.2
            for entrant in board.entrants:
                held = [p for p in entrant.plain if metric in p.values and limits[0] <= p.bpp <= limits[1]]
                if held and not entrant.sends_nothing:
                    curve(
                        axes,
                        [p.bpp for p in held],
                        [p.values[metric] * METRICS[metric].scale for p in held],
                        entrant,
                        alpha=0.28,
                        markersize=2.5,
                    )
            labels: list[Label] = []
            for index, method in enumerate(sorted({p.method for p in own})):
                line = sorted((p.bpp, p.value * METRICS[metric].scale) for p in own if p.method == method)
                ink = INK[index % len(INK)]
                axes.plot(*zip(*line, strict=True), color=ink, marker=MARKERS[index % len(MARKERS)], fillstyle="none",
                          markersize=4.5, linewidth=0.6, linestyle=(0, (4, 2)))  # fmt: skip
                labels.append((*line[-1], method, ink))
            axes.set_title(f"{source}: {metric_title(metric)}")
            rate_axis(axes)
            axes.set_xlim(max(limits[0], 0.001), limits[1])
            end_labels(axes, labels)
        hide_rest(panels, len(panels_of))
        other = "other pairs of KITTI than ours" if board.dataset == "kitti-mini" else "as printed"
        return save(made, board, f"Published points (hollow, {other}; not ranked) over our curves (pale)", stem)
