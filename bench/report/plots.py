"""Rate-distortion plots: one panel a metric, the same colour for a codec on every board, the same bytes every time."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.metrics.registry import METRICS
from bench.report.board import Board, Entrant
from bench.report.ranking import shown_metrics
from bench.store.atomic import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
"""Okabe and Ito's colours, told apart by the colour-blind, with grey in place of yellow."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
FIRST = ("balle2018:canonical", "ndic:b18", "ndic:b17", "jpeg", "jpeg2000", "webp", "avif", "heic")
COLUMNS = 3

Style = dict[str, tuple[str, str, str]]


def styles(labels: Sequence[str]) -> Style:
    """Colour, marker and line of each codec: fixed for the well-known ones, then in the order of names.

    Args:
        labels: Labels of every board of the report, so that boards agree.
    """
    names = [*FIRST, *sorted(set(labels) - set(FIRST))]
    lines = ("-", "--", ":", "-.")
    made: Style = {}
    for index, name in enumerate(names):
        turn, place = divmod(index, len(COLOURS))
        made[name] = (COLOURS[place], MARKERS[(place + 3 * turn) % len(MARKERS)], lines[turn % len(lines)])
    return made


def draw(board: Board, style: Style, stem: Path) -> list[Path]:
    """Write the plots of one board as PNG and SVG.

    Args:
        board: The board; controls are left out, codecs without bits become horizontal lines.
        style: From ``styles``.
        stem: Path without suffix.

    Returns:
        The files written; none where no metric has a value.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    metrics = [name for name in shown_metrics(board) if any(name in p.values for e in board.entrants for p in e.plain)]
    if not metrics:
        return []
    settings: Any = {
        "svg.hashsalt": "dic-bench",
        "svg.fonttype": "none",
        "font.size": 9,
        "axes.titlesize": 10,
    }
    with matplotlib.rc_context(settings):
        rows = math.ceil(len(metrics) / COLUMNS)
        columns = min(COLUMNS, len(metrics))
        figure = Figure(figsize=(4.0 * columns, 2.9 * rows + 0.7), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(rows, columns, squeeze=False).flatten()
        for axes, metric in zip(panels, metrics, strict=False):
            _panel(axes, board, metric, style)
        for axes in panels[len(metrics) :]:
            axes.set_visible(False)
        handles: dict[str, Any] = {}
        for axes in panels:
            handles |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
        names = [entrant.label for entrant in board.entrants if entrant.label in handles]
        figure.legend(
            [handles[n] for n in names], names, loc="outside lower center", ncols=min(6, len(names)), frameon=False
        )
        mark = ", partial" if board.partial else ""
        figure.suptitle(f"{board.name}, N = {board.n}{mark}, {board.protocol}", fontsize=11)
        written = []
        for suffix, options in (
            (".png", {"metadata": {"Software": None}, "dpi": 100}),
            (".svg", {"metadata": {"Date": None}}),
        ):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=suffix[1:], **options)
            write_bytes(stem.with_suffix(suffix), buffer.getvalue())
            written.append(stem.with_suffix(suffix))
    return written


def _panel(axes: Axes, board: Board, metric: str, style: Style) -> None:
    """One metric over rate, with an arrow to the better end in its title."""
    spec = METRICS[metric]
    for entrant in board.entrants:
        _curve(axes, entrant, metric, style, spec.scale)
    arrow = {True: " ↑ better", False: " ↓ better", None: ""}[spec.higher_is_better]
    unit = f" ({spec.unit})" if spec.unit and spec.unit != "1e-3" else " ×10³" if spec.scale == 1e3 else ""
    axes.set_title(spec.title + unit + arrow)
    axes.set_xlabel("bits per pixel of the file")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    axes.tick_params(axis="x", which="minor", labelsize=7)
    axes.grid(True, which="both", linewidth=0.3, alpha=0.5)


def _curve(axes: Axes, entrant: Entrant, metric: str, style: Style, scale: float) -> None:
    colour, marker, line = style[entrant.label]
    points = sorted((p.bpp, p.values[metric] * scale) for p in entrant.plain if metric in p.values)
    sent = any(p.bpp_payload > 0 for p in entrant.plain)
    if points and sent:
        axes.plot(*zip(*points, strict=True), color=colour, marker=marker, linestyle=line, markersize=4, linewidth=1.3,
                  label=entrant.label, fillstyle="none" if entrant.encoder_sees_y else "full")  # fmt: skip
    elif points:
        axes.axhline(points[0][1], color=colour, linestyle=":", linewidth=1.2, label=entrant.label)
