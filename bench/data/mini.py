"""``kitti-mini``: 320 training and 56 test pairs of genuine KITTI, known by the hashes of their pixels.

The project commits the list (``bench/data/known/kitti-mini.csv``: frame, scene, origin, hashes), never the pictures.
"""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path

from bench.data.plan import Plan
from bench.data.sources import Source, complain

LIST = Path(__file__).parent / "known" / "kitti-mini.csv"
COUNTS = {"train": 320, "test": 56}


@lru_cache(maxsize=1)
def frames() -> list[dict[str, str]]:
    """Return the rows of the committed list, sorted by split and file."""
    with LIST.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def plan(place: Path, split: str) -> tuple[Plan, dict[str, str]]:
    """Return a split's pairs (x left, y right, sorted by file name) and the pixel hash of each source.

    Args:
        place: The folder with ``test/left``, ``test/right``, ``train/left`` and ``train/right``, all 128×256 PNG.
        split: ``train`` or ``test``.

    Raises:
        MissingData: Pictures are missing; the message names them.
    """
    out, known, missing = Plan(), {}, []
    for row in frames():
        if row["split"] != split:
            continue
        views = []
        for side in ("left", "right"):
            name = f"{split}/{side}/{row['file']}"
            path = place / name
            if not path.is_file():
                missing.append(name)
            known[name] = row[f"{side}_pixels"]
            views.append(Source(name, str(path), path.read_bytes))
        out.add(f"{row['file'].removesuffix('.png')}-lr", row["scene"], views[0], views[1])
    if missing:
        raise complain("kitti-mini", missing, [place])
    return out, known
