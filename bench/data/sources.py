"""Where original files lie: unpacked trees and zip archives, read without unpacking."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError, MissingData


@dataclass(frozen=True)
class Source:
    """One original file: a stable name, and how to read it. ``where`` is for messages."""

    name: str
    where: str
    read: Callable[[], bytes]


def _tree(root: Path) -> dict[str, Source]:
    out = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        name = path.relative_to(root).as_posix()
        out[name] = Source(name, str(path), path.read_bytes)
    return out


def _zip(path: Path) -> dict[str, Source]:
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise BenchError(f"{path} is not an intact zip archive ({error}); download it again.") from error
    names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]

    def reader(name: str) -> Callable[[], bytes]:
        def read() -> bytes:
            try:
                return archive.read(name)
            # RuntimeError: encrypted; NotImplementedError, one of its kind: packed by a method that Python lacks.
            except (OSError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
                raise BenchError(f"{name} in {path} is damaged ({error}); download the archive again.") from error

        return read

    return {name: Source(name, f"{name} in {path}", reader(name)) for name in sorted(names)}


def gather(
    places: Sequence[Path], wanted: Sequence[str], depth: int, tops: Sequence[str] | None = None
) -> dict[str, Source]:
    """Index the files of the archives or trees that are called like one of ``wanted``.

    Args:
        places: Zip files, archive folders, or folders that hold either.
        wanted: Names of archives without ``.zip``; where several hold a file, the first wins.
        depth: How many last parts of a path name a file: 3 makes ``training/image_2/000000_10.png`` of it.
        tops: First parts to keep (``training``); others are left out.

    Returns:
        Source by short path.
    """
    out: dict[str, Source] = {}
    for name in wanted:
        for path in _candidates(places, name):
            for full, source in (_zip(path) if path.is_file() else _tree(path)).items():
                parts = full.split("/")[-depth:]
                short = "/".join(parts)
                if len(parts) == depth and (tops is None or parts[0] in tops) and short not in out:
                    out[short] = Source(short, source.where, source.read)
    return out


def _candidates(places: Iterable[Path], name: str) -> list[Path]:
    found = []
    for place in places:
        if not place.exists():
            raise MissingData(f"{place} does not exist; give --from the folder or zip file that holds {name}.")
        if place.stem == name and (place.is_dir() or place.suffix == ".zip"):
            found.append(place)
        elif place.is_dir():
            found += [p for p in (place / name, place / f"{name}.zip") if p.exists()]
    return found


def complain(dataset: str, missing: Sequence[str], looked: Sequence[Path]) -> MissingData:
    """Return the error for files that are not there, with their names."""
    shown = ", ".join(missing[:12]) + (f" and {len(missing) - 12} more" if len(missing) > 12 else "")
    where = ", ".join(str(p) for p in looked)
    return MissingData(
        f"{dataset} lacks {len(missing)} files under {where}: {shown}; "
        "download the archive again, or add another --from."
    )
