"""The bitstream container: one compressed picture as a file.

Layout, all integers as LEB128 varints::

    byte 0      version (high four bits) and number of sections (low four bits)
    codec       identifier of (method, variant, preset); 0: length and UTF-8 text ``name:variant/preset`` follow
    rate        index of the rate point
    size        H − 1, W − 1
    lengths     of every section but the last, in the codec's declared order
    sections
    CRC-16      CCITT, start 0xFFFF, big-endian, over everything before it

That is 8 bytes for a shipped codec with one section, or none, at 128×256.
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterator
from dataclasses import dataclass

from bench.codec import CodecInfo, Payload, RatePoint
from bench.errors import BenchError, BitstreamError, UnknownName
from bench.loading import codec_info
from bench.registry import methods

VERSION = 1
MAX_SIDE = 1 << 16
"""Largest height and width that a reader accepts, so that a damaged size cannot exhaust the memory."""


@dataclass(frozen=True)
class Unpacked:
    """What a container holds.

    Attributes:
        info: The codec that wrote it.
        rate_index: Position of the rate point in ``info.rates``.
        height: Rows of the picture.
        width: Columns of the picture.
        payload: The sections under their declared names.
    """

    info: CodecInfo
    rate_index: int
    height: int
    width: int
    payload: Payload

    @property
    def codec_id(self) -> int:
        """Identifier in the container; 0 for a plug-in."""
        return self.info.codec_id

    @property
    def name(self) -> str:
        """``name:variant`` of the codec."""
        return self.info.full_name

    @property
    def rate(self) -> RatePoint:
        """The rate point."""
        return self.info.rates[self.rate_index]


def pack(info: CodecInfo, rate: RatePoint, payload: Payload, height: int, width: int) -> bytes:
    """Write one picture's payload as a file.

    Args:
        info: The codec; its sections give the order.
        rate: The rate point, one of ``info.rates``.
        payload: The sections, exactly those that ``info`` declares.
        height: Rows of the original picture, 1 … 65536.
        width: Columns of the original picture, 1 … 65536.

    Raises:
        BenchError: The payload's sections are not those that the codec declares, or the size is out of range.
    """
    names = info.sections
    if set(payload.sections) != set(names) or len(names) > 15:
        given = ", ".join(payload.sections) or "none"
        declared = ", ".join(names) or "none"
        raise BenchError(f"{info.full_name} declares the sections {declared} (at most 15), but gave {given}.")
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        raise BenchError(f"A picture of {height}x{width} does not fit the container; sides run from 1 to {MAX_SIDE}.")
    blobs = [payload.sections[name] for name in names]
    out = bytearray([VERSION << 4 | len(blobs)])
    out += _varint(info.codec_id)
    if info.codec_id == 0:
        text = f"{info.full_name}/{info.preset}".encode()
        out += _varint(len(text)) + text
    for number in (rate.index, height - 1, width - 1, *(len(blob) for blob in blobs[:-1])):
        out += _varint(number)
    for blob in blobs:
        out += blob
    return bytes(out + crc_hqx(bytes(out), 0xFFFF).to_bytes(2, "big"))


def unpack(data: bytes, info: CodecInfo | None = None) -> Unpacked:
    """Read a file that ``pack`` wrote.

    Args:
        data: The file's bytes.
        info: The codec expected to have written it; None finds it among the registered ones.

    Raises:
        BitstreamError: The file is damaged, of another codec than ``info``, or of a codec that is not registered.
    """
    if len(data) < 7 or crc_hqx(data[:-2], 0xFFFF) != int.from_bytes(data[-2:], "big"):
        raise BitstreamError("The compressed file is truncated or damaged: its checksum does not match.")
    reader = _Reader(data[:-2])
    head = reader.take(1)[0]
    if head >> 4 != VERSION:
        raise BitstreamError(f"The compressed file has container version {head >> 4}; this release reads {VERSION}.")
    codec_id = reader.varint()
    name = reader.text() if codec_id == 0 else ""
    if info is None:
        info = _by_name(name) if codec_id == 0 else _by_id(codec_id)
    elif codec_id != info.codec_id or (codec_id == 0 and name != f"{info.full_name}/{info.preset}"):
        raise BitstreamError(f"The compressed file was not written by {info.full_name} ({info.preset}).")
    rate_index, height, width = reader.varint(), reader.varint() + 1, reader.varint() + 1
    if head & 15 != len(info.sections) or rate_index >= len(info.rates) or max(height, width) > MAX_SIDE:
        raise BitstreamError(f"The compressed file's header does not fit {info.full_name}: it is damaged.")
    lengths = [reader.varint() for _ in info.sections[:-1]]
    blobs = [reader.take(length) for length in lengths]
    if info.sections:
        blobs.append(reader.rest())
    elif reader.rest():
        raise BitstreamError(f"The compressed file is damaged: {info.full_name} sends nothing, but bytes follow.")
    return Unpacked(info, rate_index, height, width, Payload(dict(zip(info.sections, blobs, strict=True))))


def registered() -> Iterator[CodecInfo]:
    """Every (method, variant, preset) of the registry that can be described on this machine."""
    for name in methods:
        try:
            method = methods.get(name)
        except BenchError:
            continue
        for variant in method.variants:
            for preset in method.presets_of(variant):
                yield method.describe(variant, preset)


def _by_id(codec_id: int) -> CodecInfo:
    for info in registered():
        if info.codec_id == codec_id:
            return info
    raise BitstreamError(f"The compressed file names codec {codec_id}, which this release does not know.")


def _by_name(text: str) -> CodecInfo:
    name, _, preset = text.partition("/")
    try:
        if "." in name.partition(":")[0]:  # package.module:Class: no file may have a module imported
            raise UnknownName(f"{name!r} is no registered name.")
        return codec_info(name, preset)
    except UnknownName as error:
        raise BitstreamError(f"The compressed file was written by {text!r}, which is not installed here.") from error


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


class _Reader:
    """Takes fields off the front; running out is damage."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise BitstreamError("The compressed file is damaged: a section runs past its end.")
        self.at += count
        return self.data[self.at - count : self.at]

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)

    def varint(self) -> int:
        number = 0
        for shift in range(0, 35, 7):
            byte = self.take(1)[0]
            number |= (byte & 127) << shift
            if byte < 128:
                return number
        raise BitstreamError("The compressed file is damaged: a number in its header does not end.")

    def text(self) -> str:
        try:
            return self.take(self.varint()).decode()
        except UnicodeDecodeError as error:
            raise BitstreamError("The compressed file is damaged: its codec's name is not text.") from error
