"""Lossy WebP: the section holds the VP8 frame without its start code and size."""

from __future__ import annotations

from typing import Any

from methods.classical.codec import ClassicalCodec, library_version

START_CODE = b"\x9d\x01\x2a"


class WebpCodec(ClassicalCodec):
    """libwebp at its slowest method. VP8 keeps 4:2:0 chroma."""

    format = "WEBP"
    magic = b"RIFF"

    def save_options(self, height: int, width: int) -> dict[str, Any]:
        return {**self.setting, "method": 6}

    def strip(self, native: bytes, template: bytes) -> bytes:
        if native[12:16] != b"VP8 ":
            raise ValueError("not a plain lossy file")
        size = int.from_bytes(native[16:20], "little")
        return native[20:23] + native[30 : 20 + size]

    def restore(self, coded: bytes, template: bytes, height: int, width: int) -> bytes:
        sides = width.to_bytes(2, "little") + height.to_bytes(2, "little")
        frame = coded[:3] + START_CODE + sides + coded[3:]
        padding = b"\0" * (len(frame) % 2)
        body = b"WEBPVP8 " + len(frame).to_bytes(4, "little") + frame + padding
        return b"RIFF" + len(body).to_bytes(4, "little") + body

    def _library(self) -> str:
        return f"libwebp {library_version('module', 'webp')}"
