"""Parquet files of the schema: one table of one unit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from bench.errors import BenchError
from bench.store.atomic import replacing
from bench.store.schema import ITEM, SET, Column, check_schema

if TYPE_CHECKING:
    import pyarrow as pa

Table = Literal["items", "set"]
TABLES: tuple[Table, ...] = ("items", "set")


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
        write_table(made, handle, [name for name in names if table == "items" and known.get(name) == pa.string()])


def write_table(table: pa.Table, handle: IO[bytes], dictionaries: Sequence[str] = ()) -> None:
    """Write parquet in little room: statistics, Arrow's own copy of the schema and dictionaries would be most of it.

    Args:
        table: What to write.
        handle: Where.
        dictionaries: Columns whose values repeat.
    """
    import pyarrow.parquet as pq

    names = list(dictionaries)
    pq.write_table(
        table, handle, compression="zstd", write_statistics=False, store_schema=False, use_dictionary=names or False
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
    return widened(table, path)


def widened(table: pa.Table, path: Path) -> pa.Table:
    """A table as it is worked with: numbers of float32 as float64.

    Raises:
        BenchError: It is of a newer schema; ``path`` is named.
    """
    import pyarrow as pa

    if "schema" in table.column_names:
        check_schema(max([v for v in table["schema"].to_pylist() if v is not None], default=0), str(path))
    wide = [pa.field(f.name, pa.float64() if f.type == pa.float32() else f.type) for f in table.schema]
    return table.cast(pa.schema(wide))


def read_run(folder: Path) -> dict[str, Any]:
    """Return a unit's ``run.json``; empty where it is absent or damaged, so that the unit counts as not done."""
    try:
        value = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
