"""KITTI Stereo 2012 and 2015 by the rule of the published lists: 1,576 / 790 / 790 ordered pairs.

Train is both years' ``training`` folders, frames _10 and _11; val and test are the ``testing`` folders, frame _11 and
frame _10 of the same 395 scenes. Each pair stands in the list twice, left to right and right to left, in the order
2015 left, 2015 right, 2012 left, 2012 right. Rule: Ayzik and Avidan, "Deep Image Compression using Decoder Side
Information" (ECCV 2020), as used by NDIC, ATN, DICM, MDIC and SPDIC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.data.plan import Plan
from bench.data.sources import Source, complain, gather
from bench.errors import MissingData

ARCHIVES = {
    "kitti2015": ("data_scene_flow", "data_scene_flow_multiview"),
    "kitti2012": ("data_stereo_flow", "data_stereo_flow_multiview"),
}
SCENES = {
    ("kitti2015", "training"): 200,
    ("kitti2015", "testing"): 200,
    ("kitti2012", "training"): 194,
    ("kitti2012", "testing"): 195,
}
"""Scenes of each part; frames _10 and _11 exist for all of them."""

_CAMERAS = (("image_2", "image_3"), ("colored_0", "colored_1"))
_FRAMES = {"train": ("training", ("10", "11")), "val": ("testing", ("11",)), "test": ("testing", ("10",))}


@dataclass(frozen=True)
class _Frame:
    item: str
    scene: str
    left: Source
    right: Source


def plan(places: Sequence[Path], split: str, scenes: Mapping[tuple[str, str], int] | None = None) -> Plan:
    """Return the ordered pairs of a split.

    Args:
        places: Zip files or unpacked archives (or folders that hold them), multi-view or plain.
        split: ``train``, ``val`` or ``test``.
        scenes: How many scenes each (year, part) must hold, for tests on a few frames; a year left out is not read.

    Raises:
        MissingData: An archive or files are missing; the message names them.
    """
    part, frames = _FRAMES[split]
    counts = SCENES if scenes is None else scenes
    out, missing = Plan(), []
    for year, archives in ARCHIVES.items():
        count = counts.get((year, part), 0)
        if not count:
            continue
        files = gather(places, archives, 3, ("training", "testing"))
        if not files:
            raise MissingData(
                f"kitti needs {archives[0]}.zip (or {archives[1]}.zip, or either unpacked), and none lies under "
                f"{', '.join(str(p) for p in places)}; download it from cvlibs.net and name its folder with --from."
            )
        listed, lost = _frames(files, year, part, count, frames)
        missing += [f"{archives[0]}/{name}" for name in lost]
        for frame in listed:
            out.add(f"{frame.item}-lr", frame.scene, frame.left, frame.right)
        for frame in listed:
            out.add(f"{frame.item}-rl", frame.scene, frame.right, frame.left)
    if missing:
        raise complain("kitti", missing, places)
    return out


def _frames(
    files: dict[str, Source], year: str, part: str, count: int, frames: Sequence[str]
) -> tuple[list[_Frame], list[str]]:
    listed, missing = [], []
    for number in range(count):
        for frame in frames:
            file = f"{number:06d}_{frame}.png"
            pairs = [(f"{part}/{a}/{file}", f"{part}/{b}/{file}") for a, b in _CAMERAS]
            found = next(((files[a], files[b]) for a, b in pairs if a in files and b in files), None)
            if found is None:
                # Name the files of the camera folders that this archive uses.
                used = 1 if any(name.startswith(f"{part}/colored_") for name in files) else 0
                missing += [name for name in pairs[used] if name not in files]
                continue
            scene = f"{year}-{part}-{number:06d}"
            left, right = (Source(f"{year}/{s.name}", s.where, s.read) for s in found)
            listed.append(_Frame(f"{scene}_{frame}", scene, left, right))
    return listed, missing
