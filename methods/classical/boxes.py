"""ISO base media files with one item in ``mdat``: take the item's data out, put other data in."""

from __future__ import annotations

from collections.abc import Iterator


def item_data(native: bytes) -> bytes:
    """Content of the ``mdat`` box.

    Raises:
        ValueError: There is no such box, or it is not the last one.
    """
    for kind, start, end in _boxes(native, 0, len(native)):
        if kind == b"mdat" and end == len(native):
            return native[start:end]
    raise ValueError("no picture data at the file's end")


def with_item_data(template: bytes, data: bytes) -> bytes:
    """The template's boxes around other data: lengths in ``mdat`` and ``iloc`` are those of ``data``.

    Raises:
        ValueError: The template is laid out otherwise than expected.
    """
    old = item_data(template)
    head = bytearray(template[: len(template) - len(old)])
    head[-8:-4] = (8 + len(data)).to_bytes(4, "big")
    at = _extent_length_at(template)
    if int.from_bytes(head[at : at + 4], "big") != len(old):
        raise ValueError("the item is not the whole of mdat")
    head[at : at + 4] = len(data).to_bytes(4, "big")
    return bytes(head) + data


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind and content range of each box; only plain 32-bit sizes occur in files this small."""
    while start < end:
        size = int.from_bytes(data[start : start + 4], "big")
        if not 8 <= size <= end - start:
            raise ValueError("a box runs past the file's end")
        yield data[start + 4 : start + 8], start + 8, start + size
        start += size


def _extent_length_at(data: bytes) -> int:
    """Where ``iloc`` (version 0, one item, one extent, 4-byte offset and length) keeps the item's length."""
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind != b"meta":
            continue
        for inner, at, stop in _boxes(data, start + 4, end):
            if inner != b"iloc":
                continue
            base = data[at + 5] >> 4
            # version and flags 4, sizes 2, item count 2, id 2, reference 2, base offset, extent count 2, offset 4
            if data[at] == 0 and data[at + 4] == 0x44 and stop == at + 22 + base:
                return at + 18 + base
    raise ValueError("iloc is laid out otherwise")
