"""Files that are either whole or absent: temporary file, fsync, rename."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from bench.errors import BenchError


class StoreError(BenchError):
    """The disk is full or a folder cannot be written: whatever comes next would end the same way."""


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside ``path`` that takes its place when the block ends well.

    Raises:
        StoreError: The disk is full, or ``path`` cannot be written; it is then as it was before.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreError(
                f"No space left on the disk of {path.parent}; free some, or choose another --out."
            ) from error
        raise StoreError(f"{path} cannot be written ({error.strerror or error}); choose another --out.") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system lets a folder be opened."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` whole or not at all."""
    with replacing(path) as handle:
        handle.write(data)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON with sorted keys, whole or not at all."""
    write_bytes(path, (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())


def canonical_json(value: Any) -> str:
    """One JSON text for one value: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def free_bytes(folder: Path) -> int:
    """Return the free bytes on the disk that ``folder`` lies on, or would lie on."""
    there = folder.resolve()
    while not there.exists():
        there = there.parent
    return shutil.disk_usage(there).free


def need_space(folder: Path, size: int, what: str, mend: str) -> None:
    """Check before the work that ``size`` bytes fit on the disk of ``folder``; nothing is made.

    Args:
        folder: Where they will lie; it need not exist.
        size: Bytes.
        what: Who needs them, for the sentence.
        mend: What to do besides freeing some space.

    Raises:
        BenchError: They do not fit.
    """
    free = free_bytes(folder)
    if free < size:
        raise BenchError(
            f"The disk of {folder} has {free / 1e6:.0f} MB free and {what} needs about {size / 1e6:.0f} MB; "
            f"free some space, or {mend}."
        )


def make_folder(folder: Path, mend: str) -> None:
    """Make a folder and those above it.

    Raises:
        BenchError: It cannot be made; ``mend`` says what to do.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BenchError(f"The folder {folder} cannot be made ({error.strerror or error}); {mend}.") from error
