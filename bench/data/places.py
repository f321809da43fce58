"""Where prepared pairs lie, and how a folder of them is written: whole, or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs

from bench.errors import BenchError
from bench.store.atomic import need_space

PROJECT = Path(__file__).resolve().parents[2]

_MARGIN = 16 << 20
"""Room left on the disk beside a prepared split."""


def cache_root() -> Path:
    """Return the folder of rendered pairs: ``BENCH_CACHE_DIR``, else the user's cache."""
    named = os.environ.get("BENCH_CACHE_DIR")
    return (Path(named) if named else Path(platformdirs.user_cache_dir("dic-bench"))) / "data"


def data_root() -> Path:
    """Return the folder of prepared datasets.

    ``BENCH_DATA_DIR`` where it is set; else ``datasets/prepared`` of the checkout that this package is run from, where
    that can be written; else the user's cache.
    """
    named = os.environ.get("BENCH_DATA_DIR")
    if named:
        return Path(named)
    cards = PROJECT / "datasets"
    if (PROJECT / "pyproject.toml").is_file() and cards.is_dir() and os.access(cards, os.W_OK):
        return cards / "prepared"
    return cache_root()


@contextmanager
def whole_folder(target: Path, size: int) -> Iterator[Path]:
    """Give a temporary folder beside ``target`` that takes its place when the block ends well, and vanishes if not.

    Args:
        target: The folder to write; one that stands there already is replaced.
        size: Bytes that will be written, checked against the disk beforehand.

    Raises:
        BenchError: The disk is too full, or the folder cannot be written.
    """
    mend = "name another disk in BENCH_DATA_DIR (BENCH_CACHE_DIR for rendered pairs)"
    need_space(target.parent, size + _MARGIN, "the prepared split", mend)
    part = target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}.part"
    absent = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
    try:
        part.mkdir(parents=True)
        yield part
        old = target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}.old"
        if target.exists():
            target.rename(old)
        part.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        where = error.filename or target
        raise BenchError(
            f"Writing {where} failed ({error.strerror}); free some space or name another folder in BENCH_DATA_DIR."
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        with suppress(OSError):  # parents that were made for nothing; the first that holds something ends it
            for folder in absent:
                folder.rmdir()
