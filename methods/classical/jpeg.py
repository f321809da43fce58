"""Baseline JPEG: the section holds the scan, and before it the Huffman tables where they were optimised."""

from __future__ import annotations

from typing import Any

from methods.classical.codec import ClassicalCodec, library_version

TABLES = (0x00, 0x10, 0x01, 0x11)
"""Class and number of libjpeg's Huffman tables, in the order in which it writes them."""

EOI = b"\xff\xd9"


class JpegCodec(ClassicalCodec):
    """libjpeg-turbo with 4:2:0 chroma; optimised tables at low rates, where they save more than they weigh."""

    format = "JPEG"
    magic = b"\xff\xd8\xff"

    def save_options(self, height: int, width: int) -> dict[str, Any]:
        return {**self.setting, "subsampling": "4:2:0"}

    def strip(self, native: bytes, template: bytes) -> bytes:
        start, tables, end = _parts(native)
        scan = native[end:].removesuffix(EOI)
        return b"".join(tables) + scan if self.setting["optimize"] else scan

    def restore(self, coded: bytes, template: bytes, height: int, width: int) -> bytes:
        start, tables, end = _parts(template)
        if self.setting["optimize"]:
            tables, at = [], 0
            for _ in TABLES:
                size = 16 + sum(coded[at : at + 16])
                tables.append(coded[at : at + size])
                at += size
            if at > len(coded):
                raise ValueError("the Huffman tables are incomplete")
            coded = coded[at:]
        huffman = b"".join(
            b"\xff\xc4" + (3 + len(body)).to_bytes(2, "big") + bytes([name]) + body
            for name, body in zip(TABLES, tables, strict=True)
        )
        scan_header = template[template.index(b"\xff\xda") : end]
        return template[:start] + huffman + scan_header + coded + EOI

    def _library(self) -> str:
        return f"libjpeg-turbo {library_version('feature', 'libjpeg_turbo')}"


def _parts(native: bytes) -> tuple[int, list[bytes], int]:
    """Where the Huffman segments start, the tables in them, and where the scan's data start."""
    at, start, tables = 2, 0, []
    while native[at + 1] != 0xDA:
        size = int.from_bytes(native[at + 2 : at + 4], "big")
        if native[at + 1] == 0xC4:
            start = start or at
            tables.append(native[at + 5 : at + 2 + size])
        at += 2 + size
    if len(tables) != len(TABLES):
        raise ValueError("not four Huffman tables")
    return start, tables, at + 2 + int.from_bytes(native[at + 2 : at + 4], "big")
