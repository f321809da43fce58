"""``PairSet``: prepared pairs, read by item index from a memory map."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bench.data import manifest as manifests
from bench.data.manifest import Manifest, pixel_hash
from bench.data.names import Name
from bench.errors import BenchError

if TYPE_CHECKING:
    from torch import Tensor

PICTURES, LABELS, DISPARITY = "pictures.npy", "labels.npy", "disparity.npy"
DISPARITY_STEP = 1 / 256
"""Pixels of disparity in one step of the stored uint16, as in KITTI's own disparity maps."""

Array = npt.NDArray[Any]


class PairSet:
    """Ordered pairs of one split: ``x`` is coded, ``y`` is known to the decoder.

    Attributes:
        dataset: Name without subset, as it stands in a row (``synthdrive``; ``folder`` sets are named by their slug).
        split, subset: ``subset`` equals ``split`` where the split is whole.
        partial: True under a limit; such a set is never ranked.
        manifest: sha256 over order, ids, scenes and pixels of the whole subset.
        ids, scenes: One a pair.
        slug: The dataset's name, safe in a path.
        height, width: Pixels.
    """

    def __init__(self, name: Name, told: Manifest, arrays: dict[str, Array], limit: int | None = None) -> None:
        self.dataset = name.slug
        self.slug, self.split, self.subset = name.slug, name.split, name.subset
        self.height, self.width = told.height, told.width
        self.manifest = told.digest()
        self._items = _limited(told.items, limit)
        self.partial = len(self._items) < len(told.items)
        self.ids = [i.id for i in self._items]
        self.scenes = [i.scene for i in self._items]
        self._arrays = arrays

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"PairSet({self.dataset}:{self.subset}, {len(self)} pairs, {self.height}x{self.width})"

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return ``(x, y)``, each uint8 (n, 3, H, W) on the CPU, 0 … 255."""
        return (
            self._take(PICTURES, [self._items[i].x for i in indices]),
            self._take(PICTURES, [self._items[i].y for i in indices]),
        )

    @property
    def labelled(self) -> bool:
        """Whether the dataset has class labels."""
        return LABELS in self._arrays

    def labels(self, indices: Sequence[int]) -> Tensor | None:
        """Return the class labels of ``x``, uint8 (n, H, W), indices into the dataset's classes, where it has any."""
        return self._take(LABELS, [self._items[i].x for i in indices]) if LABELS in self._arrays else None

    def disparity(self, indices: Sequence[int]) -> Tensor | None:
        """Return the disparity of ``x``, float32 (n, H, W), pixels ≥ 0 to 1/256, where the dataset has it.

        A point at column c of ``x`` lies at c − d in ``y`` where ``x`` is the left view, at c + d where it is the
        right one (ids end in ``-lr`` and ``-rl``). 0 is infinitely far.
        """
        if DISPARITY not in self._arrays:
            return None
        import torch

        rows = np.asarray(self._arrays[DISPARITY][[self._items[i].x for i in indices]], dtype=np.float32)
        return torch.from_numpy(rows * np.float32(DISPARITY_STEP))

    def captions(self, indices: Sequence[int]) -> list[str] | None:
        """Return a sentence about each pair, where the dataset has them."""
        texts = [self._items[i].caption for i in indices]
        return texts if all(texts) else None

    def wrong_side(self) -> list[int]:
        """Return the donor of each item's wrong ``y``: a fixed derangement over scenes.

        No item receives a view of its own scene, be it the other direction or a neighbouring frame. Donors have the
        item's own direction where the scenes allow it, so that only the place is wrong.

        Raises:
            BenchError: One scene holds more than half of the items, so that no such derangement exists.
        """
        both: dict[str, list[int]] = {}
        for i, name in enumerate(self.ids):
            both.setdefault(name[-3:] if name.endswith(("-lr", "-rl")) else "", []).append(i)
        donors = [-1] * len(self)
        directed = all(self._shift(group, donors) for group in both.values())
        if not directed and not self._shift(list(range(len(self))), donors):
            raise BenchError(
                f"{self.dataset}:{self.subset} has no wrong side views to lend, because one scene holds more than "
                f"half of its {len(self)} pairs; use more pairs, or run without --controls."
            )
        return donors

    def _shift(self, group: list[int], donors: list[int]) -> bool:
        """Lay scenes one after the other in an order of their hashes and shift by the longest; False if too long."""
        order = sorted(group, key=lambda i: (_sha(self.scenes[i]), i))
        longest = max(Counter(self.scenes[i] for i in group).values())
        if 2 * longest > len(order):
            return False
        for k, i in enumerate(order):
            donors[i] = order[(k + longest) % len(order)]
        return True

    def _take(self, name: str, rows: list[int]) -> Tensor:
        import torch

        return torch.from_numpy(np.array(self._arrays[name][rows], dtype=np.uint8, copy=True))


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _limited(items: list[manifests.Item], limit: int | None) -> list[manifests.Item]:
    """Return the ``limit`` items of smallest sha256(id), in their own order."""
    if limit is None or limit >= len(items):
        return items
    if limit < 1:
        raise BenchError(f"--limit {limit} leaves no pairs; give 1 or more.")
    kept = {i.id for i in sorted(items, key=lambda i: _sha(i.id))[:limit]}
    return [i for i in items if i.id in kept]


def load(name: Name, folder: Path, limit: int | None = None) -> PairSet:
    """Open a prepared folder.

    Raises:
        BenchError: A file of it is missing or does not have the manifest's size.
    """
    told = manifests.read(folder)
    arrays: dict[str, Array] = {}
    for file, dtype, shape in (
        (PICTURES, np.uint8, (len(told.pictures), 3, told.height, told.width)),
        (LABELS, np.uint8, (len(told.pictures), told.height, told.width)),
        (DISPARITY, np.uint16, (len(told.pictures), told.height, told.width)),
    ):
        path = folder / file
        if file != PICTURES and not path.exists():
            continue
        try:
            array = np.load(path, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise BenchError(
                f"{path} is missing or damaged; prepare the dataset again with `bench data prepare`."
            ) from error
        if array.dtype != dtype or array.shape != shape:
            raise BenchError(f"{path} does not fit its manifest; prepare the dataset again with `bench data prepare`.")
        arrays[file] = array
    return PairSet(name, told, arrays, limit)


def verify(folder: Path) -> list[str]:
    """Hash every stored picture again; return a line for each that differs from the manifest (none: all is well)."""
    told = manifests.read(folder)
    pictures = np.load(folder / PICTURES, mmap_mode="r")
    if len(pictures) != len(told.pictures):
        return [f"{folder / PICTURES} holds {len(pictures)} pictures, its manifest {len(told.pictures)}."]
    return [
        f"{p.source}: its stored pixels differ from the manifest."
        for p, stored in zip(told.pictures, pictures, strict=True)
        if pixel_hash(np.asarray(stored)) != p.pixels
    ]
