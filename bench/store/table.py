"""Parquet files of the schema: writing one unit, reading a store."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.errors import BenchError
from bench.store.atomic import replacing
from bench.store.schema import ITEM, SET, Column, check_schema

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Table = Literal["items", "set"]


class Unreadable(BenchError):
    """A parquet file that is damaged or gone."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} cannot be read as parquet; delete its folder and run the sweep again.")


_COLUMNS: dict[str, tuple[Column, ...]] = {"items": ITEM, "set": SET}


def write(path: Path, table: Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write one table of one unit, whole or not at all.

    Args:
        path: The parquet file.
        table: Whose columns are meant; all of them must be given.
        columns: Column name to values; names outside the schema are metrics. Metrics of items and milliseconds are
            stored as float32 (seven digits), which halves what a committed store weighs.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    short = pa.float32() if table == "items" else pa.float64()
    known = {c.name: short if c.name.endswith("_ms") else types[c.type] for c in _COLUMNS[table]}
    missing = sorted(set(known) - set(columns))
    if missing:
        raise ValueError(f"{table} table without {', '.join(missing)}")
    names = [*known, *(name for name in columns if name not in known)]
    arrays = [pa.array(_plain(columns[name]), type=known.get(name, short)) for name in names]
    made = pa.table(dict(zip(names, arrays, strict=True)))
    with replacing(path) as handle:
        # A unit is small: statistics, Arrow's own copy of the schema and dictionaries of numbers would be most of it.
        texts = [name for name in names if table == "items" and known.get(name) == pa.string()]
        pq.write_table(
            made, handle, compression="zstd", write_statistics=False, store_schema=False, use_dictionary=texts or False
        )


def _plain(values: Sequence[Any]) -> list[Any]:
    """Python values, with None for NaN, so that a missing number is null in the file."""
    plain = [value.item() if hasattr(value, "item") else value for value in values]
    return [None if isinstance(value, float) and value != value else value for value in plain]


def read(path: Path) -> pa.Table:
    """Read one table of one unit.

    Raises:
        BenchError: The file is unreadable, or of a newer schema.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, partitioning=None, memory_map=False)
    except (OSError, pa.ArrowInvalid) as error:
        raise Unreadable(path) from error
    if "schema" in table.column_names:
        check_schema(max([v for v in table["schema"].to_pylist() if v is not None], default=0), str(path))
    wide = [pa.field(f.name, pa.float64() if f.type == pa.float32() else f.type) for f in table.schema]
    return table.cast(pa.schema(wide))


def unit_folders(root: Path) -> list[Path]:
    """Folders of whole units under a store, sorted: those whose ``run.json`` is there.

    Raises:
        BenchError: There is no such store, or one unit is of a newer schema.
    """
    if not root.is_dir():
        raise BenchError(f"There is no store at {root}; `bench run --out {root}` makes one.")
    found = sorted(path.parent for path in root.rglob("run.json") if (path.parent / "set.parquet").is_file())
    for folder in found:
        check_schema(read_run(folder).get("schema", 0), str(folder))
    return found


def read_run(folder: Path) -> dict[str, Any]:
    """Return a unit's ``run.json``; empty where it is absent or damaged, so that the unit counts as not done."""
    try:
        value = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


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
        return read(root).to_pandas()
    tables = [read(folder / f"{table}.parquet") for folder in unit_folders(root)]
    if not tables:
        raise BenchError(f"The store {root} holds no finished unit; `bench run --out {root}` fills it.")
    return pa.concat_tables(tables, promote_options="default").to_pandas()
