"""Networks whose weights are not here, computed with stand-ins and compared with the reference libraries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.errors import BenchError
from bench.metrics import distances, inception, perceptual, score_pairs, segmentation
from bench.metrics.engine import Engine
from bench.metrics.pyiqa_adapter import library_dists

from .conftest import blurred, pictures


def _reference_lpips(net: str, file: Path) -> torch.nn.Module:
    """lpips' own network and forward pass, given the same backbone."""
    import lpips

    model = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    state = torch.load(file)
    for key, value in model.net.state_dict().items():
        value.copy_(state["features." + key.split(".", 1)[1]])
    return model


@pytest.mark.parametrize(("net", "file"), [("alex", "alexnet-owt-7be5be79.pth"), ("vgg", "vgg16-397923af.pth")])
def test_lpips_equals_the_library(stand_ins: Path, net: str, file: str) -> None:
    orig = pictures(2, 96, 128)
    recon = blurred(orig)
    names = [f"lpips_{net}"] + (["lpips_vgg_01"] if net == "vgg" else [])
    ours = score_pairs(recon, orig, names)
    model = _reference_lpips(net, stand_ins / file)
    with torch.no_grad():
        for name in names:
            scale, shift = (255.0, 0.0) if name.endswith("_01") else (127.5, 1.0)
            theirs = model(recon.float() / scale - shift, orig.float() / scale - shift).flatten().double()
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


def test_inception_features_equal_clean_fid(stand_ins: Path, tmp_path: Path) -> None:
    from cleanfid.fid import get_files_features
    from cleanfid.inception_torchscript import InceptionV3W
    from PIL import Image

    orig = pictures(3)
    files = []
    for index, picture in enumerate(orig):
        files.append(str(tmp_path / f"{index}.png"))
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(files[-1])
    model = InceptionV3W(str(stand_ins), download=False)
    theirs = get_files_features(files, model=model, num_workers=0, device=torch.device("cpu"), verbose=False)
    ours = inception.Inception(stand_ins / "inception-2015-12-05.pt").features(orig)
    np.testing.assert_allclose(ours.detach().numpy(), theirs, rtol=1e-4, atol=1e-5)


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


def test_miou_equals_a_plain_count(stand_ins: Path) -> None:
    from transformers import SegformerForSemanticSegmentation

    orig = pictures(2, 64, 96)
    recon = blurred(orig)
    model = SegformerForSemanticSegmentation.from_pretrained(stand_ins / "segformer").eval()
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    maps = []
    with torch.no_grad():
        for picture in (recon, orig):
            logits = model((picture / 255 - mean) / std).logits
            maps.append(torch.nn.functional.interpolate(logits, (64, 96), mode="bilinear").argmax(1))
    ious = []
    for label in range(5):
        first, second = maps[0] == label, maps[1] == label
        if (first | second).any():
            ious.append(((first & second).sum() / (first | second).sum()).item())
    assert score_pairs(recon, orig, ["miou"])["miou"].item() == pytest.approx(np.mean(ious), abs=1e-6)
    assert score_pairs(orig, orig, ["miou"])["miou"].item() == 1.0


def test_miou_is_skipped_where_the_dataset_has_its_own_labels(stand_ins: Path) -> None:
    orig = pictures(1, 64, 96)
    engine = Engine(["miou"])
    engine.update(orig, orig, ["a"], labels=torch.zeros(1, 64, 96, dtype=torch.uint8))
    assert engine.finish() == ({}, {})
    assert engine.statuses == {"miou": "skipped"}


def test_mean_iou_by_hand() -> None:
    assert segmentation.mean_iou(np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])) == pytest.approx((3 / 4 + 4 / 5) / 2)


def test_a_backbone_that_lacks_a_layer_is_refused(stand_ins: Path, tmp_path: Path) -> None:
    state = torch.load(stand_ins / "alexnet-owt-7be5be79.pth")
    del state["features.3.weight"]
    torch.save(state, tmp_path / "broken.pth")
    with pytest.raises(BenchError, match=r"lacks features.3.weight"):
        perceptual.Lpips("alex", tmp_path / "broken.pth")


def test_a_segformer_that_lacks_weights_is_refused(stand_ins: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    (tmp_path / "config.json").write_text((stand_ins / "segformer" / "config.json").read_text())
    state = load_file(stand_ins / "segformer" / "model.safetensors")
    del state["decode_head.classifier.weight"]
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BenchError, match="lacks weights"):
        segmentation.Segmenter(tmp_path)
