"""HEIC: the section holds the one HEVC slice; boxes and parameter sets come from the template."""

from __future__ import annotations

from typing import Any

from bench.errors import NotInstalled
from methods.classical.boxes import item_data, with_item_data
from methods.classical.codec import ClassicalCodec


class HeicCodec(ClassicalCodec):
    """x265 intra through libheif (GPL; in pillow-heif's wheel), 4:2:0, as BPG does.

    Threading is off: the parameter sets would otherwise depend on the number of cores.
    """

    format = "HEIF"
    magic = b"ftyp"
    magic_at = 4

    def _register(self) -> None:
        try:
            from pillow_heif import register_heif_opener
        except ImportError as error:
            raise NotInstalled("heic needs pillow-heif; install it with pip install 'dic-bench[heic]'.") from error
        register_heif_opener(thumbnails=False)

    def save_options(self, height: int, width: int) -> dict[str, Any]:
        return {
            **self.setting,
            "chroma": 420,
            "enc_params": {"x265:pools": "none", "x265:wpp": "0", "x265:frame-threads": "1"},
        }

    def strip(self, native: bytes, template: bytes) -> bytes:
        data = item_data(native)
        if int.from_bytes(data[:4], "big") != len(data) - 4:
            raise ValueError("more than one unit")
        return data[4:]

    def restore(self, coded: bytes, template: bytes, height: int, width: int) -> bytes:
        return with_item_data(template, len(coded).to_bytes(4, "big") + coded)

    def _library(self) -> str:
        from pillow_heif import __version__, libheif_info

        encoders = libheif_info().get("encoders", {})
        return f"{encoders.get('x265', 'x265')}, pillow-heif {__version__}"
