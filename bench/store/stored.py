"""Units as they lie in a store: each in a folder of its own, as a run writes them, or many in a pack.

A pack is what is kept of a sweep: ``units.parquet`` is the set table with three more columns, ``run`` (the text of the
unit's ``run.json``), ``items`` (the name of the file that holds its items) and ``rows`` (how many of them, units in the
order of this table). The file of items is named by its own digest, so that a pack is exchanged by replacing one file.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.store.digest import changed_rows, find_edit
from bench.store.schema import check_schema
from bench.store.table import Table, Unreadable, read_run, widened

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

PACK = "units.parquet"
PACKED = ("run", "items", "rows")
"""Columns that a pack adds to the set table."""


Keep = Callable[[str], bool]


def _all(column: str) -> bool:
    return True


@dataclass(frozen=True)
class StoredUnit:
    """One finished unit.

    Attributes:
        store: The store that it lies in.
        folder: Its folder, or the pack's.
        run: Contents of its ``run.json``.
        place: In a pack: its row, its first item row, its number of item rows; None in a folder of its own.
    """

    store: Path
    folder: Path
    run: dict[str, Any]
    place: tuple[int, int, int] | None = None

    @property
    def sealed(self) -> bool:
        """There are digests to compare its rows with."""
        return bool(self.run.get("digests"))

    @property
    def coded(self) -> str:
        """UTC time of coding; empty where it was not coded."""
        return str(self.run.get("decoding", {}).get("created", ""))

    def table(self, name: Table, keep: Keep = _all) -> pa.Table:
        """Read those columns of one table that ``keep`` says yes to.

        Raises:
            BenchError: The file is damaged or gone.
        """
        return self._read(name, keep)[0]

    def checked(self, name: Table, keep: Keep = _all) -> tuple[pa.Table, str]:
        """Read one table, and say how it differs from what the run wrote; see ``find_edit``."""
        table, data = self._read(name, keep)
        digests = self.run.get("digests")
        if not digests:
            return table, ""
        if self.place is None:
            return table, find_edit(name, data, digests)
        whole = name == "items" and _items(self.folder)[1]
        return table, "" if whole else changed_rows(name, self.table(name), digests)

    def _read(self, name: Table, keep: Keep) -> tuple[pa.Table, bytes]:
        if self.place is None:
            path = self.folder / f"{name}.parquet"
            data = _bytes(path)
            return _parsed(data, path, keep), data
        row, start, rows = self.place
        table = _items(self.folder)[0].slice(start, rows) if name == "items" else _units(self.folder).slice(row, 1)
        hidden = PACKED if name == "set" else ()
        return table.select([column for column in table.column_names if keep(column) and column not in hidden]), b""


def find_stored(root: Path) -> list[StoredUnit]:
    """Finished units under a store, by folder: those whose ``run.json``, or whose pack, is there.

    Raises:
        BenchError: There is no such store, or one unit is of a newer schema.
    """
    if not root.is_dir():
        raise BenchError(f"There is no store at {root}; `bench run --out {root}` makes one.")
    folders = [path.parent for path in root.rglob("run.json") if (path.parent / "set.parquet").is_file()]
    found = [StoredUnit(root, folder, read_run(folder)) for folder in sorted(folders)]
    for path in sorted(root.rglob(PACK)):
        units, start = _units(path.parent), 0
        for row, (text, rows) in enumerate(zip(*(units[n].to_pylist() for n in ("run", "rows")), strict=True)):
            found.append(StoredUnit(root, path.parent, json.loads(text), (row, start, rows)))
            start += rows
    for unit in found:
        check_schema(unit.run.get("schema", 0), str(unit.folder))
    return found


def load(path: str | Path, table: Table = "items") -> pd.DataFrame:
    """Read every unit of a store, or one parquet file, into one data frame.

    Args:
        path: A store such as ``runs``, a folder below it, or a parquet file.
        table: ``items`` (one row an item) or ``set`` (one row a unit); ignored for a file.

    Returns:
        One row an item or a unit, units in the order of their folders; metrics that a unit lacks are NaN.

    Raises:
        BenchError: There is no such store, nothing in it, or it was written by a newer schema.
    """
    import pyarrow as pa

    root = Path(path)
    if root.is_file():
        return widened(_parsed(_bytes(root), root), root).to_pandas()
    tables = [widened(unit.table(table), unit.folder) for unit in find_stored(root)]
    if not tables:
        raise BenchError(f"The store {root} holds no finished unit; `bench run --out {root}` fills it.")
    return pa.concat_tables(tables, promote_options="default").to_pandas()


def _units(folder: Path) -> pa.Table:
    """What a pack says of its units."""
    return _read_units(folder, _stamp(folder))


def _items(folder: Path) -> tuple[pa.Table, bool]:
    """All items of a pack, and whether their file is the one that was written."""
    return _read_items(folder, _stamp(folder))


def _stamp(folder: Path) -> int:
    try:
        return (folder / PACK).stat().st_mtime_ns
    except OSError as error:
        raise Unreadable(folder / PACK) from error


# Units are read in the order in which they lie, so that a few packs at a time are enough.
@lru_cache(maxsize=4)
def _read_units(folder: Path, stamp: int) -> pa.Table:
    return _parsed(_bytes(folder / PACK), folder / PACK)


@lru_cache(maxsize=4)
def _read_items(folder: Path, stamp: int) -> tuple[pa.Table, bool]:
    path = folder / str(_read_units(folder, stamp)["items"][0])
    data = _bytes(path)
    return _parsed(data, path).combine_chunks(), path.name == items_name(data)


def items_name(data: bytes) -> str:
    """Name of a pack's file of items."""
    return f"items-{hashlib.sha256(data).hexdigest()[:16]}.parquet"


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(path) from error


def _parsed(data: bytes, path: Path, keep: Keep = _all) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(data))
        wanted = [name for name in file.schema_arrow.names if keep(name)]
        return file.read(columns=wanted, use_threads=False)
    except (OSError, pa.ArrowInvalid) as error:
        raise Unreadable(path) from error
