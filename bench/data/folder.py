"""``folder:LEFT:RIGHT``: any rectified pairs of equal size; x is the left folder's picture, y the right one's."""

from __future__ import annotations

import hashlib
from pathlib import Path

from PIL import Image

from bench.data import manifest as manifests
from bench.data.names import Name
from bench.data.picture import Fit
from bench.data.plan import Plan, Progress, prepare, read
from bench.data.sources import Source
from bench.errors import BenchError
from bench.picture import decode

SMALLEST = 128
"""Least height and width: below it MS-SSIM's five scales and NIQE's 96-pixel blocks do not fit."""

_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm")


def _files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise BenchError(f"{folder} is not a folder; folder:LEFT:RIGHT names two folders of pictures.")
    out: dict[str, Path] = {}
    for path in sorted(p for p in folder.iterdir() if p.suffix.lower() in _ENDINGS and p.is_file()):
        if path.stem in out:
            raise BenchError(f"{folder} holds both {out[path.stem].name} and {path.name}; keep one of them.")
        out[path.stem] = path
    if not out:
        raise BenchError(f"{folder} holds no pictures ({', '.join(_ENDINGS)}); folder:LEFT:RIGHT names two that do.")
    return out


def stamp(name: Name) -> str:
    """Return a hash of both folders' file names, sizes and times, to notice that they changed."""
    lines = [
        f"{p.name} {p.stat().st_size} {p.stat().st_mtime_ns}"
        for side in (name.left, name.right)
        for p in _files(Path(str(side))).values()
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def fresh(name: Name, target: Path) -> bool:
    """Return whether ``target`` was prepared from the folders as they stand."""
    return (target / manifests.FILE).is_file() and manifests.read(target).notes.get("stamp") == stamp(name)


def build(name: Name, target: Path, progress: Progress | None = None) -> None:
    """Prepare the pairs of two folders.

    Raises:
        BenchError: Pictures without a partner, of unequal size, too small, greyscale, 16-bit or unreadable.
    """
    left, right = _files(Path(str(name.left))), _files(Path(str(name.right)))
    lost = [f"{name.right}/{p.name}" for k, p in left.items() if k not in right]
    lost += [f"{name.left}/{p.name}" for k, p in right.items() if k not in left]
    if lost:
        more = f" and {len(lost) - 1} more files are" if len(lost) > 1 else " is"
        raise BenchError(f"{lost[0]}{more} missing; both folders must hold pictures of the same names.")
    plan = Plan()
    for key, path in left.items():
        other = right[key]
        plan.add(
            f"{key}-lr",
            key,
            Source(f"left/{path.name}", str(path), path.read_bytes),
            Source(f"right/{other.name}", str(other), other.read_bytes),
        )
    first = plan.sources[0]
    picture = decode(read(first), first.where)
    size = (picture.height, picture.width)
    if min(size) < SMALLEST:
        raise BenchError(f"{first.where} measures {size[0]}x{size[1]}; pictures need at least {SMALLEST}x{SMALLEST}.")
    prepare(name, plan, target, _same(size, first.where), size, notes={"stamp": stamp(name)}, progress=progress)


def _same(size: tuple[int, int], first: str) -> Fit:
    def fit(picture: Image.Image, where: str) -> Image.Image:
        if (picture.height, picture.width) != size:
            raise BenchError(
                f"{where} measures {picture.height}x{picture.width}, but {first} {size[0]}x{size[1]}; "
                "all pictures of a dataset must have one size."
            )
        return picture

    return fit
