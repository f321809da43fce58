"""Where the metrics' weights are: ``weights.toml`` and the places it is resolved against. Imports no torch.

Order: ``--weights-dir`` or ``BENCH_WEIGHTS_DIR``, then the user's cache (``BENCH_CACHE_DIR`` moves it), then what the
package brings. Nothing here downloads; ``bench fetch`` does.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from bench.digests import digest_of
from bench.errors import BenchError, MissingWeights, UnknownName

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = Path(__file__).with_name("weights.toml")
"""The table in force; tests put their own in its place."""
SHIPPED = Path(__file__).with_name("streets")
"""Where the weights that this project trained itself lie."""
HUB_FILES = ("config.json", "model.safetensors", "pytorch_model.bin")
"""What is taken of a folder of the hub."""
CHOICE = "BENCH_SEGFORMER"
"""Environment variable that names another SegFormer: a folder, or a repository of the hub."""


@dataclass(frozen=True)
class WeightsFile:
    """One accepted file of a network.

    Attributes:
        names: File names it is known under; a download takes the first.
        sha256: Hex digest of the contents.
        size: Bytes.
        url: Official address, empty where the file cannot be fetched.
    """

    names: tuple[str, ...]
    sha256: str
    size: int
    url: str = ""


@dataclass(frozen=True)
class Weights:
    """One network.

    Attributes:
        name: Name in ``MetricSpec.needs`` and for ``bench fetch``.
        title: Name for people.
        licence: Licence of the weights.
        files: Accepted files, the fetched one first; empty for a folder of the hub.
        hub: Hugging Face repository, for networks that come as a folder.
        folder: That folder's name.
        size: Bytes of the download.
    """

    name: str
    title: str
    licence: str
    files: tuple[WeightsFile, ...]
    hub: str = ""
    folder: str = ""
    size: int = 0


@lru_cache(maxsize=4)
def _read(path: Path) -> dict[str, Weights]:
    with path.open("rb") as stream:
        raw: dict[str, dict[str, Any]] = tomllib.load(stream)
    found = {}
    for name, entry in raw.items():
        files = tuple(
            WeightsFile(tuple(f["names"]), f["sha256"], f["size"], f.get("url", "")) for f in entry.get("files", ())
        )
        size = entry.get("size") or next(f.size for f in files)
        found[name] = Weights(
            name, entry["title"], entry["licence"], files, entry.get("hub", ""), entry.get("folder", ""), size
        )
    return found


def table() -> dict[str, Weights]:
    """Return all networks by name, in the order of ``weights.toml``."""
    return _read(TABLE)


def get(name: str) -> Weights:
    """Return one network's entry.

    Raises:
        UnknownName: ``weights.toml`` has no such entry.
    """
    if name not in table():
        raise UnknownName(f"There are no weights called {name!r}; known: {', '.join(table())}.")
    entry, chosen = table()[name], os.environ.get(CHOICE, "")
    if name != "segformer" or not chosen or chosen == entry.hub:
        return entry
    return replace(entry, title=f"SegFormer {chosen}", licence="its own", hub=chosen, folder=chosen.replace("/", "--"))


def cache_dir() -> Path:
    """Return the folder that ``bench fetch`` writes to (not created here)."""
    root = os.environ.get("BENCH_CACHE_DIR")
    if root:
        return Path(root).expanduser() / "weights"
    import platformdirs

    return Path(platformdirs.user_cache_dir("dic-bench")) / "weights"


def use_dir(path: str | Path) -> None:
    """Let ``--weights-dir`` be searched first in this process and its children.

    Raises:
        BenchError: The folder does not exist.
    """
    if not Path(path).is_dir():
        raise BenchError(f"The weights folder {path} does not exist; give --weights-dir a folder of weights.")
    os.environ["BENCH_WEIGHTS_DIR"] = str(Path(path).resolve())


def use_segformer(choice: str) -> None:
    """Let another SegFormer compute ``miou`` in this process and its children.

    Args:
        choice: A folder in Hugging Face's layout, or the hub's name of one, ``owner/name``.

    Raises:
        BenchError: It is neither.
    """
    if (Path(choice) / "config.json").is_file():
        os.environ[CHOICE] = str(Path(choice).resolve())
    elif re.fullmatch(r"[\w.-]+/[\w.-]+", choice) and not Path(choice).exists():
        os.environ[CHOICE] = choice
    else:
        raise BenchError(
            f"--segformer {choice} is neither a folder with a config.json nor a name of the hub such as "
            f"{table()['segformer'].hub}."
        )


def search_path() -> list[Path]:
    """Return the folders that are searched, first one first."""
    given = os.environ.get("BENCH_WEIGHTS_DIR")
    return ([Path(given).expanduser()] if given else []) + [cache_dir(), SHIPPED]


def find(name: str, verify: bool = True) -> Path | None:
    """Return where a network's weights lie, or None where they are not on this machine.

    Args:
        name: Name of the network.
        verify: Compare sha256 (about a second a gigabyte, once a process); False only looks.

    Raises:
        UnknownName: ``weights.toml`` has no such entry.
        BenchError: A file of the right name has another sha256.
    """
    entry = get(name)
    if entry.hub and (Path(entry.hub) / "config.json").is_file():  # a folder of the user's own
        return Path(entry.hub)
    for folder in search_path():
        if entry.hub and (folder / entry.folder / "config.json").is_file():
            return folder / entry.folder
        for file in entry.files:
            for file_name in file.names:
                path = folder / file_name
                if path.is_file():
                    if verify:
                        check(path, file, name)
                    return path
    return None


def require(name: str, metric: str) -> Path:
    """Return where the weights lie, for a metric that cannot do without them.

    Raises:
        MissingWeights: They are not on this machine; the sentence names the command that gets them.
        BenchError: A file of the right name has another sha256.
    """
    path = find(name)
    if path is None:
        raise MissingWeights(lacking(metric, [name]))
    return path


def lacking(metric: str, names: Sequence[str]) -> str:
    """Return the sentence that says which weights a metric is without and how to get them."""
    missing = [name for name in names if find(name) is None]
    sizes = ", ".join(f"{name} ({megabytes(get(name).size)})" for name in missing)
    return f"{metric} needs {sizes}: run '{fetching(missing)}'."


def fetching(names: Sequence[str]) -> str:
    """Return the command that fetches some weights."""
    chosen = os.environ.get(CHOICE, "")
    return f"bench fetch {' '.join(names)}" + (f" --segformer {chosen}" if chosen and "segformer" in names else "")


def check(path: Path, file: WeightsFile, name: str) -> None:
    """Compare a file with its entry.

    Raises:
        BenchError: Size or sha256 differ.
    """
    stat = path.stat()
    digest = sha256(path, stat.st_mtime_ns, stat.st_size) if stat.st_size == file.size else f"{stat.st_size} bytes"
    if digest != file.sha256:
        expected = file.sha256 if len(digest) == 64 else f"{file.size} bytes"
        raise BenchError(
            f"{path} is not the file that the protocol names for {name} ({digest} in place of {expected}); "
            f"delete it and run 'bench fetch {name}'."
        )


@lru_cache(maxsize=64)
def sha256(path: Path, mtime_ns: int, size: int) -> str:
    """Return the hex digest of a file; time and size are there so that a changed file is read again."""
    return digest_of(path)


def digest(name: str) -> str:
    """Return the sha256 of a network's file on this machine; of a folder, that of its weights; empty where absent."""
    path = find(name)
    if path is not None and path.is_dir():
        path = next((path / file for file in HUB_FILES[1:] if (path / file).is_file()), None)
    if path is None:
        return ""
    stat = path.stat()
    return sha256(path, stat.st_mtime_ns, stat.st_size)


def megabytes(size: int) -> str:
    """Return a size for people, in MB of 10^6 bytes."""
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{max(size / 1e3, 1):.0f} kB"
