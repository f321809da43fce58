"""All plots of one board."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.report.plots.controls import draw_controls
from bench.report.plots.plane import draw_plane
from bench.report.plots.published import draw_published
from bench.report.plots.rd import draw_rd
from bench.report.plots.sections import draw_sections
from bench.report.plots.timing import draw_timing
from bench.report.published.table import PublishedPoint
from bench.report.verdict import Verdict


def draw_board(verdict: Verdict, folder: Path, published: Sequence[PublishedPoint] = ()) -> dict[str, list[Path]]:
    """Write every plot that the board has the numbers for, as PNG and SVG.

    Args:
        verdict: The judged board.
        folder: Where the files go.
        published: Points read from papers.

    Returns:
        Title of each plot to its files, in the order in which a page shows them.
    """
    board = verdict.board
    made = {
        "Rate-distortion curves": draw_rd(board, folder / "rd"),
        "Side-information controls": draw_controls(board, folder / "controls"),
        "Perception and distortion": draw_plane(board, folder / "plane"),
        "Where the bits go": draw_sections(board, folder / "sections"),
        "Time and quality": draw_timing(verdict, folder / "time"),
        "Published points": draw_published(board, published, folder / "published"),
    }
    return {title: files for title, files in made.items() if files}
