"""The controls: what they show, what they cost, and that the oracle's disparity comes out of its bytes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.codec import Payload
from bench.errors import BenchError, BitstreamError
from bench.loading import codec_info, load_codec
from methods.controls.oracle import decode, encode
from methods.controls.warp import UNIT, row_disparity, warp


def _texture(height: int, width: int) -> torch.Tensor:
    """Smooth random texture, wide enough to shift; uint8 (3, height, width)."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(3, height, width))
    for axis in (1, 2):
        noise = sum(np.roll(noise, k, axis) for k in range(-2, 3))
    return torch.from_numpy(np.clip(noise / noise.std() * 45 + 128, 0, 255).astype(np.uint8))


def _psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(10 * torch.log10(255**2 / ((a.double() - b.double()) ** 2).mean()))


@pytest.mark.parametrize("name", ["copy-y", "grey", "warp-y"])
def test_zero_bit_controls_cost_nothing_and_ignore_x(name: str) -> None:
    y = _texture(40, 72)[None]
    codec = load_codec(name).prepare()
    payloads = codec.encode(torch.zeros_like(y))
    assert [payload.bits for payload in payloads] == [0]
    seen = codec.decode(payloads, y)
    assert seen.dtype == torch.uint8 and seen.shape == y.shape
    if name == "copy-y":
        assert torch.equal(seen, y) and seen.data_ptr() != y.data_ptr()
    if name == "grey":
        assert bool((seen == 128).all())


def test_warp_reads_between_columns() -> None:
    y = torch.tensor([[10, 20, 40, 80]], dtype=torch.uint8)
    assert warp(y, torch.full((1, 4), 10)).tolist() == [[10, 10, 20, 40]]
    assert warp(y, torch.full((1, 4), -10)).tolist() == [[20, 40, 80, 80]]
    assert warp(y, torch.full((1, 4), 5)).tolist() == [[10, 15, 30, 60]]


def test_rows_disparity_scales_with_the_picture() -> None:
    small, large = row_disparity(128, 256), row_disparity(375, 1242)
    assert small.shape == (128, 256) and large.shape == (375, 1242)
    assert small[-1, 0] > small[0, 0] > 0
    assert float(large[374, 0] / small[127, 0]) == pytest.approx(1242 / 256, rel=0.02)


def test_warp_beats_the_copy_on_stereo_pairs(shared) -> None:  # type: ignore[no-untyped-def]
    """On real pairs, x left and y right, as measured: 15.96 dB for the copy, 18.79 for the rows' mean disparity."""
    from PIL import Image

    folder = shared / "data/kitti-mini/test"
    x, y = (
        torch.stack(
            [torch.from_numpy(np.array(Image.open(f).convert("RGB"))).permute(2, 0, 1) for f in sorted(d.iterdir())]
        )
        for d in (folder / "left", folder / "right")
    )
    means = {}
    for name in ("copy-y", "warp-y", "grey"):
        codec = load_codec(name).prepare()
        seen = codec.decode(codec.encode(x), y)
        means[name] = float(np.mean([_psnr(a, b) for a, b in zip(seen, x, strict=True)]))
    assert means["copy-y"] == pytest.approx(15.963, abs=0.01)
    assert means["warp-y"] == pytest.approx(18.79, abs=0.02)
    assert means["grey"] < means["copy-y"]
    other = load_codec("warp-y", x_view="right").prepare()
    assert _psnr(other.decode(other.encode(y), x), y) > _psnr(x, y) + 2
    oracle = load_codec("warp-y:oracle", rate="r2").prepare()
    payloads = oracle.encode(x[:8], y[:8])
    assert _psnr(oracle.decode(payloads, y[:8]), x[:8]) > means["warp-y"] + 3
    assert np.mean([payload.bits for payload in payloads]) / 32768 < 0.08


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("size", [(128, 256), (101, 170)])
def test_the_oracle_finds_a_known_shift(direction: int, size: tuple[int, int]) -> None:
    height, width = size
    scene = _texture(height, width + 32)
    x, y = scene[:, :, 16 : 16 + width], scene[:, :, 16 + 7 * direction : 16 + 7 * direction + width]
    for block in (16, 2):
        disparity = decode(encode(x, y, block), height, width, block)
        assert disparity.shape == size
        inner = disparity[8:-8, 24:-24].float() / UNIT * direction
        assert float((inner - 7).abs().median()) < 0.3


def test_the_oracle_needs_y_and_refuses_damage() -> None:
    x = _texture(128, 256)[None]
    assert codec_info("warp-y:oracle").encoder_sees_y and not codec_info("warp-y").encoder_sees_y
    codec = load_codec("warp-y:oracle", rate="r1").prepare()
    with pytest.raises(BenchError, match="needs the side view"):
        codec.encode(x)
    good = codec.encode(x, x)[0].sections["disparity"]
    rng = np.random.default_rng(0)
    for bad in (b"", good[:-1], good + b"\0", *(rng.bytes(30) for _ in range(50))):
        with pytest.raises(BitstreamError):
            codec.decode([Payload({"disparity": bad})], x)


def test_unknown_view_is_refused() -> None:
    with pytest.raises(BenchError, match="left or right"):
        load_codec("warp-y", x_view="middle").prepare()
