"""Figures, axes of rate, labels at the ends of curves, and files of the same bytes every time."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.metrics.registry import METRICS
from bench.report.board import Board, Entrant
from bench.report.colours import DASHES, MARKERS, Look, look_of
from bench.report.plots.layout import LEGEND_COLUMNS, TITLE, arrange, legend_height
from bench.store.atomic import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SETTINGS: Any = {
    "svg.hashsalt": "dic-bench",
    "svg.fonttype": "none",
    # An SVG names every family of this list in each of its texts.
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a8f96",
    "xtick.color": "#4b5058",
    "ytick.color": "#4b5058",
    "axes.labelcolor": "#33373d",
    "grid.color": "#d9dce0",
    "grid.linewidth": 0.5,
    "axes.grid": True,
    "axes.axisbelow": True,
    "legend.frameon": False,
}
Label = tuple[float, float, str, str]


@contextmanager
def figure(columns: int, rows: int, width: float = 4.0, height: float = 2.9) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure of panels under the house's settings.

    Args:
        columns: Panels a row.
        rows: Rows.
        width: Inches a panel.
        height: Inches a panel.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(SETTINGS):
        made = Figure(figsize=(width * columns, height * rows + TITLE))
        FigureCanvasAgg(made)
        yield made, list(made.subplots(rows, columns, squeeze=False).flatten())


def save(made: Figure, board: Board, what: str, stem: Path) -> list[Path]:
    """Write a figure as PNG and SVG, with the board in its title."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from PIL import Image

    mark = ", partial" if board.partial else ""
    title = f"{what} · {board.name}, N = {board.n}{mark}, {board.protocol}"
    made.suptitle(title, y=1 - 0.08 / made.get_figheight(), va="top", fontsize=10.5, color="#33373d")
    arrange(made)
    made.set_dpi(110)
    png, svg = io.BytesIO(), io.BytesIO()
    agg: Any = FigureCanvasAgg(made)
    agg.draw()
    pixels = Image.fromarray(np.asarray(agg.buffer_rgba())).convert("RGB")
    # A palette is a quarter of the bytes, and these files are committed with each leaderboard.
    pixels.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(png, "png", optimize=True)
    made.set_dpi(72)
    vector: Any = FigureCanvasSVG(made)
    vector.print_svg(svg, metadata={"Date": None})
    files = {stem.with_suffix(".png"): png, stem.with_suffix(".svg"): svg}
    for path, buffer in files.items():
        write_bytes(path, buffer.getvalue())
    return list(files)


def look(entrant: Entrant) -> Look:
    """The look of an entrant."""
    return look_of(entrant.method, entrant.variant, entrant.label.partition(" ")[2])


def curve(axes: Axes, xs: Sequence[float], ys: Sequence[float], entrant: Entrant, **changes: Any) -> None:
    """A curve in the look of a codec; ``changes`` are matplotlib's own words."""
    style = look(entrant)
    axes.plot(
        xs,
        ys,
        **{
            "color": style.hex,
            "marker": MARKERS[style.marker],
            "linestyle": DASHES[style.dash],
            "markersize": 4,
            "linewidth": 1.4,
            "label": entrant.label,
            "fillstyle": "none" if entrant.encoder_sees_y else "full",
            **changes,
        },
    )


def rate_axis(axes: Axes) -> None:
    """Bits per pixel on a log scale."""
    axes.set_xlabel("bits per pixel of the file")
    log_axis(axes)


def log_axis(axes: Axes) -> None:
    """A log scale with plain numbers at 1, 2 and 5."""
    from matplotlib.ticker import LogLocator, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=20))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.tick_params(axis="x", labelsize=7.5)


def metric_title(metric: str) -> str:
    """Title of a panel, with an arrow to the better end."""
    spec = METRICS[metric]
    arrow = {True: " ↑ better", False: " ↓ better", None: ""}[spec.higher_is_better]
    unit = " ×10³" if spec.scale == 1e3 else f" ({spec.unit})" if spec.unit else ""
    return spec.title + unit + arrow


def end_labels(axes: Axes, labels: Sequence[Label]) -> None:
    """Names beside points (x, y, text, colour), in a column at the right edge, pushed apart; call it after plotting.

    The labels are left out, for the legend to say, where the column would be too full.
    """
    row = 0.155 / _inches(axes)
    if not labels or len(labels) * row > 1.05:
        return
    spots = sorted((*_fraction(axes, x, y), text, colour) for x, y, text, colour in labels)
    spots.sort(key=lambda spot: (spot[1], spot[2]))
    places = spread([spot[1] for spot in spots], row)
    for place, (across, up, text, colour) in zip(places, spots, strict=True):
        axes.plot([across, 1.025, 1.035], [up, place, place], transform=axes.transAxes, clip_on=False, color=colour,
                  linewidth=0.5, alpha=0.6, label="_")  # fmt: skip
        axes.text(1.045, place, text, transform=axes.transAxes, color=colour, fontsize=8, va="center")


def _fraction(axes: Axes, x: float, y: float) -> tuple[float, float]:
    """Where a point lies in the panel, 0 … 1 both ways."""
    at = axes.transAxes.inverted().transform(axes.transData.transform((x, y)))
    return float(at[0]), float(at[1])


def beside_marks(axes: Axes, labels: Sequence[Label]) -> None:
    """Names right of single marks (x, y, text, colour), those of near marks pushed apart; call it after plotting."""
    row = 0.155 / _inches(axes)
    spots = sorted((_fraction(axes, x, y)[1], x, y, text, colour) for x, y, text, colour in labels)
    places = spread([spot[0] for spot in spots], row)
    inch = 72 * _inches(axes)
    for place, (at, x, y, text, colour) in zip(places, spots, strict=True):
        axes.annotate(text, (x, y), (7, (place - at) * inch), textcoords="offset points", color=colour, fontsize=8,
                      va="center", annotation_clip=False)  # fmt: skip


def _inches(axes: Axes) -> float:
    """Height of a panel, about: the layout is found only later."""
    spec, made = axes.get_subplotspec(), axes.get_figure(root=True)
    rows = spec.get_gridspec().nrows if spec is not None else 1
    return 0.72 * float(made.get_figheight()) / rows if made is not None else 1.0


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Ascending places near those wanted, at least ``gap`` apart, within 0 … 1 as far as they fit."""
    places = list(wanted)
    for _ in range(80):
        for i in range(1, len(places)):
            short = gap - (places[i] - places[i - 1])
            if short > 1e-9:
                places[i] += short / 2
                places[i - 1] -= short / 2
        places = [min(1.0, max(0.0, place)) for place in places]
    return places


def legend(made: Figure, panels: Sequence[Axes], order: Sequence[str]) -> None:
    """One legend below for all panels, in the order of the board."""
    handles: dict[str, Any] = {}
    for axes in panels:
        handles |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    names = [name for name in order if name in handles]
    if names:
        columns = min(LEGEND_COLUMNS, len(names))
        made.set_figheight(made.get_figheight() + legend_height(len(names)))
        made.legend([handles[n] for n in names], names, loc="lower center", ncols=columns, borderaxespad=0.2)


def hide_rest(panels: Sequence[Axes], used: int) -> None:
    """Take empty panels away."""
    for axes in panels[used:]:
        axes.set_visible(False)


def grid_of(number: int, columns: int) -> tuple[int, int]:
    """Columns and rows for a number of panels."""
    return min(columns, number), math.ceil(number / columns)
