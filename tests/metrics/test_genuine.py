"""Metrics whose genuine weights are here: known values, reference code, and the refusal of the wrong input range."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.errors import BenchError
from bench.metrics import niqe, perceptual, pyiqa_adapter, score_pairs
from bench.metrics.engine import Engine
from bench.metrics.precision.references import library_lpips, squeeze_features

from .conftest import blurred, pictures

KNOWN = (0.27211, 0.21095, 0.28736, 0.27625)
KNOWN_UNIT_RANGE = (0.21188, 0.16162, 0.24941, 0.20882)


def _photographs(shared: Path, count: int) -> Tensor:
    from PIL import Image

    files = sorted((shared / "data" / "kitti-mini" / "test" / "left").iterdir())[:count]
    return torch.stack([torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1) for file in files])


@pytest.mark.parametrize(("unit_range", "expected"), [(False, KNOWN), (True, KNOWN_UNIT_RANGE)])
def test_lpips_squeeze_gives_the_known_values(
    shared: Path, genuine: Path, unit_range: bool, expected: tuple[float, ...]
) -> None:
    orig = _photographs(shared, 4).float()
    small = torch.nn.functional.avg_pool2d(orig, 4)
    recon = small.repeat_interleave(4, 2).repeat_interleave(4, 3)
    with torch.inference_mode():
        network = perceptual.load("squeeze", "lpips_squeeze")
        values = network.distance(network.features(recon, unit_range), network.features(orig, unit_range))
    assert values.tolist() == pytest.approx(expected, abs=1e-4)


def test_lpips_squeeze_equals_the_library_on_bytes(genuine: Path) -> None:
    orig = pictures(3)
    recon = blurred(orig)
    theirs = library_lpips("squeeze")(recon, orig).flatten().double()
    torch.testing.assert_close(score_pairs(recon, orig, ["lpips_squeeze"])["lpips_squeeze"], theirs, rtol=0, atol=1e-6)
    assert score_pairs(orig, orig, ["lpips_squeeze"])["lpips_squeeze"].abs().max() == 0


def test_the_self_check_refuses_another_input_range(genuine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = perceptual.Lpips.features
    monkeypatch.setattr(perceptual.Lpips, "features", lambda self, picture, unit=False: right(self, picture, True))
    with pytest.raises(BenchError, match="reference pair"):
        perceptual.load("squeeze", "lpips_squeeze")


def test_pooled_features_are_torchvisions(genuine: Path) -> None:
    picture = pictures(2)
    with torch.inference_mode():
        ours = perceptual.pooled(perceptual.load("squeeze", "fd_squeeze").features(picture))
    theirs = torch.from_numpy(squeeze_features(picture))
    assert ours.shape == (2, 512)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(128, 256), (200, 300)])
def test_niqe_equals_pyiqa(genuine: Path, size: tuple[int, int]) -> None:
    orig = pictures(3, *size)
    theirs = pyiqa_adapter.library_niqe(genuine / "niqe_pris_params.npz")(orig, orig)
    ours = score_pairs(orig, orig, ["niqe"])["niqe"]
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=0)


def test_niqe_pooled_fits_one_model_over_all_blocks(genuine: Path) -> None:
    orig = pictures(4)
    recon = blurred(orig)
    engine = Engine(["niqe", "niqe_pooled"])
    engine.update(recon, orig, list("abcd"))
    items, values = engine.finish()
    pristine = niqe.Pristine(genuine / "niqe_pris_params.npz")
    blocks = pyiqa_adapter.niqe_features(recon).reshape(8, 36).numpy()
    assert values["niqe_pooled"] == pytest.approx(pristine.distance(blocks), rel=1e-9)
    assert values["niqe_pooled"] < items["niqe"].mean()  # two samples cannot span 36 dimensions
    plain = score_pairs(orig, orig, ["niqe"])["niqe"].numpy()
    assert values["niqe_originals"] == pytest.approx(plain.mean(), rel=1e-9)
    assert values["niqe_pooled_originals"] != values["niqe_pooled"]


def test_a_grey_reconstruction_has_no_niqe_and_says_so(genuine: Path) -> None:
    orig = pictures(2)
    engine = Engine(["niqe"])
    engine.update(torch.full_like(orig, 128), orig, ["a", "b"])
    items, values = engine.finish()
    assert engine.statuses["niqe"] == "skipped" and "2 of 2" in engine.reasons["niqe"]
    assert np.isnan(items["niqe"]).all() and values["niqe_originals"] > 0


def test_frechet_squeeze_of_a_set_with_itself(genuine: Path) -> None:
    orig = pictures(5)
    values = score_pairs(orig, orig, ["fd_squeeze", "kd_squeeze"])
    assert abs(values["fd_squeeze"].item()) < 1e-6
    assert values["kd_squeeze"].item() < 0  # unbiased: below zero where the sets are one


def test_dists_alpha_and_beta_are_the_file_that_pyiqa_asks_for(genuine: Path) -> None:
    own = perceptual.read_state(genuine / "dists_alpha_beta.pt")
    assert {key: tuple(value.shape) for key, value in own.items()} == {
        "alpha": (1, 1475, 1, 1),
        "beta": (1, 1475, 1, 1),
    }
