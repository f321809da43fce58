"""JPEG 2000: the section holds the one tile's packets; headers and end marker come from the template."""

from __future__ import annotations

from typing import Any

from methods.classical.codec import ClassicalCodec, library_version

START_OF_TILE, START_OF_DATA, END = b"\xff\x90\x00\x0a", b"\xff\x93", b"\xff\xd9"


class Jpeg2000Codec(ClassicalCodec):
    """OpenJPEG, irreversible 9/7 wavelet and colour transform, one layer at a fixed compression ratio."""

    format = "JPEG2000"
    magic = b"\xff\x4f\xff\x51"

    def save_options(self, height: int, width: int) -> dict[str, Any]:
        return {
            "no_jp2": True,
            "quality_mode": "rates",
            "quality_layers": [self.setting["ratio"]],
            "irreversible": True,
            "mct": 1,
            "num_resolutions": min(6, min(height, width).bit_length()),
        }

    def strip(self, native: bytes, template: bytes) -> bytes:
        return native[_data_at(native) :].removesuffix(END)

    def restore(self, coded: bytes, template: bytes, height: int, width: int) -> bytes:
        data_at = _data_at(template)
        tile_at = template.index(START_OF_TILE)
        # The tile's length counts from its own marker and stands after the tile's number.
        length = (data_at - tile_at + len(coded)).to_bytes(4, "big")
        return template[: tile_at + 6] + length + template[tile_at + 10 : data_at] + coded + END

    def _library(self) -> str:
        return f"OpenJPEG {library_version('codec', 'jpg_2000')}"


def _data_at(native: bytes) -> int:
    return native.index(START_OF_DATA, native.index(START_OF_TILE)) + 2
