"""``results/published/points.csv``: operating points read from papers and repositories, one a row."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.metrics.registry import METRICS

POINTS, SOURCES, EFFECTS = "points.csv", "sources.toml", "conventions.json"
CONFIDENCES = ("exact", "near exact", "read", "low")
SIZE = "128x256"


@dataclass(frozen=True)
class PublishedPoint:
    """One point.

    Attributes:
        method: Name as the source uses it.
        dataset: ``kitti`` (KITTI Stereo, 790 test pairs) or ``cityscapes`` (1525).
        resolution: ``128x256``, ``full size`` or ``unknown``.
        metric: Id of the metric that it comes closest to.
        convention: How the source computed it.
        bpp: Bits per pixel as printed.
        bpp_kind: ``estimated``, ``file``, ``nominal`` …: what the rate counts.
        value: Value as printed, in the unit of our column.
        objective: What the model was trained for, where it is known.
        source: Id in ``sources.toml``.
        read: ``table``, ``vector plot`` or ``figure``.
        confidence: One of ``CONFIDENCES``.
    """

    method: str
    dataset: str
    resolution: str
    metric: str
    convention: str
    bpp: float
    bpp_kind: str
    value: float
    objective: str
    source: str
    read: str
    confidence: str

    def as_json(self) -> dict[str, Any]:
        """For the page, under the names that its scripts use."""
        made = asdict(self)
        made["kind"] = made.pop("bpp_kind")
        return made


def read_points(path: Path) -> list[PublishedPoint]:
    """Read the table.

    Raises:
        BenchError: A column is missing, or a row has no number, an unknown metric or an unknown confidence.
    """
    names = [field.name for field in fields(PublishedPoint)]
    with path.open(encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle)
        missing = [name for name in names if name not in (reader.fieldnames or [])]
        if missing:
            raise BenchError(f"{path} has no column {missing[0]}; its columns are {', '.join(names)}.")
        return [_point(path, number, row) for number, row in enumerate(reader, start=2)]


def _point(path: Path, line: int, row: dict[str, str]) -> PublishedPoint:
    try:
        point = PublishedPoint(**{k: v for k, v in row.items() if k not in ("bpp", "value")}, bpp=float(row["bpp"]),
                               value=float(row["value"]))  # fmt: skip
    except (TypeError, ValueError) as error:
        raise BenchError(f"{path}, line {line}, is no point ({error}); mend or remove it.") from error
    if point.metric not in METRICS or point.confidence not in CONFIDENCES:
        wrong = point.metric if point.metric not in METRICS else point.confidence
        raise BenchError(f"{path}, line {line}: {wrong!r} is no known metric or confidence; mend or remove the line.")
    return point


def find_folder(stores: Sequence[Path]) -> Path | None:
    """The folder of published points: that of a store, else ``results/published`` of the working directory."""
    for folder in [*(store / "published" for store in stores), Path("results") / "published"]:
        if (folder / POINTS).is_file():
            return folder
    return None


def beside(points: Iterable[PublishedPoint], dataset: str, metrics: Sequence[str]) -> list[PublishedPoint]:
    """Points that may be drawn beside a board of ours: the same place and size, a metric that the board has.

    ``kitti-mini`` gets KITTI's: photographs of the same streets, but other pairs, which the drawing must say.
    """
    place = "kitti" if dataset.startswith("kitti") else dataset
    return [p for p in points if p.dataset == place and p.resolution == SIZE and p.metric in metrics]
