"""What ``--dataset`` may say: ``NAME``, ``NAME:SUBSET`` or ``folder:LEFT:RIGHT``."""

from __future__ import annotations

import difflib
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError, UnknownName

SPLITS: dict[str, tuple[str, ...]] = {
    "synthdrive": ("test", "val"),
    "kitti-mini": ("test", "train"),
    "kitti": ("test", "val", "train"),
    "cityscapes": ("test", "val", "train"),
}
SUBSETS: dict[str, dict[str, str]] = {"synthdrive": {"test32": "test", "check8": "val"}}
"""Named subsets, complete splits of their own, and the split that each is cut from."""

_TRAIN = re.compile(r"train([1-9][0-9]{0,6})\Z")


@dataclass(frozen=True)
class Name:
    """A dataset's name taken apart; ``slug`` is safe in a path."""

    dataset: str
    split: str
    subset: str
    slug: str
    left: Path | None = None
    right: Path | None = None

    @property
    def full(self) -> str:
        """Return the name as one would type it."""
        return f"{self.dataset}:{self.subset}"


def parse(dataset: str, split: str | None = None) -> Name:
    """Take a dataset's name apart.

    Raises:
        UnknownName: No such dataset, split or subset.
        BenchError: ``NAME:SUBSET`` and ``--split`` contradict each other, or ``folder:`` lacks a folder.
    """
    base, _, rest = dataset.partition(":")
    if base == "folder":
        return _folder(dataset, rest, split)
    if base not in SPLITS:
        names = [*SPLITS, "folder:LEFT:RIGHT"]
        near = difflib.get_close_matches(base, names, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(names)}."
        raise UnknownName(f"There is no dataset {base!r}; {hint}")
    subset = rest or split or "test"
    owner = _split_of(base, subset)
    if split and rest and split not in (subset, owner):
        raise BenchError(f"--dataset {dataset} and --split {split} contradict each other; give one of them.")
    return Name(base, owner, subset, base)


def _split_of(base: str, subset: str) -> str:
    if subset in SPLITS[base]:
        return subset
    named = SUBSETS.get(base, {})
    if subset in named:
        return named[subset]
    if base == "synthdrive" and _TRAIN.match(subset):
        return "train"
    choice = [*SPLITS[base], *named, *(["trainN (the first N training pairs)"] if base == "synthdrive" else [])]
    raise UnknownName(f"{base} has no split {subset!r}; choose one of {', '.join(choice)}.")


def _folder(dataset: str, rest: str, split: str | None) -> Name:
    left, _, right = rest.rpartition(":") if rest.count(":") != 1 else rest.partition(":")
    if not left or not right:
        raise BenchError(f"{dataset!r} must read folder:LEFT:RIGHT, two folders of pictures with the same file names.")
    if split not in (None, "all", "test"):
        raise UnknownName(f"A folder dataset has no split {split!r}; leave --split out.")
    a, b = Path(left).expanduser().resolve(), Path(right).expanduser().resolve()
    slug = "folder-" + hashlib.sha256(f"{a}\n{b}".encode()).hexdigest()[:12]
    return Name("folder", "all", "all", slug, a, b)


def count_of(subset: str) -> int | None:
    """Return N of ``trainN``."""
    found = _TRAIN.match(subset)
    return int(found.group(1)) if found else None
