"""Writing a report: one folder a board, an index above them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.report.board import read_boards
from bench.report.markdown import index, page
from bench.report.plots import draw, styles
from bench.report.ranking import judge
from bench.store.atomic import write_bytes


def write_report(stores: Sequence[Path], out: Path) -> list[Path]:
    """Write leaderboards and plots of everything in the stores.

    Args:
        stores: Result stores.
        out: Folder for ``leaderboard.md`` and one folder a board.

    Returns:
        The files written, the index first.

    Raises:
        BenchError: There is nothing to report, or rows that no board can hold together.
    """
    boards = read_boards(stores)
    verdicts = [judge(board) for board in boards]
    style = styles([entrant.label for board in boards for entrant in board.entrants])
    written = [out / "leaderboard.md"]
    for verdict in verdicts:
        board = verdict.board
        folder = out / board.folder
        plots = draw(board, style, folder / "rd")
        written += [folder / "leaderboard.md", *plots]
        write_bytes(folder / "leaderboard.md", page(verdict, "rd.svg" if plots else None).encode())
    write_bytes(written[0], index(verdicts).encode())
    return written
