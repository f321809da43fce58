"""The picture coders: stripped files come back byte for byte, damage never crashes, rates spread."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from bench.codec import Payload
from bench.errors import BitstreamError
from bench.loading import codec_info, load_codec
from methods.classical.codec import ClassicalCodec

NAMES = ("jpeg", "jpeg2000", "webp", "avif", "heic")
SIZES = ((128, 256), (16, 16), (37, 129), (101, 170))


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    if request.param == "heic":
        pytest.importorskip("pillow_heif")
    return str(request.param)


def _codec(name: str, rate: str) -> ClassicalCodec:
    codec = load_codec(name, rate=rate).prepare()
    assert isinstance(codec, ClassicalCodec)
    return codec


def _pictures(height: int, width: int) -> torch.Tensor:
    """A smooth picture with edges, a noisy one, a grey one and a black one."""
    rows, columns = np.mgrid[0:height, 0:width] / 64.0
    rng = np.random.default_rng(height)
    smooth = np.stack([127 + 90 * np.sin(rows * 3 + c) * np.cos(columns * 2) for c in range(3)])
    smooth[:, height // 3 : height // 2, width // 4 :] = [[[200]], [[40]], [[90]]]
    noisy = rng.uniform(0, 255, (3, height, width))
    pictures = np.stack([smooth, noisy, np.full_like(smooth, 128), np.zeros_like(smooth)])
    return torch.from_numpy(pictures.round().astype(np.uint8))


@pytest.mark.parametrize("size", SIZES)
def test_stripped_data_decode_to_the_native_files_pixels(name: str, size: tuple[int, int]) -> None:
    x = _pictures(*size)
    for rate in ("r1", "r4", "r8"):
        codec = _codec(name, rate)
        payloads = codec.encode(x)
        decoded = _codec(name, rate).decode(payloads, torch.zeros_like(x))
        for picture, payload, seen in zip(x, payloads, decoded, strict=True):
            native = codec._save(Image.fromarray(picture.permute(1, 2, 0).numpy()))
            coded = payload.sections["coded"]
            assert payload.native_bytes == len(native)
            assert codec._file(coded, *size) == native
            assert len(coded) < len(native)
            truth = np.array(Image.open(io.BytesIO(native)).convert("RGB"))
            assert np.array_equal(seen.permute(1, 2, 0).numpy(), truth)


def test_a_file_that_does_not_fit_its_template_is_sent_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    codec = _codec(name, "r3")
    x = _pictures(128, 256)[:1]
    expected = codec.decode(codec.encode(x), x)

    def other(self: ClassicalCodec, native: bytes, template: bytes) -> bytes:
        raise ValueError("another layout")

    monkeypatch.setattr(type(codec), "strip", other)
    payload = codec.encode(x)[0]
    assert payload.bits == 8 * (payload.native_bytes or 0)
    assert torch.equal(codec.decode([payload], x), expected)


def test_damaged_data_give_an_error_or_a_picture(name: str) -> None:
    codec = _codec(name, "r4")
    x = _pictures(128, 256)[:1]
    good = codec.encode(x)[0].sections["coded"]
    rng = np.random.default_rng(0)
    refused = 0
    for trial in range(60):
        bad = bytearray(good[: int(rng.integers(0, len(good)))] if trial % 3 == 0 else good)
        if bad:
            bad[int(rng.integers(0, len(bad)))] = int(rng.integers(0, 256))
        try:
            seen = codec.decode([Payload({"coded": bytes(bad)})], x)
        except BitstreamError:
            refused += 1
            continue
        assert seen.shape == x.shape and seen.dtype == torch.uint8
    with pytest.raises(BitstreamError):
        codec.decode([Payload({"coded": b""})], x)


def test_rates_rise_with_quality(name: str) -> None:
    x = _pictures(128, 256)[:1]
    bits, errors = [], []
    for rate in codec_info(name).rates:
        codec = _codec(name, rate.name)
        payloads = codec.encode(x)
        bits.append(payloads[0].bits)
        errors.append(float(((codec.decode(payloads, x).float() - x.float()) ** 2).mean()))
    assert len(bits) >= 6 and sorted(set(bits)) == bits
    assert errors[-1] < errors[0]


def test_operating_points_on_photographs(name: str, shared) -> None:  # type: ignore[no-untyped-def]
    """Bits per pixel and mean PSNR on real pictures, measured once; a new library version may move them a little."""
    expected = {
        "jpeg": ("r2", 0.195, 22.05),
        "jpeg2000": ("r4", 0.211, 24.16),
        "webp": ("r1", 0.189, 23.69),
        "avif": ("r3", 0.183, 24.80),
        "heic": ("r4", 0.203, 25.12),
    }
    rate, bpp, psnr = expected[name]
    files = sorted((shared / "data/kitti-mini/test/left").iterdir())
    x = torch.stack([torch.from_numpy(np.array(Image.open(f).convert("RGB"))).permute(2, 0, 1) for f in files])
    codec = _codec(name, rate)
    payloads = codec.encode(x)
    mse = ((codec.decode(payloads, x).double() - x.double()) ** 2).mean((1, 2, 3))
    assert np.mean([p.bits for p in payloads]) / 32768 == pytest.approx(bpp, rel=0.05)
    assert float((10 * torch.log10(255**2 / mse)).mean()) == pytest.approx(psnr, abs=0.15)


def test_versions_name_the_library(name: str) -> None:
    version = _codec(name, "r1").encoder_version()
    assert "Pillow" in version and "unknown" not in version and any(c.isdigit() for c in version.split(",")[0])


def test_describing_imports_neither_pillow_nor_torch() -> None:
    code = "import sys, methods.classical; print([m for m in ('PIL', 'torch', 'pillow_heif') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
