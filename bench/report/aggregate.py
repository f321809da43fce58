"""Rate points: means of a unit, and of a rate point over its repetitions."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bench.report.units import Items
from bench.stats.bootstrap import Estimate
from bench.stats.hermite import Array
from bench.store.schema import SET

if TYPE_CHECKING:
    import pandas as pd

_SET_NAMES = {column.name for column in SET} | {"edited", "sealed", "parameters", "declared"}
_BITS = ("file", "payload", "estimated", "native")


@dataclass
class Point:
    """One rate point of a codec under one control.

    Attributes:
        rate: ``r1`` … ``rk``.
        bpp: Bits of the files over pixels: the headline rate; the estimated bits where nothing was written.
        bpp_payload, bpp_estimated, bpp_native: The other counts of bits; NaN where there are none.
        encode_ms, decode_ms, side_ms: Medians over the items.
        decode_batch: Batch size of most items.
        values: Metric to mean over items (or value over the set), averaged over repetitions.
        spread: Metric to the standard deviation between repetitions; empty with one.
        apart: Item metric to the standard deviation between items within a repetition, averaged over repetitions.
        intervals: Item metric, and ``bpp``, to the interval of its mean over scenes; filled by ``judge``. Set metrics
            have the interval that was computed with them, if any.
        repetitions: Number of repetitions.
        key: Key of the first unit.
        count: Items a scene ``(G,)``, of all repetitions together.
        sums: Column to sums a scene ``(G,)``; see ``Items``.
        parts: Part of the file (``container``, sections, what shares one) to mean bits an item; empty where the rows do
            not tell.
    """

    rate: str
    bpp: float
    bpp_payload: float
    bpp_estimated: float
    bpp_native: float
    encode_ms: float
    decode_ms: float
    side_ms: float
    decode_batch: int
    values: dict[str, float] = field(default_factory=dict)
    spread: dict[str, float] = field(default_factory=dict)
    apart: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, Estimate] = field(default_factory=dict)
    repetitions: int = 1
    key: str = ""
    count: Array = field(default_factory=lambda: np.zeros(0))
    sums: dict[str, Array] = field(default_factory=dict)
    parts: dict[str, float] = field(default_factory=dict)

    @property
    def estimated_only(self) -> bool:
        """Nobody wrote these bits: the rate is the model's own estimate."""
        return "bits_file" not in self.sums and "bits_estimated" in self.sums

    @property
    def bits(self) -> str:
        """Column that the headline rate comes from."""
        return "bits_estimated" if self.estimated_only else "bits_file"


def rate_order(name: str) -> tuple[int, str]:
    """Sort key that puts ``r10`` behind ``r9``."""
    digits = re.search(r"\d+", name)
    return (int(digits.group()) if digits else 0, name)


def make_points(units: pd.DataFrame, items: Mapping[str, Items]) -> list[Point]:
    """Rate points, low to high, of the units of one codec under one control.

    Args:
        units: Rows of the set table.
        items: Key of a unit to its items, all of the same scenes.
    """
    names = [str(name) for name in units.columns if name not in _SET_NAMES]
    figures, keys, points = units[names].to_numpy(np.float64), units.key.to_list(), []
    for rate, place in units.groupby("rate").indices.items():
        found = [items[str(keys[index])] for index in place]
        shared = [name for name in found[0].sums if all(name in unit.sums for unit in found)]
        sums = {name: np.sum([unit.sums[name] for unit in found], axis=0) for name in shared}
        pixels = float(sums["pixels"].sum())
        bpp = {n: float(sums[f"bits_{n}"].sum()) / pixels if f"bits_{n}" in sums else math.nan for n in _BITS}
        times = {name: _middle([unit.times.get(name, math.nan) for unit in found]) for name in found[0].times}
        point = Point(
            str(rate), bpp["file"] if "bits_file" in sums else bpp["estimated"], bpp["payload"], bpp["estimated"],
            bpp["native"], times["encode_ms"], times["decode_ms"], times["side_ms"], found[0].decode_batch,
            repetitions=len(found), key=str(keys[place[0]]), count=np.sum([unit.count for unit in found], axis=0),
            sums=sums,
            parts=_parts(units.iloc[place[0]]),  # repetitions share their files
        )  # fmt: skip
        for name in shared:
            if name != "pixels" and not name.startswith("bits_"):
                _put(point, name, [float(unit.sums[name].sum() / unit.count.sum()) for unit in found])
                point.apart[name] = math.fsum(unit.apart.get(name, math.nan) for unit in found) / len(found)
        for name, figure in zip(names, figures[place].T, strict=True):
            if not np.isnan(figure).any():
                _put(point, name, figure.tolist())
        for name in names:
            ends = [point.values.get(name + end) for end in ("_low", "_high")]
            if name in point.values and ends[0] is not None and ends[1] is not None:
                point.intervals[name] = Estimate(point.values[name], ends[0], ends[1])
        points.append(point)
    return sorted(points, key=lambda point: rate_order(point.rate))


def _parts(unit: pd.Series) -> dict[str, float]:
    """Parts of the files of a unit."""
    text = unit.get("bits_parts", "")
    return {str(k): float(v) for k, v in json.loads(text).items()} if isinstance(text, str) and text else {}


def _middle(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.median(known)) if known else math.nan


def _put(point: Point, name: str, values: list[float]) -> None:
    mean = math.fsum(values) / len(values)
    point.values[name] = mean
    if len(values) > 1:
        point.spread[name] = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))
