"""Cityscapes stereo: the whole 1024×2048 frame resized, x left, y right, sorted by name; 2,975 / 500 / 1,525 pairs.

Cordts et al., "The Cityscapes Dataset for Semantic Urban Scene Understanding" (CVPR 2016).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.data.plan import Plan
from bench.data.sources import Source, complain, gather
from bench.errors import BenchError, MissingData

COUNTS = {"train": 2975, "val": 500, "test": 1525}
_SIDES = ("leftImg8bit", "rightImg8bit")


def plan(places: Sequence[Path], split: str, counts: Mapping[str, int] | None = None) -> Plan:
    """Return the pairs of a split, sorted by city, sequence and frame.

    Args:
        places: ``leftImg8bit_trainvaltest.zip`` and ``rightImg8bit_trainvaltest.zip``, the unpacked ``leftImg8bit`` and
            ``rightImg8bit``, or folders that hold them.
        split: ``train``, ``val`` or ``test``.
        counts: How many pairs each split must hold, for tests on a few frames.

    Raises:
        MissingData: An archive or files are missing; the message names them.
        BenchError: The count is not the dataset's.
    """
    sides = [_side(places, side, split) for side in _SIDES]
    left, right = sides
    missing = [f"{_SIDES[1]}/{split}/{k}_{_SIDES[1]}.png" for k in left if k not in right]
    missing += [f"{_SIDES[0]}/{split}/{k}_{_SIDES[0]}.png" for k in right if k not in left]
    if missing:
        raise complain("cityscapes", sorted(missing), places)
    wanted = (COUNTS if counts is None else counts)[split]
    if len(left) != wanted:
        raise BenchError(
            f"cityscapes {split} holds {len(left)} pairs under {', '.join(map(str, places))}, "
            f"but {wanted} belong to it; download the archives again."
        )
    out = Plan()
    for key in sorted(left):
        stem = key.split("/")[-1]
        out.add(f"{stem}-lr", "_".join(stem.split("_")[:2]), left[key], right[key])
    return out


def _side(places: Sequence[Path], side: str, split: str) -> dict[str, Source]:
    """Return one camera's files of a split by ``city/city_sequence_frame``."""
    files = gather(places, (f"{side}_trainvaltest", side), 3, (split,))
    end = f"_{side}.png"
    found = {
        name[len(split) + 1 : -len(end)]: Source(f"{side}/{name}", source.where, source.read)
        for name, source in files.items()
        if name.endswith(end)
    }
    if not found:
        raise MissingData(
            f"cityscapes needs {side}_trainvaltest.zip (or the unpacked folder {side}) with a {split} "
            f"split, and none lies under {', '.join(map(str, places))}; name its folder with --from."
        )
    return found
