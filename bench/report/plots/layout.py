"""Where panels, their names and the legend lie: every figure alike, in inches.

matplotlib's constrained layout finds margins by measuring all text of a figure twice over, a third of the time that a
plot takes; here every panel has the same margins, and only the names at its right edge differ in length.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEGEND_COLUMNS = 6
TITLE = 0.34
"""Height of the figure's own title."""
# Inches: title of a panel, its ticks with the axis' label below, left with a label and without, right without names.
_HEAD, _FOOT, _LEFT, _BARE, _RIGHT = 0.27, 0.45, 0.74, 0.52, 0.14
# From a panel's edge to the label of an axis.
_ACROSS, _UP = 0.27, 0.50
# A row of the legend, a character of a name, the line from a curve's end to its name.
_ROW, _CHARACTER, _RULE = 0.20, 0.066, 0.17


def legend_height(entries: int) -> float:
    """Height of a legend below the panels."""
    return math.ceil(entries / LEGEND_COLUMNS) * _ROW + 0.14 if entries else 0.0


def arrange(made: Figure) -> None:
    """Place the panels: room for titles above, ticks and axis labels left and below, names at the right edge."""
    width, height = made.get_size_inches()
    places = [_place(axes) for axes in made.axes]
    rows, columns = max(row for row, _ in places) + 1, max(column for _, column in places) + 1
    names = [len(t.get_text()) for axes in made.axes for t in axes.texts if t.get_transform() == axes.transAxes
             and t.get_position()[0] > 1]  # fmt: skip
    right = _RULE + _CHARACTER * max(names) if names else _RIGHT
    named = {column for axes, (_, column) in zip(made.axes, places, strict=True) if axes.get_ylabel()}
    left, inner = _LEFT if named else _BARE, _LEFT if named - {0} else _BARE
    below = sum(legend_height(len(one.get_texts())) for one in made.legends) + _FOOT
    across, down = right + inner, _FOOT + _HEAD
    wide = (width - left - right - across * (columns - 1)) / columns
    tall = (height - TITLE - _HEAD - below - down * (rows - 1)) / rows
    made.subplots_adjust(left / width, below / height, 1 - right / width, 1 - (TITLE + _HEAD) / height,
                         across / wide, down / tall)  # fmt: skip
    for axes in made.axes:
        axes.xaxis.set_label_coords(0.5, -_ACROSS / tall)
        axes.yaxis.set_label_coords(-_UP / wide, 0.5)


def _place(axes: Axes) -> tuple[int, int]:
    """Row and column of a panel."""
    spec = axes.get_subplotspec()
    return (spec.rowspan.start, spec.colspan.start) if spec is not None else (0, 0)
