"""Where the bits go: the parts of the file at each rate point."""

from __future__ import annotations

from pathlib import Path

from bench.report.aggregate import Point
from bench.report.board import Board
from bench.report.plots.canvas import figure, grid_of, hide_rest, legend, save

COLUMNS = 4
FIRST = ("container", "z", "latent", "indices", "text")
FILLS = ("#8a8f96", "#E69F00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#882255")
HATCHES = ("", "//", "", "..", "xx", "", "\\\\", "++")


def draw_sections(board: Board, stem: Path) -> list[Path]:
    """One panel a codec: shares of container and parts, the bits per pixel above each bar.

    Codecs that send nothing, and units whose rows do not tell parts, are left out.

    Returns:
        The files written; none where no unit tells.
    """
    entrants = [e for e in board.entrants if not e.sends_nothing and any(p.parts for p in e.plain)]
    if not entrants:
        return []
    found = {name for e in entrants for p in e.plain for name in p.parts}
    names = [*(name for name in FIRST if name in found), *sorted(found - set(FIRST))]
    columns, rows = grid_of(len(entrants), COLUMNS)
    with figure(columns, rows, 3.6, 2.7) as (made, panels):
        for axes, entrant in zip(panels, entrants, strict=False):
            points = [point for point in entrant.plain if point.parts]
            base = [0.0] * len(points)
            for name in names:
                shares = [share(point, name) for point in points]
                if not any(shares):
                    continue
                place = names.index(name)
                axes.bar([p.rate for p in points], shares, bottom=base, label=name, color=FILLS[place % len(FILLS)],
                         hatch=HATCHES[place % len(HATCHES)], edgecolor="white", linewidth=0.4, width=0.78)  # fmt: skip
                base = [b + s for b, s in zip(base, shares, strict=True)]
            for index, point in enumerate(points):
                axes.text(index, 101, f"{point.bpp:.3f}", ha="center", va="bottom", fontsize=6.5, color="#33373d")
            axes.set_title(entrant.label)
            axes.set_ylim(0, 112)
            axes.set_yticks([0, 25, 50, 75, 100])
            axes.grid(visible=False, axis="x")
            axes.set_ylabel("% of the file" if axes in panels[::columns] else "")
        hide_rest(panels, len(entrants))
        legend(made, panels, names)
        return save(made, board, "Where the bits go; bits per pixel above", stem)


def share(point: Point, name: str) -> float:
    """Percent of the file that a part takes."""
    whole = sum(point.parts.values())
    return 100 * point.parts.get(name, 0.0) / whole if whole else 0.0
