"""The manifest of a prepared set: its pictures, its ordered pairs, and the hash that stands for them in every row."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench import protocol
from bench.errors import BenchError

FORMAT = 1
FILE = "manifest.json"
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Picture:
    """One stored picture.

    Attributes:
        source: Where it came from, relative to the archive (``training/image_2/000000_10.png``).
        sha256: Of the source file's bytes; empty for rendered pictures.
        pixels: sha256 of the prepared picture's bytes in (H, W, 3) order.
    """

    source: str
    sha256: str
    pixels: str


@dataclass(frozen=True)
class Item:
    """One ordered pair: ``x`` and ``y`` are rows of the picture table. Items of one ``scene`` are not independent."""

    id: str
    scene: str
    x: int
    y: int
    caption: str = ""


@dataclass(frozen=True)
class Manifest:
    """What a prepared set holds."""

    dataset: str
    split: str
    subset: str
    pictures: list[Picture]
    items: list[Item]
    height: int = protocol.HEIGHT
    width: int = protocol.WIDTH
    protocol: str = protocol.NAME
    format: int = FORMAT
    notes: dict[str, str] = field(default_factory=dict)

    def digest(self) -> str:
        """Return the sha256 of everything a number depends on: size, order, ids, scenes and pixels, not file names."""
        rows = [[i.id, i.scene, self.pictures[i.x].pixels, self.pictures[i.y].pixels] for i in self.items]
        told = [self.protocol, self.dataset, self.split, self.height, self.width, rows]
        return hashlib.sha256(json.dumps(told, separators=(",", ":"), ensure_ascii=True).encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write ``manifest.json`` into a folder that is being prepared."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=0) + "\n", encoding="utf-8")


def read(folder: Path) -> Manifest:
    """Read a prepared folder's manifest.

    Raises:
        BenchError: It is damaged, or written by a newer version.
    """
    path = folder / FILE
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if raw["format"] > FORMAT:
            raise BenchError(f"{path} was written by a newer dic-bench (format {raw['format']}); update dic-bench.")
        pictures = [Picture(**p) for p in raw.pop("pictures")]
        items = [Item(**i) for i in raw.pop("items")]
        return Manifest(pictures=pictures, items=items, **raw)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchError(f"{path} is damaged; prepare the dataset again with `bench data prepare`.") from error


def pixel_hash(picture: Pixels) -> str:
    """Return the sha256 of a (3, H, W) picture's bytes in (H, W, 3) order, as any image library lays them out."""
    return hashlib.sha256(np.ascontiguousarray(picture.transpose(1, 2, 0)).tobytes()).hexdigest()
