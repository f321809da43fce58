"""Folders of pictures from other frameworks: pairing by name, reading, and the table of what was measured."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bench.errors import BenchError
from bench.metrics.registry import METRICS
from bench.picture import decode

if TYPE_CHECKING:
    from torch import Tensor

    from bench.metrics.engine import Engine

Array = npt.NDArray[np.float64]
Pair = tuple[str, Path, Path]


def pair_folders(recon: Path, ref: Path) -> list[Pair]:
    """Pair the PNGs of two folders by name.

    Args:
        recon: Folder of reconstructions.
        ref: Folder of originals.

    Returns:
        Name without suffix, reconstruction, original; sorted by name.

    Raises:
        BenchError: A folder is missing or empty, or the names differ.
    """
    sides = [_pictures(recon, "--recon"), _pictures(ref, "--ref")]
    for this, other, folder in ((0, 1, ref), (1, 0, recon)):
        lacking = sorted(set(sides[this]) - set(sides[other]))
        if lacking:
            more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
            raise BenchError(f"{folder} lacks {lacking[0]}.png{more}; both folders must hold the same names.")
    return [(name, sides[0][name], sides[1][name]) for name in sorted(sides[0])]


def _pictures(folder: Path, option: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise BenchError(f"{option} {folder} is not a folder.")
    found = {path.stem: path for path in folder.iterdir() if path.suffix.lower() == ".png"}
    if not found:
        raise BenchError(f"{option} {folder} holds no PNG; save the pictures as 8-bit RGB PNG.")
    return found


def read_batch(paths: Sequence[Path]) -> Tensor:
    """Read 8-bit RGB pictures of one size as uint8 ``(N, 3, H, W)``.

    Raises:
        BenchError: A picture is unreadable, greyscale, 16-bit, or of another size than the first.
    """
    import torch

    pictures = [_read(path) for path in paths]
    for path, picture in zip(paths, pictures, strict=True):
        if picture.shape != pictures[0].shape:
            height, width = pictures[0].shape[:2]
            raise BenchError(
                f"{path} is {picture.shape[1]}x{picture.shape[0]} and {paths[0].name} {width}x{height}; "
                "all pictures must be of one size."
            )
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


def _read(path: Path) -> npt.NDArray[np.uint8]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BenchError(f"{path} cannot be read ({error.strerror}); mend or replace the file.") from error
    return np.asarray(decode(data, str(path)), dtype=np.uint8)


def read_bits(path: Path, names: Sequence[str]) -> Array:
    """Read the bits of each item from a CSV with the columns ``item`` and ``bits``.

    Args:
        path: The file; items are named with or without ``.png``.
        names: Items in order.

    Returns:
        Bits, float64 ``(N,)``.

    Raises:
        BenchError: The file, a column or an item is missing, or a value is no number of bits.
    """
    try:
        with path.open(newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"--bits {path} cannot be read ({error}).") from error
    found: dict[str, float] = {}
    for row in rows:
        if not {"item", "bits"} <= set(row):
            raise BenchError(f"--bits {path} must have the columns item and bits.")
        try:
            value = float(row["bits"])
        except (TypeError, ValueError):
            value = float("nan")
        if not (np.isfinite(value) and value >= 0):
            raise BenchError(f"--bits {path} gives {row['bits']!r} for {row['item']}; it needs a number of 0 or more.")
        found[(row["item"] or "").removesuffix(".png")] = value
    lacking = [name for name in names if name not in found]
    if lacking:
        raise BenchError(f"--bits {path} has no row for {lacking[0]} ({len(lacking)} of {len(names)} items missing).")
    return np.array([found[name] for name in names])


def summary(items: dict[str, Array], values: dict[str, float], engine: Engine) -> Iterator[str]:
    """Yield the lines of the table: means over items, set metrics, then what could not be computed.

    Args:
        items: Item columns.
        values: Set columns.
        engine: The engine after ``finish``.
    """
    count = len(engine.ids)
    yield f"{'metric':24}{'value':>12}  {'better':8}{'N':>6}"
    for name, value in [*((name, float(column.mean())) for name, column in items.items()), *values.items()]:
        if np.isfinite(value):
            spec = METRICS.get(name)
            better = {True: "higher", False: "lower", None: ""}[spec.higher_is_better if spec else None]
            yield f"{name:24}{value:12.5f}  {better:8}{count:6d}"
    for name in engine.metrics:
        if engine.statuses[name] != "ok":
            yield f"{name:24}{engine.statuses[name]:>12}  {engine.reasons[name]}"
        elif METRICS[name].flag:
            yield f"{name:24}{'note':>12}  {METRICS[name].flag}"
