"""Networks whose weights are not here, computed with stand-ins and compared with the reference libraries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.errors import BenchError
from bench.metrics import distances, inception, perceptual, score_pairs
from bench.metrics.engine import Engine
from bench.metrics.precision.references import clean_features, library_lpips
from bench.metrics.pyiqa_adapter import library_dists

from .conftest import blurred, pictures


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_lpips_equals_the_library(stand_ins: Path, net: str) -> None:
    orig = pictures(2, 96, 128)
    recon = blurred(orig)
    names = [f"lpips_{net}"] + (["lpips_vgg_01"] if net == "vgg" else [])
    ours = score_pairs(recon, orig, names)
    for name in names:
        theirs = library_lpips(net, unit_range=name.endswith("_01"))(recon, orig).flatten().double()
        torch.testing.assert_close(ours[name], theirs, rtol=1e-4, atol=1e-6)
    if net == "vgg":
        assert (ours["lpips_vgg"] - ours["lpips_vgg_01"]).abs().min() > 1e-4


def test_dists_equals_pyiqa(stand_ins: Path) -> None:
    model = library_dists(stand_ins / "vgg16-397923af.pth", stand_ins / "DISTS_weights-f5e65c96.pth")
    orig = pictures(2, 96, 128)
    recon = blurred(orig)
    with torch.no_grad():
        theirs = model(recon, orig).flatten().double()
    torch.testing.assert_close(score_pairs(recon, orig, ["dists"])["dists"], theirs, rtol=1e-4, atol=1e-6)
    assert score_pairs(orig, orig, ["dists"])["dists"].abs().max() < 1e-6


def test_inception_features_equal_clean_fid(stand_ins: Path) -> None:
    orig = pictures(3)
    ours = inception.Inception(stand_ins / "inception-2015-12-05.pt").features(orig)
    np.testing.assert_allclose(ours.detach().numpy(), clean_features(orig), rtol=1e-4, atol=1e-5)


def test_fid_and_kid_go_through_the_engine(stand_ins: Path) -> None:
    orig = pictures(6, 64, 96)
    recon = blurred(orig)
    engine = Engine(["fid", "kid"])
    engine.update(recon, orig, [str(i) for i in range(6)])
    items, values = engine.finish(scenes=["a", "a", "b", "b", "c", "c"])
    network = inception.Inception(stand_ins / "inception-2015-12-05.pt")
    first, second = (network.features(p).detach().numpy() for p in (recon, orig))
    assert items == {}
    assert values["fid"] == pytest.approx(distances.frechet(first, second), rel=1e-6)
    assert values["kid"] == pytest.approx(distances.kernel_distance(first, second), rel=1e-6)
    assert values["kid_jackknife_sd"] > 0
    assert "kid_sub_mean" not in values


def test_a_backbone_that_lacks_a_layer_is_refused(stand_ins: Path, tmp_path: Path) -> None:
    state = torch.load(stand_ins / "alexnet-owt-7be5be79.pth")
    del state["features.3.weight"]
    torch.save(state, tmp_path / "broken.pth")
    with pytest.raises(BenchError, match=r"lacks features.3.weight"):
        perceptual.Lpips("alex", tmp_path / "broken.pth")
