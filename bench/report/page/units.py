"""The units behind the points of a board: item values and provenance, read unit by unit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.store.stored import StoredUnit, find_stored

SHOWN = 4
"""Items at each end of a metric."""
Extremes = tuple[list[tuple[str, float, float]], list[tuple[str, float, float]]]


def find_units(stores: Sequence[Path], keys: Iterable[str]) -> dict[str, StoredUnit]:
    """Unit of each key that was measured, the newest where it lies in two stores."""
    wanted, found = set(keys), dict[str, StoredUnit]()
    for store in stores:
        for unit in find_stored(store) if store.is_dir() else []:
            key = str(unit.run.get("key"))
            if key not in wanted or unit.run.get("status") != "ok":
                continue
            if key not in found or unit.coded > found[key].coded:
                found[key] = unit
    return found


def item_values(unit: StoredUnit, metrics: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Item ids and columns of one unit: ``bpp`` and each metric that it has, float64 ``(N,)``."""
    import numpy as np

    wanted = ("bits_file", "height", "width", *metrics)
    table = unit.table("items", {"item", *wanted}.__contains__)
    columns = {name: np.asarray(table[name].to_numpy(), np.float64) for name in wanted if name in table.column_names}
    pixels = columns.pop("height") * columns.pop("width")
    return table["item"].to_pylist(), {"bpp": columns.pop("bits_file") / pixels, **columns}


def extremes(ids: Sequence[str], columns: dict[str, Any]) -> dict[str, Extremes]:
    """Lowest and highest items of each metric as (item, value, bpp); ties go by the item's id.

    Args:
        ids: Item ids.
        columns: ``bpp`` and metrics, ``(N,)``; a metric with a gap or without any spread is left out.
    """
    import numpy as np

    made: dict[str, Extremes] = {}
    names = np.asarray(ids)
    for metric, values in columns.items():
        if metric == "bpp" or not np.isfinite(values).all() or np.ptp(values) == 0:
            continue
        order = np.lexsort((names, values))

        def rows(indices: Any, values: Any = values) -> list[tuple[str, float, float]]:
            bpp = columns["bpp"]
            return [(ids[i], float(f"{values[i]:.6g}"), float(f"{bpp[i]:.5g}")) for i in indices]

        made[metric] = (rows(order[:SHOWN]), rows(order[::-1][:SHOWN]))
    return made


class Provenance:
    """Collects where units come from; what many share, such as versions, is written once."""

    def __init__(self) -> None:
        self.units: dict[str, dict[str, Any]] = {}
        self.environments: list[dict[str, Any]] = []

    def add(self, key: str, unit: StoredUnit) -> None:
        """Note the provenance of one unit."""
        coding = {**unit.run.get("encoding", {}), **unit.run.get("decoding", {})}
        environment = {"device": coding.get("device", {}), "versions": coding.get("versions", {})}
        if environment not in self.environments:
            self.environments.append(environment)
        git = coding.get("git", {})
        self.units[key] = {
            "created": coding.get("created"),
            "weights": unit.run.get("unit", {}).get("weights_sha256"),
            "parameters": coding.get("parameters"),
            "revision": coding.get("revision"),
            "source": coding.get("source_sha256"),
            "commit": f"{git['sha']}{', with changes' if git.get('dirty') else ''}" if git.get("sha") else None,
            "coder": coding.get("encoder_version"),
            "argv": " ".join(map(str, coding.get("argv", []))),
            "env": self.environments.index(environment),
        }
