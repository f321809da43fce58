"""Stores of any size whose codecs are made up: curves, hard and easy scenes, controls, repetitions, digests.

``python tests/report/synthetic.py FOLDER``, with the checkout on the path, writes one of a million item rows.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.protocol import NAME, SCHEMA
from bench.store import atomic, digest
from bench.store.schema import ITEM, NULL, SET
from bench.store.table import write

LIKE = {
    "ms_ssim_db": (0.6, -4.0),
    "ms_ssim": (0.01, 0.6),
    "ssim": (0.03, -0.1),
    "lpips_squeeze": (-0.03, 1.1),
    "lpips_vgg": (-0.02, 0.9),
    "dists": (-0.01, 0.4),
    "niqe": (-0.2, 12.0),
    "rho": (0.02, 0.3),
    "beta": (0.02, 0.2),
}
"""Metric to slope and offset on PSNR."""


def make_store(
    root: Path,
    gains: dict[str, float],
    rates: int = 6,
    scenes: int = 20,
    per_scene: int = 2,
    dataset: str = "made",
    controls: Sequence[str] = ("none",),
    repetitions: int = 1,
    metrics: Sequence[str] = ("psnr", "lpips_squeeze"),
    seed: int = 0,
    **columns: Any,
) -> Path:
    """Write a store.

    Args:
        root: Folder.
        gains: Method to its gain in dB over ``balle2018``'s curve.
        rates: Rate points a method, from 0.03 bpp on, each 1.7 times the one before.
        scenes, per_scene: Pictures.
        dataset: Name.
        controls: A control other than ``none`` costs 3 dB.
        repetitions: Of the plain run.
        metrics: ``psnr`` and names of ``LIKE``.
        seed: Seed of the pictures and of the codecs' noise.
        columns: Columns to overrule, in both tables.
    """
    rng = np.random.default_rng(seed)
    n = scenes * per_scene
    ids = [f"{i // per_scene:05d}_{i % per_scene}" for i in range(n)]
    names = [f"s{i // per_scene:05d}" for i in range(n)]
    hard = np.repeat(rng.normal(0, 2.0, scenes), per_scene) + rng.normal(0, 0.7, n)
    for method, gain in gains.items():
        for r in range(rates):
            for control in controls:
                for repetition in range(repetitions if control == "none" else 1):
                    bpp = 0.03 * 1.7**r * np.exp(0.1 * hard + 0.03 * rng.normal(size=n))
                    psnr = 22.0 + 1.6 * r - hard + gain + 0.2 * rng.normal(size=n) - (0.0 if control == "none" else 3.0)
                    key = hashlib.sha256(f"{dataset}{method}{r}{control}{repetition}{seed}".encode()).hexdigest()
                    common = {c.name: NULL[c.type] for c in SET[:18]} | {
                        "method": method, "variant": "base", "preset": "small", "rate": f"r{r + 1}", "options": "{}",
                        "dataset": dataset, "split": "test", "subset": "test", "manifest": dataset * 8,
                        "protocol": NAME, "schema": SCHEMA, "n": n, "repetition": repetition, "control": control,
                        "key": key,
                    } | columns  # fmt: skip
                    rows: dict[str, Any] = {c.name: [NULL[c.type]] * n for c in ITEM}
                    rows |= {name: [value] * n for name, value in common.items()}
                    rows |= {"item": ids, "scene": names, "y_item": ids, "x_item": ids, "status": ["ok"] * n}
                    bits = np.maximum(8, np.round(bpp * 128 * 256 / 8) * 8).astype(int).tolist()
                    rows |= {"height": [128] * n, "width": [256] * n, "bits_file": bits, "bits_payload": bits}
                    rows |= {"encode_ms": [2.0] * n, "decode_ms": [3.0] * n, "decode_batch": [8] * n}
                    for metric in metrics:
                        slope, offset = LIKE.get(metric, (1.0, 0.0))
                        noise = 0.05 * abs(slope) * rng.normal(size=n)
                        rows[metric] = (psnr * slope + offset + (noise if metric != "psnr" else 0.0)).tolist()
                    one = {c.name: NULL[c.type] for c in SET} | common
                    one |= {"status": "ok", "title": method, "uses_side": method != "balle2018", "created": "2026"}
                    one |= {"metric_statuses": "{}", "fd_squeeze": 3000.0 / (r + 1) - 100 * gain}
                    folder = root / dataset / method / f"r{r + 1}-{key[:12]}"
                    write(folder / "items.parquet", "items", rows)
                    write(folder / "set.parquet", "set", {name: [value] for name, value in one.items()})
                    run = {"schema": SCHEMA, "status": "ok", "key": key, "rates": [f"r{i + 1}" for i in range(rates)]}
                    atomic.write_json(folder / "run.json", run | {"digests": digest.describe(folder)})
    return root


if __name__ == "__main__":
    twelve = {"balle2018": 0.0} | {f"codec{i:02d}": 0.25 * i - 0.5 for i in range(11)}
    for name, count in (("made790", 395), ("made1525", 763)):
        make_store(
            Path(sys.argv[1]), twelve, 6, count, 2, name, ("none", "blank-y", "wrong-y"), 4, ("psnr", *LIKE), seed=3
        )
