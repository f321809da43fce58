"""Digests of a unit's tables, so that a row edited afterwards is found and named.

``run.json`` holds the sha256 of both parquet files and four bytes of blake2b for each row. The files' digests are
compared whenever a report reads them; the rows' only where a file differs, to say which. They guard against hands and
accidents, not against somebody who forges ``run.json`` as well.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.store.atomic import canonical_json
from bench.store.table import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

_SIZE = 4
_NAMED = 3


def describe(folder: Path) -> dict[str, str]:
    """Digests of the tables of a unit just written: ``items``, ``set`` (files) and ``items_rows``, ``set_rows``."""
    found = dict[str, str]()
    for name in TABLES:
        data = (folder / f"{name}.parquet").read_bytes()
        found[name] = hashlib.sha256(data).hexdigest()
        found[f"{name}_rows"] = _rows(_table(data)).hex()
    return found


def find_edit(name: str, data: bytes, digests: Mapping[str, Any]) -> str:
    """Say how one table differs from what the run wrote; empty where it does not.

    Args:
        name: ``items`` or ``set``.
        data: Bytes of the parquet file.
        digests: What ``describe`` gave for the unit.
    """
    if hashlib.sha256(data).hexdigest() == digests.get(name):
        return ""
    return changed_rows(name, _table(data), digests)


def changed_rows(name: str, table: pa.Table, digests: Mapping[str, Any]) -> str:
    """Say which rows of one table are not what the run wrote; empty where all are.

    Args:
        name: ``items`` or ``set``.
        table: The table.
        digests: What ``describe`` gave for the unit.
    """
    size = 2 * _SIZE
    written = str(digests.get(f"{name}_rows", ""))
    before, now = [written[i : i + size] for i in range(0, len(written), size)], _rows(table).hex()
    after = [now[i : i + size] for i in range(0, len(now), size)]
    if len(before) != len(after):
        return f"{name}.parquet has {len(after)} rows, the run wrote {len(before)}"
    changed = [index for index, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]]
    if not changed:  # written anew by another tool, every value as it was
        return ""
    if name == "set":
        return "the row of set.parquet is not what the run wrote"
    ids = table["item"].to_pylist() if "item" in table.column_names else []
    words = [f"{i} ({ids[i]})" if ids else str(i) for i in changed[:_NAMED]]
    more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
    return (
        f"{'rows' if len(changed) > 1 else 'row'} {', '.join(words)}{more} of items.parquet is not what the run wrote"
    )


def _table(data: bytes) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.read_table(io.BytesIO(data))


def _rows(table: pa.Table) -> bytes:
    """Four bytes a row over its values by column name, a missing number and an absent column being the same."""
    parts = []
    for row in table.to_pylist():
        text = canonical_json({name: value for name, value in row.items() if value is not None})
        parts.append(hashlib.blake2b(text.encode(), digest_size=_SIZE).digest())
    return b"".join(parts)
