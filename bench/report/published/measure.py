"""What other conventions do to a number, measured on the same reconstructions as ours.

Each effect is the other convention's figure minus ours (or their ratio minus one), on one codec at one rate point.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.report.aggregate import Point
from bench.report.board import Board, Entrant
from bench.report.page.decode import Decoder
from bench.report.page.units import find_units, item_values
from bench.store.stored import StoredUnit

if TYPE_CHECKING:
    from torch import Tensor

TARGET = 0.1
"""Rate in bpp whose nearest point of each codec is measured."""
SMALL_SET = 79
"""Pairs that one published test script draws from KITTI's 790."""


def measure(boards: Sequence[Board], stores: Sequence[Path], methods: Sequence[str], most: int) -> list[dict[str, Any]]:
    """Measure every effect that can be had, on every board and codec asked for.

    Args:
        boards: As read from the stores.
        stores: The stores; reconstructions come from their shards, or are decoded anew.
        methods: Labels of codecs, such as ``ndic:b18``.
        most: Items decoded of each, at most; those of the lowest ids.

    Returns:
        One row an effect: ``effect, dataset, n, codec, rate, bpp, ours, other, change, kind``.

    Raises:
        BenchError: No board has one of these codecs.
    """
    rows: list[dict[str, Any]] = []
    for board in boards:
        for entrant in board.entrants:
            plain = [point for point in entrant.plain if point.bpp > 0]
            if entrant.label in methods and plain:
                point = min(plain, key=lambda p: abs(math.log(p.bpp / TARGET)))
                rows += _codec(board, entrant, point, find_units(stores, {point.key}), most)
    if not rows:
        raise BenchError(f"No board of these stores has {' or '.join(methods)}; name codecs that were measured.")
    return rows


def _codec(
    board: Board, entrant: Entrant, point: Point, units: dict[str, StoredUnit], most: int
) -> list[dict[str, Any]]:
    about = {"dataset": board.name, "codec": entrant.label, "rate": point.rate, "bpp": round(point.bpp, 5)}
    ids, columns = item_values(units[point.key], ["psnr"])
    rows = [about | row for row in _from_rows(point, columns["psnr"])]
    decoder = Decoder(board, units)
    chosen = sorted(ids)[:most]
    pictures, exact = decoder.pair_of(entrant, point, chosen)
    x = decoder.pairs.batch([decoder.pairs.ids.index(item) for item in chosen])[0]
    return rows + [about | row for row in _from_pictures(x, pictures, exact)]


def _from_rows(point: Point, psnr: Any) -> list[dict[str, Any]]:
    """Effects that the stored rows tell."""
    import numpy as np

    mean, n = float(psnr.mean()), len(psnr)
    pooled = -10 * math.log10(float(np.mean(10 ** (-psnr / 10))))
    rows = [_row("psnr-pooled", n, mean, pooled, "dB")]
    if not math.isnan(point.bpp_estimated):
        rows.append(_row("bits-estimated", n, point.bpp, point.bpp_estimated, "ratio"))
        rows.append(_row("bits-nats", n, point.bpp_estimated, point.bpp_estimated * math.log(2), "ratio"))
    half = 1.96 * float(psnr.std(ddof=1)) / math.sqrt(SMALL_SET)
    return [*rows, _row("subset", n, mean, mean + half, "dB")]


def _from_pictures(x: Tensor, pictures: Tensor, exact: Tensor | None) -> list[dict[str, Any]]:
    """Effects that need the reconstructions: uint8 ``(N, 3, H, W)``, and the float ones where the codec gives them."""
    import torch

    from bench.metrics.perceptual import load
    from bench.metrics.pixels import decibels, mse

    n, rows = len(x), []
    ours = float(decibels(mse(pictures, x)).mean())
    if exact is not None:
        scaled = exact.double() * 255

        def other(picture: Tensor) -> float:
            return float(decibels(((picture - x.double()) ** 2).flatten(1).mean(1)).mean())

        for name, picture in (("psnr-unclamped", scaled), ("psnr-unrounded", scaled.clamp(0, 255)),
                              ("psnr-truncated", scaled.clamp(0, 255).floor())):  # fmt: skip
            rows.append(_row(name, n, ours, other(picture), "dB"))
    network = load("squeeze", "lpips_squeeze")
    found = []
    with torch.inference_mode():
        for unit_range in (False, True):
            parts = [
                network.distance(network.features(a, unit_range), network.features(b, unit_range))
                for a, b in zip(torch.split(pictures, 8), torch.split(x, 8), strict=True)
            ]
            found.append(float(torch.cat(parts).mean()))
    return [*rows, _row("lpips-range", n, found[0], found[1], "ratio")]


def _row(effect: str, n: int, ours: float, other: float, kind: str) -> dict[str, Any]:
    change = other - ours if kind == "dB" else other / ours - 1
    return {"effect": effect, "n": n, "ours": round(ours, 5), "other": round(other, 5), "change": round(change, 5),
            "kind": kind}  # fmt: skip
