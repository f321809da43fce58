"""A plan of ordered pairs, and the writing of it: read, fit, hash, store, all or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench import protocol
from bench.data.manifest import Item, Manifest, Picture, Pixels, pixel_hash
from bench.data.names import Name
from bench.data.pairs import PICTURES
from bench.data.picture import Fit, pixels
from bench.data.places import whole_folder
from bench.data.sources import Source
from bench.errors import BenchError
from bench.picture import decode

Progress = Callable[[int, int], None]


@dataclass
class Plan:
    """Pairs to prepare, in their order; a source that serves several pairs is stored once."""

    sources: list[Source] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    _rows: dict[str, int] = field(default_factory=dict)

    def add(self, item: str, scene: str, x: Source, y: Source) -> None:
        """Append an ordered pair."""
        self.items.append(Item(item, scene, self._row(x), self._row(y)))

    def _row(self, source: Source) -> int:
        if source.where not in self._rows:
            self._rows[source.where] = len(self.sources)
            self.sources.append(source)
        return self._rows[source.where]


def read(source: Source) -> bytes:
    """Read an original file; one that cannot be read is a ``BenchError`` that names it."""
    try:
        return source.read()
    except OSError as error:
        raise BenchError(f"{source.where} cannot be read ({error.strerror}); mend or replace the file.") from error


def prepare(
    name: Name,
    plan: Plan,
    target: Path,
    fit: Fit,
    size: tuple[int, int] = (protocol.HEIGHT, protocol.WIDTH),
    known: dict[str, str] | None = None,
    notes: dict[str, str] | None = None,
    progress: Progress | None = None,
) -> Manifest:
    """Write a plan's pictures and manifest into ``target``, whole or not at all.

    Args:
        name: What is being prepared.
        plan: Its pairs.
        target: The folder to write.
        fit: Brings a decoded picture to ``size``.
        size: Height and width of what is stored.
        known: Pixel hash by source name, to be met exactly.
        notes: Kept in the manifest.
        progress: Called with (done, total).

    Raises:
        BenchError: A picture is unfit, a hash is not met, or the disk is full.
    """
    if not plan.items:
        raise BenchError(f"{name.full} has no pairs; check the folders that were given.")
    height, width = size
    shape = (len(plan.sources), 3, height, width)
    pictures: list[Picture] = []
    with whole_folder(target, int(np.prod(shape))) as folder:
        stored = np.lib.format.open_memmap(folder / PICTURES, mode="w+", dtype=np.uint8, shape=shape)
        for row, source in enumerate(plan.sources):
            data = read(source)
            picture: Pixels = pixels(fit(decode(data, source.where), source.where))
            digest = pixel_hash(picture)
            if known is not None and known.get(source.name) != digest:
                want = known.get(source.name, "listed")
                raise BenchError(
                    f"{source.where} is not the picture that {name.dataset} names: its pixels' sha256 is "
                    f"{digest[:12]}…, not {want[:12]}…; take the listed frame."
                )
            stored[row] = picture
            pictures.append(Picture(source.name, hashlib.sha256(data).hexdigest(), digest))
            if progress is not None:
                progress(row + 1, len(plan.sources))
        stored.flush()
        told = Manifest(name.slug, name.split, name.subset, pictures, plan.items, height, width, notes=notes or {})
        told.write(folder)
    return told
