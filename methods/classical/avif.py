"""AVIF: the section holds the AV1 frame; boxes, delimiter and sequence header come from the template."""

from __future__ import annotations

from typing import Any

from methods.classical.boxes import item_data, with_item_data
from methods.classical.codec import ClassicalCodec, library_version

FRAME = 0x32
"""Header byte of a frame unit that states its size."""


class AvifCodec(ClassicalCodec):
    """libaom at speed 4, tuned for SSIM (libavif's own choice for stills starts at twice the rate), one thread."""

    format = "AVIF"
    magic = b"ftyp"
    magic_at = 4

    def save_options(self, height: int, width: int) -> dict[str, Any]:
        return {
            **self.setting,
            "subsampling": "4:2:0",
            "speed": 4,
            "codec": "aom",
            "max_threads": 1,
            "autotiling": False,
            "advanced": {"tune": "ssim"},
        }

    def strip(self, native: bytes, template: bytes) -> bytes:
        data = item_data(native)
        return data[_frame_at(data) :]

    def restore(self, coded: bytes, template: bytes, height: int, width: int) -> bytes:
        data = item_data(template)
        size = len(coded)
        varint = bytearray()
        while size > 127:
            varint.append(size & 127 | 128)
            size >>= 7
        varint.append(size)
        return with_item_data(template, data[: _sequence_end(data)] + bytes([FRAME]) + varint + coded)

    def _library(self) -> str:
        return f"libavif {library_version('module', 'avif')}"


def _sequence_end(data: bytes) -> int:
    """Length of the temporal delimiter and the sequence header that open the data."""
    if len(data) < 6 or data[:3] != b"\x12\x00\x0a" or data[3] > 127:
        raise ValueError("the AV1 data do not open with a delimiter and a sequence header")
    return 4 + data[3]


def _frame_at(data: bytes) -> int:
    """Where the frame's content starts; the frame must be the one and last unit."""
    at = _sequence_end(data)
    if data[at] != FRAME:
        raise ValueError("no single frame follows the sequence header")
    size, shift = 0, 0
    while True:
        at += 1
        size |= (data[at] & 127) << shift
        shift += 7
        if data[at] < 128:
            break
    if at + 1 + size != len(data):
        raise ValueError("more than one unit")
    return at + 1
