"""PSNR by hand, SSIM and MS-SSIM against their formulas in numpy, beta and rho on built patches."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d

from bench.metrics import pixels, score_pairs
from bench.metrics.engine import Engine

from .conftest import blurred, pictures


def _gauss(taps: int) -> np.ndarray:
    offset = np.arange(taps) - taps // 2
    window = np.exp(-(offset**2) / (2 * 1.5**2))
    return window / window.sum()


def _filtered(x: np.ndarray, taps: int, valid: bool) -> np.ndarray:
    for axis in (-1, -2):
        x = correlate1d(x, _gauss(taps), axis=axis, mode="mirror")
    margin = taps // 2
    return x[..., margin:-margin, margin:-margin] if valid else x


def _maps(a: np.ndarray, b: np.ndarray, taps: int, valid: bool) -> tuple[np.ndarray, np.ndarray]:
    mu_a, mu_b = _filtered(a, taps, valid), _filtered(b, taps, valid)
    var_a = _filtered(a * a, taps, valid) - mu_a**2
    var_b = _filtered(b * b, taps, valid) - mu_b**2
    both = _filtered(a * b, taps, valid) - mu_a * mu_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    contrast = (2 * both + c2) / (var_a + var_b + c2)
    return (2 * mu_a * mu_b + c1) / (mu_a**2 + mu_b**2 + c1) * contrast, contrast


def test_psnr_of_two_pictures_by_hand() -> None:
    orig = torch.full((2, 3, 16, 16), 100, dtype=torch.uint8)
    recon = orig.clone()
    recon[0] += 1
    recon[1] += 10
    engine = Engine(["psnr", "psnr_pooled"])
    engine.update(recon, orig, ["a", "b"])
    items, values = engine.finish()
    assert items["psnr"].tolist() == pytest.approx([48.130804, 28.130804], abs=1e-6)
    assert values["psnr_pooled"] == pytest.approx(10 * math.log10(255**2 / 50.5), abs=1e-9)
    assert values["psnr_identical"] == 0


def test_identical_pictures_clip_and_are_counted() -> None:
    orig = pictures(3)
    recon = orig.clone()
    recon[1, 0, 0, 0] ^= 1
    engine = Engine(["psnr", "psnr_pooled", "ms_ssim", "ms_ssim_db", "ssim"])
    engine.update(recon, orig, ["a", "b", "c"])
    items, values = engine.finish()
    assert items["psnr"][[0, 2]].tolist() == [100.0, 100.0] and 90 < items["psnr"][1] < 100
    assert values["psnr_identical"] == 2
    assert items["ms_ssim"][0] == 1.0 and items["ms_ssim_db"][0] == 100.0 and items["ssim"][0] == 1.0


@pytest.mark.parametrize("size", [(128, 256), (97, 131)])
def test_ms_ssim_is_the_seven_tap_valid_definition(size: tuple[int, int]) -> None:
    orig = pictures(2, *size)
    recon = blurred(torch.nn.functional.pad(orig, (0, 3, 0, 3)))[..., : size[0], : size[1]]
    expected = []
    for first, second in zip(recon.double().numpy(), orig.double().numpy(), strict=True):
        value, weights = 1.0, (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
        for level, weight in enumerate(weights):
            whole, contrast = _maps(first, second, 7, valid=True)
            part = whole if level == 4 else contrast
            value = value * part.mean((1, 2)).clip(0) ** weight
            halves = [torch.from_numpy(p) for p in (first, second)]
            odd = [s % 2 for s in first.shape[1:]]
            first, second = (torch.nn.functional.avg_pool2d(p[None], 2, padding=odd)[0].numpy() for p in halves)
        expected.append(value.mean())
    values = score_pairs(recon, orig, ["ms_ssim", "ms_ssim_db"])
    assert values["ms_ssim"].tolist() == pytest.approx(expected, abs=1e-6)
    assert values["ms_ssim_db"].tolist() == pytest.approx([-10 * math.log10(1 - v) for v in expected], abs=1e-4)


def test_ssim_is_the_eleven_tap_definition() -> None:
    orig = pictures(2)
    recon = blurred(orig)
    both = zip(recon.double().numpy(), orig.double().numpy(), strict=True)
    expected = [_maps(first, second, 11, valid=False)[0].mean() for first, second in both]
    ours = score_pairs(recon, orig, ["ssim"])["ssim"]
    assert ours.tolist() == pytest.approx(expected, abs=1e-6)
    from torchmetrics.functional.image import structural_similarity_index_measure as reference

    theirs = reference(recon[:1].double(), orig[:1].double(), data_range=255.0, reduction="none")
    assert ours[0].item() == pytest.approx(theirs.item(), abs=1e-6)


def test_beta_and_rho_of_built_patches() -> None:
    wave = torch.zeros(8, 8)
    wave[:, ::2] = 1
    across = wave.T
    orig = (100 + 40 * wave).expand(1, 3, 8, 8).to(torch.uint8)
    half = (110 + 20 * wave).expand(1, 3, 8, 8).to(torch.uint8)
    other = (100 + 40 * across).expand(1, 3, 8, 8).to(torch.uint8)
    grey = torch.full_like(orig, 128)
    for recon, beta, rho in ((half, 0.5, 1.0), (other, 1.0, 0.0), (grey, 0.0, 0.0), (240 - half, 0.5, -1.0)):
        values = score_pairs(recon, orig, ["beta", "rho"])
        assert values["beta"].item() == pytest.approx(beta, abs=1e-9)
        assert values["rho"].item() == pytest.approx(rho, abs=1e-9)


def test_an_original_without_detail_has_a_status_and_no_silent_nan() -> None:
    flat = torch.full((2, 3, 16, 16), 7, dtype=torch.uint8)
    orig = torch.cat([flat[:1], pictures(1, 16, 16)])
    engine = Engine(["beta", "psnr"])
    engine.update(flat, orig, ["a", "b"])
    items, _ = engine.finish()
    assert engine.statuses == {"psnr": "ok", "beta": "skipped"}
    assert "1 of 2" in engine.reasons["beta"]
    assert np.isnan(items["beta"][0]) and items["beta"][1] == 0.0


def test_pooled_beta_weighs_pictures_by_their_detail() -> None:
    orig = pictures(2, 32, 32)
    recon = blurred(orig)
    engine = Engine(["beta"])
    engine.update(recon, orig, ["a", "b"])
    items, values = engine.finish()
    sums = pixels.patch_moments(recon, orig).sum(0)
    assert values["beta_pooled"] == pytest.approx(float((sums[0] / sums[1]).sqrt()), rel=1e-12)
    assert min(items["beta"]) <= values["beta_pooled"] <= max(items["beta"])
