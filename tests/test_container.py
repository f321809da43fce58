"""The container: its length, its round trip, and that no damage passes."""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import replace

import numpy as np
import pytest

from bench.codec import CodecInfo, Payload, RatePoint
from bench.container import pack, registered, unpack
from bench.errors import BenchError, BitstreamError

RATES = tuple(RatePoint(f"r{i + 1}", i) for i in range(6))
ONE = CodecInfo("one", codec_id=99, rates=RATES)
TWO = CodecInfo("two", variant="v", codec_id=0, rates=RATES, sections=("z", "latent"))


def _sealed(body: bytes) -> bytes:
    return body + crc_hqx(body, 0xFFFF).to_bytes(2, "big")


def test_one_section_costs_eight_bytes_at_128x256() -> None:
    data = pack(ONE, RATES[2], Payload({"latent": b"abc"}), 128, 256)
    assert len(data) == 8 + 3
    assert data[:6] == bytes([0x11, 99, 2, 127, 255, 1])


NONE = CodecInfo("none", codec_id=98, rates=RATES, sections=())


@pytest.mark.parametrize("info", [ONE, TWO, NONE])
@pytest.mark.parametrize("size", [(16, 16), (128, 256), (375, 1242), (65536, 1)])
def test_round_trip(info: CodecInfo, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for length in (0, 1, 127, 128, 40_000):
        payload = Payload({name: rng.bytes(length + i) for i, name in enumerate(info.sections)})
        found = unpack(pack(info, RATES[5], payload, *size), info)
        assert (found.rate_index, found.height, found.width) == (5, *size)
        assert found.payload.sections == payload.sections
        assert found.rate == RATES[5] and found.name == info.full_name and found.codec_id == info.codec_id


def test_every_single_byte_change_and_every_cut_is_found() -> None:
    data = pack(TWO, RATES[1], Payload({"z": b"12", "latent": b"pixels"}), 128, 256)
    for at in range(len(data)):
        for change in range(1, 256):
            bad = data[:at] + bytes([data[at] ^ change]) + data[at + 1 :]
            with pytest.raises(BitstreamError):
                unpack(bad, TWO)
        with pytest.raises(BitstreamError):
            unpack(data[:at], TWO)


def test_damage_under_a_valid_checksum_is_an_error_or_a_payload() -> None:
    rng = np.random.default_rng(1)
    body = pack(TWO, RATES[1], Payload({"z": b"12", "latent": b"pixels"}), 128, 256)[:-2]
    for _ in range(3000):
        bad = bytearray(body[: int(rng.integers(6, len(body) + 1))])
        for at in rng.integers(0, len(bad), 2):
            bad[at] = int(rng.integers(0, 256))
        try:
            found = unpack(_sealed(bytes(bad)), TWO)
        except BitstreamError:
            continue
        assert found.rate_index < 6 and 1 <= found.height <= 65536


def test_foreign_and_unknown_codecs_are_refused() -> None:
    payload = Payload({"latent": b""})
    data = pack(ONE, RATES[0], payload, 128, 256)
    with pytest.raises(BitstreamError, match="not written by two:v"):
        unpack(data, TWO)
    with pytest.raises(BitstreamError, match="codec 99"):
        unpack(data)
    plug_in = replace(ONE, codec_id=0, name="nobody-has-this")
    with pytest.raises(BitstreamError, match="nobody-has-this:base/small"):
        unpack(pack(plug_in, RATES[0], payload, 128, 256))


def test_a_file_never_has_a_module_imported() -> None:
    intruder = replace(ONE, codec_id=0, name="tests.no_such_module")
    with pytest.raises(BitstreamError, match="not installed here"):
        unpack(pack(intruder, RATES[0], Payload({"latent": b""}), 128, 256))


def test_bytes_behind_a_codec_without_sections_are_damage() -> None:
    data = pack(NONE, RATES[0], Payload({}), 128, 256)
    assert len(data) == 8 and unpack(data, NONE).payload.bits == 0
    with pytest.raises(BitstreamError, match="sends nothing"):
        unpack(_sealed(data[:-2] + b"x"), NONE)


def test_undeclared_sections_and_sizes_are_refused() -> None:
    with pytest.raises(BenchError, match="declares the sections latent"):
        pack(ONE, RATES[0], Payload({"y": b""}), 128, 256)
    with pytest.raises(BenchError, match="70000"):
        pack(ONE, RATES[0], Payload({"latent": b""}), 128, 70_000)


def test_identifiers_are_unique() -> None:
    infos = [info for info in registered() if info.codec_id]
    assert len({info.codec_id for info in infos}) == len(infos)
    assert all(info.codec_id < 128 for info in infos)
