"""What coding leaves on disk: streams of an encoding, reconstructions of a unit, both by content key.

A new metric reads these and decodes nothing. Parts that several workers coded merge by item id and must sum to N.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.store.atomic import replacing, write_bytes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass
class Streams:
    """The files of one encoding, one an item.

    Attributes:
        ids: Item ids, in the order of the set.
        files: Container bytes.
        payload_bits: Bits of the sections, ``(N,)``.
        native_bits: Bits of the coder's own format, ``(N,)``; −1 where there is none.
        estimated_bits: Bits by the model's likelihoods, ``(N,)``; NaN where there are none.
        encode_ms: Milliseconds an item, ``(N,)``.
        batch: Size of the batch that the item was encoded in, ``(N,)``.
        meta: Provenance of the encoding.
        parts: Part of the file to its bits, ``(N,)``; they add up to the file. Empty in shards older than this.
    """

    ids: list[str]
    files: list[bytes]
    payload_bits: Ints
    native_bits: Ints
    estimated_bits: Floats
    encode_ms: Floats
    batch: Ints
    meta: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Floats] = field(default_factory=dict)


@dataclass
class Decoded:
    """The pictures of one unit.

    Attributes:
        ids: Item ids, in the order of the set.
        pictures: uint8 ``(N, 3, H, W)``; memory-mapped when read from a shard.
        decode_ms: Milliseconds an item, ``(N,)``.
        side_ms: Milliseconds of work on y alone, ``(N,)``; NaN where the codec does not tell.
        batch: Size of the batch that the item was decoded in, ``(N,)``.
        meta: Provenance of the decoding.
    """

    ids: list[str]
    pictures: NDArray[np.uint8]
    decode_ms: Floats
    side_ms: Floats
    batch: Ints
    meta: dict[str, Any] = field(default_factory=dict)


def _order(parts: Sequence[Streams] | Sequence[Decoded], ids: Sequence[str]) -> list[int]:
    """Position in the joined parts of each id of the set.

    Raises:
        ValueError: An id is there twice, not at all, or does not belong to the set.
    """
    joined = [item for part in parts for item in part.ids]
    place = {item: index for index, item in enumerate(joined)}
    if len(place) != len(joined):
        twice = sorted({item for item in joined if joined.count(item) > 1})
        raise ValueError(f"{len(twice)} items were coded twice, the first is {twice[0]}")
    missing = [item for item in ids if item not in place]
    if missing or len(joined) != len(ids):
        what = f"{missing[0]} is missing" if missing else f"{len(joined) - len(ids)} do not belong to the set"
        raise ValueError(f"{len(joined)} items were coded and the set has {len(ids)}: {what}")
    return [place[item] for item in ids]


def merge_streams(parts: Sequence[Streams], ids: Sequence[str]) -> Streams:
    """Join parts into the order of ``ids``; each id must be there exactly once."""
    order = _order(parts, ids)
    files = [file for part in parts for file in part.files]

    def join(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])[order]

    return Streams(
        list(ids), [files[i] for i in order], join("payload_bits"), join("native_bits"), join("estimated_bits"),
        join("encode_ms"), join("batch"), parts[0].meta, _join_parts(parts, order),
    )  # fmt: skip


def _join_parts(parts: Sequence[Streams], order: list[int]) -> dict[str, Floats]:
    """Parts of the files in the order of the set; what one worker's items lack is 0 there."""
    names = dict.fromkeys(name for part in parts for name in part.parts)
    return {
        name: np.concatenate([part.parts.get(name, np.zeros(len(part.ids))) for part in parts])[order] for name in names
    }


def merge_decoded(parts: Sequence[Decoded], ids: Sequence[str]) -> Decoded:
    """Join parts into the order of ``ids``; each id must be there exactly once."""
    order = _order(parts, ids)

    def join(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])[order]

    return Decoded(list(ids), join("pictures"), join("decode_ms"), join("side_ms"), join("batch"), parts[0].meta)


def save_streams(folder: Path, key: str, streams: Streams) -> None:
    """Keep the streams of an encoding."""
    _ignore(folder)
    blob = np.frombuffer(b"".join(streams.files), dtype=np.uint8)
    lengths = np.array([len(file) for file in streams.files], dtype=np.int64)
    parts: dict[str, Any] = {f"part {name}": bits for name, bits in streams.parts.items()}
    with replacing(folder / f"{key[:24]}.streams.npz") as handle:
        np.savez(
            handle, key=np.array(key), ids=np.array(streams.ids), blob=blob, lengths=lengths,
            payload_bits=streams.payload_bits, native_bits=streams.native_bits, estimated_bits=streams.estimated_bits,
            encode_ms=streams.encode_ms, batch=streams.batch, meta=np.array(json.dumps(streams.meta)),
            **parts,
        )  # fmt: skip


def load_streams(folder: Path, key: str, ids: Sequence[str]) -> Streams | None:
    """Return kept streams, or None where there are none, or they are damaged or of other items."""
    data = _arrays(folder / f"{key[:24]}.streams.npz", key, ids)
    if data is None:
        return None
    ends = np.cumsum(data["lengths"])
    blob = data["blob"].tobytes()
    files = [blob[end - length : end] for end, length in zip(ends, data["lengths"], strict=True)]
    return Streams(
        list(ids), files, data["payload_bits"], data["native_bits"], data["estimated_bits"], data["encode_ms"],
        data["batch"], json.loads(str(data["meta"])),
        {name.removeprefix("part "): bits for name, bits in data.items() if name.startswith("part ")},
    )  # fmt: skip


def save_decoded(folder: Path, key: str, decoded: Decoded) -> None:
    """Keep the reconstructions of a unit; the pictures first, so that what names them comes last."""
    _ignore(folder)
    with replacing(folder / f"{key[:24]}.npy") as handle:
        np.save(handle, decoded.pictures)
    with replacing(folder / f"{key[:24]}.times.npz") as handle:
        np.savez(
            handle, key=np.array(key), ids=np.array(decoded.ids), decode_ms=decoded.decode_ms, side_ms=decoded.side_ms,
            batch=decoded.batch, meta=np.array(json.dumps(decoded.meta)),
        )  # fmt: skip


def load_decoded(folder: Path, key: str, ids: Sequence[str]) -> Decoded | None:
    """Return kept reconstructions, memory-mapped, or None where they are absent, damaged or of other items."""
    data = _arrays(folder / f"{key[:24]}.times.npz", key, ids)
    if data is None:
        return None
    try:
        pictures = np.load(folder / f"{key[:24]}.npy", mmap_mode="r")
    except (OSError, ValueError):
        return None
    if pictures.dtype != np.uint8 or pictures.ndim != 4 or len(pictures) != len(ids):
        return None
    meta = json.loads(str(data["meta"]))
    return Decoded(list(ids), pictures, data["decode_ms"], data["side_ms"], data["batch"], meta)


def _arrays(path: Path, key: str, ids: Sequence[str]) -> dict[str, NDArray[Any]] | None:
    try:
        with np.load(path) as file:
            data = {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile, KeyError):
        return None
    if str(data.get("key")) != key or [str(item) for item in data["ids"]] != list(ids):
        return None
    return data


def _ignore(folder: Path) -> None:
    """Keep the shards out of git, wherever the store lies."""
    if not (folder / ".gitignore").exists():
        write_bytes(folder / ".gitignore", b"*\n")
