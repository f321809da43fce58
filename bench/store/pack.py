"""Packing: the units of stores brought together by codec, in a sixth of the room that their folders take."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.store.atomic import canonical_json, write_bytes
from bench.store.schema import IDENTITY
from bench.store.stored import PACK, StoredUnit, find_stored, items_name
from bench.store.table import TABLES, write_table

if TYPE_CHECKING:
    import pyarrow as pa

_SAME = [
    column.name for column in IDENTITY if column.name not in ("key", "weights_sha256", "encoder_version", "schema")
]


def pack(stores: Sequence[Path], out: Path) -> dict[Path, int]:
    """Pack the units of stores into one folder a dataset and codec; what ``out`` holds in packs already is kept.

    Of two units that differ only in weights or in the version of their coder, the one that was coded last stays.

    Args:
        stores: Stores to read.
        out: Where ``<dataset>/<codec>/`` lie.

    Returns:
        Each pack written, and its number of units.

    Raises:
        BenchError: A store is missing, or a unit's rows are not what its run wrote.
    """
    earlier = [unit for unit in find_stored(out) if unit.place is not None] if out.is_dir() else []
    groups: dict[Path, dict[str, _Row]] = {}
    for unit in [*earlier, *(unit for store in stores for unit in find_stored(store))]:
        folder = out.joinpath(*(unit.folder.parts[-3:-1] if unit.place is None else unit.folder.parts[-2:]))
        row = _Row(unit, unit.table("set").to_pylist()[0])
        group = groups.setdefault(folder, {})
        if row.name not in group or row.rank >= group[row.name].rank:
            group[row.name] = row
    for row in (row for group in groups.values() for row in group.values()):
        edits = [edit for name in TABLES if (edit := row.unit.checked(name)[1])]
        if edits:
            raise BenchError(f"{row.unit.folder} cannot be packed: {edits[0]}; run the sweep again.")
    return {folder: _write(folder, list(group.values())) for folder, group in sorted(groups.items())}


@dataclass(frozen=True)
class _Row:
    unit: StoredUnit
    values: dict[str, Any]

    @property
    def name(self) -> str:
        return canonical_json([self.values.get(name) for name in _SAME])

    @property
    def rank(self) -> tuple[bool, str]:
        return self.values.get("status") == "ok", self.unit.coded

    @property
    def order(self) -> tuple[Any, ...]:
        control, rate = str(self.values["control"]), str(self.values["rate"])
        return control != "none", control, len(rate), rate, self.values["repetition"], self.name


def _write(folder: Path, rows: list[_Row]) -> int:
    import pyarrow as pa

    units = [row.unit for row in sorted(rows, key=lambda row: row.order)]
    parts = [unit.table("items") for unit in units]
    items = _parquet(pa.concat_tables(parts, promote_options="default"))
    made = pa.concat_tables([unit.table("set") for unit in units], promote_options="default")
    for column, values in (
        ("run", [canonical_json(unit.run) for unit in units]),
        ("items", [items_name(items)] * len(units)),
        ("rows", [table.num_rows for table in parts]),
    ):
        made = made.append_column(column, pa.array(values))
    write_bytes(folder / items_name(items), items)
    write_bytes(folder / PACK, _parquet(made))  # from here on the pack is the new one
    for path in folder.glob("items-*.parquet"):
        if path.name != items_name(items):
            with suppress(OSError):
                path.unlink()
    return len(units)


def _parquet(table: pa.Table) -> bytes:
    import pyarrow as pa

    buffer = io.BytesIO()
    write_table(table, buffer, [f.name for f in table.schema if pa.types.is_string(f.type)])
    return buffer.getvalue()
