"""Getting weights from their official addresses, checked by sha256. Only ``bench fetch`` calls this."""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from bench.errors import BenchError
from bench.metrics import weights
from bench.store.atomic import make_folder, need_space

Progress = Callable[[int], None]
_TIMEOUT_S = 30


def offline() -> bool:
    """Return whether ``BENCH_OFFLINE`` forbids downloads."""
    return os.environ.get("BENCH_OFFLINE", "") not in ("", "0")


def fetch(name: str, folder: Path | None = None, progress: Progress | None = None) -> Path:
    """Download one network's weights unless they are on this machine already.

    Args:
        name: Name in ``weights.toml``.
        folder: Where to write; None is the user's cache.
        progress: Called with the number of bytes of each block.

    Returns:
        Where the weights lie.

    Raises:
        UnknownName: No such weights.
        BenchError: Downloads are forbidden, the address does not answer, the disk is full or the sha256 differs.
            Nothing is left behind then.
    """
    entry = weights.get(name)
    found = weights.find(name)
    if found is not None:
        return found
    if offline():
        raise BenchError(f"BENCH_OFFLINE forbids downloading {name}; unset it, or put the file in BENCH_WEIGHTS_DIR.")
    target = folder or weights.cache_dir()
    if entry.hub:
        return _fetch_hub(entry, target)
    file = next((f for f in entry.files if f.url), None)
    if file is None:
        raise BenchError(f"{name} has no address to download from; put {entry.files[0].names[0]} in BENCH_WEIGHTS_DIR.")
    _make_room(target, file.size, name)
    path = target / file.names[0]
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        digest = _download(file.url, part, progress)
        if digest != file.sha256:
            raise BenchError(
                f"{file.url} gave a file with sha256 {digest} in place of {file.sha256}; nothing was kept, try again "
                "later or from another network."
            )
        part.replace(path)
    except OSError as error:
        raise BenchError(f"{name} could not be written to {target}: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)
    return path


def _make_room(folder: Path, size: int, name: str) -> None:
    need_space(folder, size, name, "set BENCH_CACHE_DIR")
    make_folder(folder, "set BENCH_CACHE_DIR")


def _download(url: str, path: Path, progress: Progress | None) -> str:
    """Write an address to a file and return its sha256."""
    digest = hashlib.sha256()
    request = urllib.request.Request(url, headers={"User-Agent": "dic-bench"})
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except (urllib.error.URLError, TimeoutError) as error:
        reason = getattr(error, "reason", error)
        raise BenchError(f"{url} cannot be downloaded ({reason}); check the network, or fetch it by hand.") from error
    with response, path.open("wb") as stream:
        while True:
            try:
                block = response.read(1 << 18)
            except (OSError, TimeoutError) as error:
                raise BenchError(f"The download of {url} broke off ({error}); try again.") from error
            if not block:
                break
            stream.write(block)
            digest.update(block)
            if progress is not None:
                progress(len(block))
        stream.flush()
        os.fsync(stream.fileno())
    return digest.hexdigest()


def _fetch_hub(entry: weights.Weights, target: Path) -> Path:
    """Download a folder of the hub; its client shows its own progress and checks hashes."""
    from huggingface_hub import snapshot_download

    _make_room(target, entry.size, entry.name)
    folder = target / entry.folder
    try:
        snapshot_download(entry.hub, local_dir=folder, allow_patterns=list(weights.HUB_FILES))
    except Exception as error:  # the client raises many kinds; all mean that the folder is not complete
        shutil.rmtree(folder, ignore_errors=True)
        raise BenchError(f"{entry.hub} cannot be downloaded ({type(error).__name__}); check the network.") from error
    return folder
