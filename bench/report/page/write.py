"""Writing ``report.html``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.errors import BenchError
from bench.report.page.assemble import make_page, read_packed
from bench.report.page.data import page_data
from bench.report.page.pictures import make_shots
from bench.report.page.units import find_units
from bench.report.published.table import PublishedPoint
from bench.report.verdict import Verdict
from bench.store.atomic import write_bytes

NAME = "report.html"
COMMITTED = "reports"


def write_page(
    verdicts: Sequence[Verdict],
    stores: Sequence[Path],
    out: Path,
    published: Sequence[PublishedPoint] = (),
    photographs: bool = False,
    earlier: Path | None = None,
) -> Path:
    """Write the page of all boards.

    Args:
        verdicts: The judged boards.
        stores: Where their units lie.
        out: Folder; the pictures of a page that lies there already are taken over where they show the same.
        published: Points read from papers, drawn hollow beside ours.
        photographs: Put photographs into the page, too.
        earlier: Folder of the page to take pictures over from; ``out`` by default.

    Raises:
        BenchError: Photographs were asked for below the folder of committed reports.
    """
    if photographs:
        refuse_committed(out)
    path = out / NAME
    boards = [verdict.board for verdict in verdicts]
    keys = {p.key for board in boards for entrant in board.entrants for own in entrant.points.values() for p in own}
    units = find_units(stores, keys)
    old = (earlier or out) / NAME
    before = read_packed(old.read_text(encoding="utf-8"), "shots") if old.is_file() else None
    shots = make_shots(boards, units, photographs, before)
    write_bytes(path, make_page(page_data(verdicts, units, published), shots.as_json()).encode())
    return path


def refuse_committed(out: Path) -> None:
    """Keep photographs, which are not ours to spread, out of the folder that is committed.

    Raises:
        BenchError: ``out`` is the ``reports`` folder of a checkout, or lies below it.
    """
    for folder in [out.resolve(), *out.resolve().parents]:
        if folder.name == COMMITTED and (folder.parent / ".git").exists():
            raise BenchError(
                f"A report with photographs does not belong below {folder.name}/, which is committed; give another "
                "--out, such as runs/reports."
            )
