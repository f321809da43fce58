"""Reading stores for a report: one row a unit, and sums over scenes in place of its item rows.

A store may hold a million item rows; each unit's are reduced to sums over scenes as they are read, which is all that
means, curves and the bootstrap need.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import BenchError
from bench.stats.hermite import Array
from bench.store.schema import ITEM
from bench.store.stored import StoredUnit, find_stored

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_NAMES = {column.name for column in ITEM}
_BITS = ("bits_file", "bits_payload", "bits_estimated", "bits_native")
_TIMES = ("encode_ms", "decode_ms", "side_ms")
_READ = {"item", "scene", "status", "height", "width", "decode_batch", *_BITS, *_TIMES}


@dataclass(frozen=True)
class Items:
    """The items of one unit, summed by scene.

    Attributes:
        scenes: Names of the scenes, sorted; G of them.
        ids: Digest of the items' ids.
        ok: Items that were measured.
        count: Items a scene ``(G,)``.
        sums: ``pixels``, ``bits_…`` and metrics to sums a scene ``(G,)``; a column with a gap is left out, for a mean
            over fewer items than the set has would be another quantity under the same name.
        apart: The same columns, but for pixels and bits, to the standard deviation between items.
        times: ``encode_ms``, ``decode_ms``, ``side_ms`` to the median over the items.
        decode_batch: Batch size of most items.
        size: Height and width of the first item.
    """

    scenes: tuple[str, ...]
    ids: str
    ok: int
    count: Array
    sums: dict[str, Array]
    apart: dict[str, float] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)
    decode_batch: int = 0
    size: tuple[int, int] = (0, 0)


@dataclass
class Store:
    """What stores hold.

    Attributes:
        units: One row a unit: the set table with ``edited`` (what a digest found; empty if nothing), ``sealed`` (there
            were digests to compare), ``parameters`` (or NaN) and ``declared`` (rate points, comma-separated).
        items: Key of a unit to its items.
    """

    units: pd.DataFrame
    items: dict[str, Items]


def read_stores(stores: Sequence[Path]) -> Store:
    """Read the units of several stores; a unit that lies in two counts once.

    Of such a unit, one that was measured counts before one that failed, then the newest.

    Raises:
        BenchError: A store is missing, all are empty, one is too new, or a file is damaged.
    """
    import pandas as pd
    import pyarrow as pa

    stored = [unit for store in stores for unit in find_stored(store)]
    if not stored:
        names = ", ".join(map(str, stores))
        raise BenchError(f"There are no results in {names}; `bench run --method jpeg,copy-y` makes some.")
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # parquet is read outside the interpreter's lock
        read = list(pool.map(_read_unit, stored))
        units = pa.concat_tables([table for table, _ in read], promote_options="default").to_pandas()
        # Python's own strings: what Arrow's cost in single look-ups is most of the time of a table of a thousand rows.
        units = units.astype({name: object for name in units.columns[units.dtypes == "str"]})
        units = pd.concat([units, pd.DataFrame([about for _, about in read])], axis=1)
        units = units.assign(_good=units.status == "ok").sort_values(["_good", "created", "key"], kind="stable")
        units = units.drop_duplicates("key", keep="last").drop(columns="_good")
        known: dict[bytes, Any] = {}
        found = list(pool.map(_read_items, [stored[place] for place in units.index], repeat(known)))
    items = {str(key): own for key, (own, _) in zip(units.key, found, strict=True)}
    edited = [before or now for before, (_, now) in zip(units.edited, found, strict=True)]
    return Store(units.assign(edited=edited), items)


def _read_unit(unit: StoredUnit) -> tuple[pa.Table, dict[str, Any]]:
    """The row of a unit, and what ``run.json`` adds to it."""
    table, edit = unit.checked("set")
    return table, {
        "sealed": unit.sealed,
        "edited": edit,
        "parameters": unit.run.get("encoding", {}).get("parameters", np.nan),
        "declared": ",".join(unit.run.get("rates", [])),
    }


def _read_items(unit: StoredUnit, known: dict[bytes, Any]) -> tuple[Items, str]:
    """The items of a unit, and how they differ from what the run wrote."""
    table, edit = unit.checked("items", lambda name: name in _READ or name not in _NAMES)
    return _summed(table, known), edit


def _summed(table: pa.Table, known: dict[bytes, Any]) -> Items:
    import pyarrow.compute as pc

    table = table.combine_chunks()
    text = b"".join(bytes(batch.serialize()) for batch in table.select(["item", "scene"]).to_batches())
    if text not in known:  # the units of a board hold the same items in the same order
        item, scene = table["item"].to_pylist(), table["scene"].to_pylist()
        names, owner = np.unique(np.asarray(scene, dtype=object).astype(str), return_inverse=True)
        known[text] = (tuple(map(str, names)), owner, hashlib.sha256("\n".join(sorted(item)).encode()).hexdigest())
    scenes, owner, ids = known[text]
    ok = pc.sum(pc.equal(table["status"], "ok")).as_py() or 0
    columns = {}
    for name in table.column_names:
        if name in ("item", "scene", "status"):
            continue
        column = table[name]
        columns[name] = np.full(len(column), np.nan) if column.null_count == len(column) else _floats(column)
    size = tuple(int(columns[name][0]) if len(table) else 0 for name in ("height", "width"))
    columns["pixels"] = columns.pop("height") * columns.pop("width")
    batch, times = columns.pop("decode_batch"), {name: _median(columns.pop(name)) for name in _TIMES}
    sums: dict[str, Array] = {
        str(name): np.bincount(owner, column, minlength=len(scenes)).astype(np.float64)
        for name, column in columns.items()
        if not np.isnan(column).any()
    }
    apart = {
        name: float(columns[name].std(ddof=1))
        for name in sums
        if len(table) > 1 and name != "pixels" and not name.startswith("bits_")
    }
    values, often = np.unique(batch[~np.isnan(batch)], return_counts=True)
    return Items(
        scenes, ids, int(ok), np.bincount(owner, minlength=len(scenes)).astype(np.float64), sums,
        apart, times, int(values[often.argmax()]) if len(values) else 0, (size[0], size[1]),
    )  # fmt: skip


def _floats(column: Any) -> Array:
    return np.asarray(column.to_numpy(), dtype=np.float64)


def _median(column: Array) -> float:
    known = column[~np.isnan(column)]
    return float(np.median(known)) if len(known) else float("nan")
