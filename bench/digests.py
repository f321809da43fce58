"""Digests of weights: a file's, or a folder's where weights are one."""

from __future__ import annotations

import hashlib
from pathlib import Path


def digest_of(path: Path) -> str:
    """Hex sha256 of a file; of a folder, over the names and digests of all files below it."""
    whole = hashlib.sha256()
    if path.is_dir():
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            whole.update(f"{file.relative_to(path).as_posix()}\0{digest_of(file)}\n".encode())
        return whole.hexdigest()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            whole.update(block)
    return whole.hexdigest()
