"""Writing a report: one folder a board, an index above them; and whether what is written is what there should be."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.report.board import Board, read_boards
from bench.report.markdown import index, page
from bench.report.plots import draw, styles
from bench.report.ranking import judge
from bench.store.atomic import write_bytes

TEXTS = (".md", ".html", ".csv", ".json")
"""Compared byte by byte; pictures depend on the drawing library's version too, so that only their presence is."""


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
    return write_boards(read_boards(stores), out)


def write_boards(boards: Sequence[Board], out: Path) -> list[Path]:
    """Write the report of boards that were read; see ``write_report``."""
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


def find_stale(boards: Sequence[Board], out: Path) -> list[str]:
    """Say how a written report differs from what its stores give now; empty where it does not.

    Args:
        boards: As read from the stores.
        out: Folder of the report.
    """
    with tempfile.TemporaryDirectory() as name:
        new = {path.relative_to(name): path for path in write_boards(boards, Path(name))}
        old = {path.relative_to(out) for path in out.rglob("*") if path.suffix in (*TEXTS, ".png", ".svg")}
        found = [f"{out / path} is missing" for path in sorted(set(new) - old)]
        folders = {Path(board.folder) for board in boards}
        left = sorted({path.parent for path in old if path.name == "leaderboard.md"} - folders - {Path()})
        found += [f"{out / folder} is of a board that the stores no longer hold" for folder in left]
        for path in sorted(set(new) & old):
            if path.suffix in TEXTS and new[path].read_bytes() != (out / path).read_bytes():
                found.append(f"{out / path} is not what the stores give")
        return found


def warnings(boards: Sequence[Board]) -> list[str]:
    """What must not go unseen when a report is written: rows that were edited, curves with a hole."""
    found = []
    for board in boards:
        for label, rate, control, status, reason in board.absent:
            if status in ("edited", "error"):
                found.append(f"{board.name}: {label} {rate} ({control}) is left out: {reason}")
        found += [f"{board.name}: {e.label} has no place: {e.barred}" for e in board.entrants if e.missing]
        if board.unsealed:
            found.append(f"{board.name}: {board.unsealed} units carry no digests; an edit in them would not be noticed")
    return found
