"""Means of a unit, and of a rate point over its repetitions."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.store.schema import ITEM, SET

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Point:
    """One rate point of a codec under one control.

    Attributes:
        rate: ``r1`` … ``rk``.
        bpp: Bits of the files over pixels: the headline rate.
        bpp_payload, bpp_estimated, bpp_native: The other counts of bits; NaN where there are none.
        encode_ms, decode_ms, side_ms: Medians over the items.
        decode_batch: Batch size of most items.
        values: Metric to mean over items (or value over the set), averaged over repetitions.
        spread: Metric to the standard deviation between repetitions; empty with one.
        repetitions: Number of repetitions.
        key: Key of the first unit.
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
    repetitions: int = 1
    key: str = ""


def rate_order(name: str) -> tuple[int, str]:
    """Sort key that puts ``r10`` behind ``r9``."""
    digits = re.search(r"\d+", name)
    return (int(digits.group()) if digits else 0, name)


def make_points(units: pd.DataFrame, items: pd.DataFrame) -> list[Point]:
    """Rate points, low to high, of the units of one codec under one control.

    Args:
        units: Rows of the set table.
        items: Their rows of the item table.
    """
    metrics = [name for name in items.columns if name not in {column.name for column in ITEM}]
    sets = [name for name in units.columns if name not in {column.name for column in SET}]
    points = []
    for rate, own in units.groupby("rate"):
        rows = items[items.key.isin(own.key)]
        pixels = float((rows.height * rows.width).sum())
        bpp = {name: _sum(rows[f"bits_{name}"]) / pixels for name in ("file", "payload", "estimated", "native")}
        by_unit = rows.groupby("key")[metrics].mean() if metrics else None
        point = Point(
            str(rate), bpp["file"], bpp["payload"], bpp["estimated"], bpp["native"], float(rows.encode_ms.median()),
            float(rows.decode_ms.median()), float(rows.side_ms.median()), int(rows.decode_batch.mode().iloc[0]),
            repetitions=len(own), key=str(own.key.iloc[0]),
        )  # fmt: skip
        for name in metrics:
            # A mean over fewer items than the set has would be another quantity under the same name.
            if by_unit is not None and rows[name].notna().all():
                _put(point, name, [float(value) for value in by_unit[name]])
        for name in sets:
            if own[name].notna().all():
                _put(point, name, [float(value) for value in own[name]])
        points.append(point)
    return sorted(points, key=lambda point: rate_order(point.rate))


def _sum(column: pd.Series) -> float:
    """Sum of a column without gaps; NaN where one value is missing."""
    return float(column.sum()) if column.notna().all() else math.nan


def _put(point: Point, name: str, values: list[float]) -> None:
    mean = math.fsum(values) / len(values)
    point.values[name] = mean
    if len(values) > 1:
        point.spread[name] = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))
