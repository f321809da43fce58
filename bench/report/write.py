"""Writing a report: one folder a board, an index above them; and whether what is written is what there should be."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.report.board import Board, read_boards
from bench.report.markdown import index, page
from bench.report.page.write import refuse_committed, write_page
from bench.report.plots import draw_boards
from bench.report.published.page import published_page
from bench.report.published.table import POINTS, find_folder, read_points
from bench.report.ranking import judge
from bench.store.atomic import write_bytes

TEXTS = (".md", ".html", ".csv", ".json")
"""Compared byte by byte; pictures depend on the drawing library's version too, so that only their presence is."""


def write_report(stores: Sequence[Path], out: Path, photographs: bool = False) -> list[Path]:
    """Write leaderboards and plots of everything in the stores.

    Args:
        stores: Result stores.
        out: Folder for ``leaderboard.md``, ``report.html`` and one folder a board.
        photographs: Put photographs into ``report.html``; such a page must not be committed.

    Returns:
        The files written, the index first.

    Raises:
        BenchError: There is nothing to report, or rows that no board can hold together.
    """
    return write_boards(read_boards(stores), stores, out, photographs)


def write_boards(
    boards: Sequence[Board],
    stores: Sequence[Path],
    out: Path,
    photographs: bool = False,
    earlier: Path | None = None,
) -> list[Path]:
    """Write the report of boards that were read; see ``write_report``.

    Args:
        boards: As read from the stores.
        stores: The stores.
        out: Folder of the report.
        photographs: As in ``write_report``.
        earlier: Folder of a report whose pictures are taken over where they show the same; ``out`` by default.
    """
    if photographs:
        refuse_committed(out)
    place = find_folder(stores)
    published = read_points(place / POINTS) if place is not None else []
    drawn = draw_boards(((judge(board), out / board.folder) for board in boards), len(boards), published)
    verdicts, written = [verdict for verdict, _ in drawn], [out / "leaderboard.md"]
    for verdict, plots in drawn:
        folder = out / verdict.board.folder
        written += [folder / "leaderboard.md", *(path for files in plots.values() for path in files)]
        write_bytes(folder / "leaderboard.md", page(verdict, plots).encode())
    if place is not None:
        write_bytes(out / "published.md", published_page(place).encode())
        written.append(out / "published.md")
    written.append(write_page(verdicts, stores, out, published, photographs, earlier))
    write_bytes(written[0], index(verdicts).encode())
    return written


def find_stale(boards: Sequence[Board], stores: Sequence[Path], out: Path, photographs: bool = False) -> list[str]:
    """Say how a written report differs from what its stores give now; empty where it does not.

    Args:
        boards: As read from the stores.
        stores: The stores.
        out: Folder of the report.
        photographs: Whether its ``report.html`` should hold photographs.
    """
    with tempfile.TemporaryDirectory() as name:
        new = {path.relative_to(name): path for path in write_boards(boards, stores, Path(name), photographs, out)}
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
