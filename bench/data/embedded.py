"""The splits of ``synthdrive``: rendered once per machine into the cache and compared with the committed hashes.

A scene gives one pair; even scenes code the left view, odd ones the right, so that disparity has both signs as in
KITTI's two directions. Val and test are rendered in float64 on the CPU, where the last bits of rounding do not reach
a pixel; ``trainN`` are the first N training scenes in float32, whose bytes nobody relies on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from bench import protocol
from bench.data.manifest import Item, Manifest, Picture, pixel_hash
from bench.data.names import Name, count_of, parse
from bench.data.pairs import DISPARITY, DISPARITY_STEP, LABELS, PICTURES, Array
from bench.data.picture import pixels
from bench.data.places import PROJECT, cache_root, whole_folder
from bench.data.plan import Progress
from bench.errors import BenchError
from bench.picture import decode

REVISION = 1
"""Raised with every change of the renderer's look; part of the cache's path."""

KNOWN = Path(__file__).parent / "known" / "synthdrive.json"
CHECK8 = Path(__file__).parent / "known" / "check8"
COUNTS = {"val": 64, "test": 256, "test32": 32, "check8": 8}
_FIRST_SEED = {"train": 0, "val": 10_000_000, "test": 20_000_000}


def count(name: Name) -> int:
    """Return how many pairs a split or subset holds."""
    return count_of(name.subset) or COUNTS[name.subset]


def seeds(split: str, number: int) -> range:
    """Return the seeds of the first ``number`` scenes of a split; splits never share one."""
    if number > 10_000_000:
        raise BenchError(f"synthdrive has 10,000,000 scenes a split, not {number}; ask for fewer.")
    return range(_FIRST_SEED[split], _FIRST_SEED[split] + number)


def folder(name: Name) -> Path:
    """Return where a split is cached on this machine."""
    return cache_root() / f"synthdrive-{REVISION}" / name.subset


@lru_cache(maxsize=1)
def known() -> dict[str, list[list[str]]]:
    """Return the committed pixel hashes: for each of val and test, (left, right) by scene."""
    if not KNOWN.is_file():
        return {}
    found: dict[str, list[list[str]]] = json.loads(KNOWN.read_text(encoding="utf-8"))
    return found


def build(name: Name, target: Path, progress: Progress | None = None) -> Manifest:
    """Render a split into ``target``, on all cores, whole or not at all.

    Warns where a picture differs from the committed hash: the set then has a manifest hash of its own, so that its rows
    never share a table with anybody else's.

    Raises:
        BenchError: The disk is full or a rendering process failed.
    """
    number = count(name)
    size = number * protocol.HEIGHT * protocol.WIDTH * 2 * (3 + 1 + 2)
    with whole_folder(target, 2 * size) as out:
        with tempfile.TemporaryDirectory(dir=out) as scratch:
            parts = _render(
                seeds(name.split, number), "float32" if name.split == "train" else "float64", Path(scratch), progress
            )
            arrays, captions = _join(parts)
        told = _manifest(name, arrays[PICTURES], captions)
        for file, array in arrays.items():
            np.save(out / file, array)
        told.write(out)
    _compare(name, told)
    return told


def check8(name: Name) -> tuple[Manifest, dict[str, Array]]:
    """Return the eight committed pairs (the first of val), which need no rendering: their manifest and arrays."""
    stems = [f"{i}-{side}" for i in range(COUNTS["check8"]) for side in ("left", "right")]
    views = np.stack([pixels(decode((CHECK8 / f"{s}.png").read_bytes(), f"{s}.png")) for s in stems])
    stored = np.load(CHECK8 / "labels.npz")["labels"]
    captions = json.loads((CHECK8 / "captions.json").read_text(encoding="utf-8"))
    return _manifest(name, views, captions), {PICTURES: views, LABELS: stored}


def write_known() -> None:
    """Render val and test anew and write the committed hashes and ``check8``: for who raises ``REVISION``."""
    hashes: dict[str, list[list[str]]] = {}
    for split in ("val", "test"):
        name = parse(f"synthdrive:{split}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            told = build(name, folder(name))
        hashes[split] = [
            [told.pictures[k].pixels, told.pictures[k + 1].pixels] for k in range(0, len(told.pictures), 2)
        ]
        if split == "val":
            _write_check8(folder(name), told)
    KNOWN.write_text(json.dumps(hashes, indent=0) + "\n", encoding="utf-8")


def _write_check8(source: Path, told: Manifest) -> None:
    from PIL import Image

    CHECK8.mkdir(parents=True, exist_ok=True)
    number = 2 * COUNTS["check8"]
    views = np.load(source / PICTURES, mmap_mode="r")[:number]
    for k, view in enumerate(views):
        file = CHECK8 / f"{k // 2}-{('left', 'right')[k % 2]}.png"
        Image.fromarray(np.asarray(view).transpose(1, 2, 0)).save(file, optimize=True)
    np.savez_compressed(CHECK8 / "labels.npz", labels=np.load(source / LABELS)[:number])
    texts = [i.caption for i in told.items[: COUNTS["check8"]]]
    (CHECK8 / "captions.json").write_text(json.dumps(texts, indent=0) + "\n", encoding="utf-8")


def _manifest(name: Name, views: Array, captions: list[str]) -> Manifest:
    """Return the manifest of views in the order left 0, right 0, left 1 and so on."""
    pictures = [
        Picture(f"{name.split}-{k // 2:05d}-{('left', 'right')[k % 2]}", "", pixel_hash(v)) for k, v in enumerate(views)
    ]
    items = []
    for i, text in enumerate(captions):
        scene, flip = f"{name.split}-{i:05d}", i % 2
        items.append(Item(f"{scene}-{('lr', 'rl')[flip]}", scene, 2 * i + flip, 2 * i + 1 - flip, text))
    return Manifest("synthdrive", name.split, name.subset, pictures, items, notes={"renderer": str(REVISION)})


def _compare(name: Name, told: Manifest) -> None:
    listed = [h for pair in known().get(name.split, []) for h in pair]
    wrong = [p.source for p, want in zip(told.pictures, listed, strict=False) if p.pixels != want]
    if wrong:
        warnings.warn(
            f"{name.full}: {len(wrong)} of {len(told.pictures)} pictures differ from the committed hashes on this "
            f"machine (first: {wrong[0]}), so its results carry another manifest and are not ranked beside others; "
            "please report the CPU and the versions of torch and numpy.",
            stacklevel=3,
        )


def _render(wanted: range, dtype: str, scratch: Path, progress: Progress | None) -> list[Path]:
    """Render in as many processes as there are cores, each with one thread; return their files in order."""
    workers = max(
        1,
        min(
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            (len(wanted) + 7) // 8,
            16,
        ),
    )
    env = dict(os.environ, OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    env["PYTHONPATH"] = os.pathsep.join(p for p in (str(PROJECT), env.get("PYTHONPATH", "")) if p)
    cuts = [len(wanted) * k // workers for k in range(workers + 1)]
    done, lock = [0], threading.Lock()
    jobs: list[tuple[subprocess.Popen[str], threading.Thread, Path, Path]] = []

    def follow(stream: Any) -> None:
        with stream:
            for _ in stream:
                with lock:
                    done[0] += 1
                    if progress is not None:
                        progress(done[0], len(wanted))

    try:
        for k in range(workers):
            out, log = scratch / f"{k}.npz", scratch / f"{k}.log"
            part = wanted[cuts[k] : cuts[k + 1]]
            with log.open("w") as errors:
                job = subprocess.Popen(
                    [sys.executable, "-m", "bench.data.synthdrive", str(out), dtype, str(part.start), str(len(part))],
                    env=env,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                )
            reader = threading.Thread(target=follow, args=(job.stdout,), daemon=True)
            reader.start()
            jobs.append((job, reader, out, log))
        for job, reader, _, log in jobs:
            if job.wait() != 0:
                last = (log.read_text(errors="replace").strip().splitlines() or ["no message"])[-1]
                raise BenchError(
                    f"A rendering process ended with status {job.returncode} ({last}); free some memory "
                    "and run the command again."
                )
            reader.join()
    finally:
        for job, _, _, _ in jobs:
            if job.poll() is None:
                job.terminate()
                job.wait()
    return [out for _, _, out, _ in jobs]


def _join(parts: list[Path]) -> tuple[dict[str, Array], list[str]]:
    loaded = [dict(np.load(p)) for p in parts]

    def both(left: str, right: str) -> Array:
        views = np.stack([np.concatenate([p[k] for p in loaded]) for k in (left, right)], 1)
        return views.reshape(-1, *views.shape[2:])

    steps = np.floor(both("disparity", "disparity_right").astype(np.float64) / DISPARITY_STEP + 0.5)
    arrays = {
        PICTURES: both("left", "right"),
        LABELS: both("labels", "labels_right"),
        DISPARITY: np.clip(steps, 0, 65535).astype(np.uint16),
    }
    return arrays, [str(c) for p in loaded for c in p["captions"]]
