"""mIoU against another network's view of the original, and against the renderer's labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from bench.cli import main as cli
from bench.data import open_pairs
from bench.data.synthdrive import CLASSES
from bench.errors import BenchError, MissingWeights
from bench.metrics import score_pairs, segmentation, weights
from bench.metrics.engine import Engine
from bench.metrics.streets.network import StreetNet, load
from bench.results import load as load_results

from .conftest import blurred, pictures


def _ious(right: np.ndarray, seen: np.ndarray, classes: int) -> list[float]:
    """Written out: intersection over union of the classes that occur."""
    both = [(right == label, seen == label) for label in range(classes)]
    return [(a & b).sum() / (a | b).sum() for a, b in both if (a | b).any()]


def test_agreement_equals_a_plain_count(stand_ins: Path) -> None:
    from transformers import SegformerForSemanticSegmentation

    orig = pictures(2, 64, 96)
    recon = blurred(orig)
    model = SegformerForSemanticSegmentation.from_pretrained(stand_ins / "segformer").eval()
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    maps = []
    with torch.no_grad():
        for picture in (orig, recon):
            logits = model((picture / 255 - mean) / std).logits
            maps.append(torch.nn.functional.interpolate(logits, (64, 96), mode="bilinear").argmax(1).numpy())
    expected = np.mean(_ious(*maps, 5))
    assert 0 < expected < 1
    assert score_pairs(recon, orig, ["miou"])["miou"].item() == pytest.approx(expected, abs=1e-6)
    assert score_pairs(orig, orig, ["miou"])["miou"].item() == 1.0


def test_a_users_segformer_takes_the_place_of_the_default(
    stand_ins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    torch.manual_seed(3)
    config = SegformerConfig(num_labels=7, depths=[1] * 4, hidden_sizes=[8, 16, 24, 32], decoder_hidden_size=16)
    SegformerForSemanticSegmentation(config).save_pretrained(tmp_path / "mine")
    monkeypatch.setenv("BENCH_SEGFORMER", "")
    weights.use_segformer(str(tmp_path / "mine"))
    engine = Engine(["miou"])
    assert engine._scorers[0][0].network.classes == 7  # type: ignore[attr-defined]
    assert engine.provenance()["segformer"] == weights.digest("segformer")


def test_a_segformer_of_the_hub_is_looked_for_under_its_own_name(
    stand_ins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_SEGFORMER", "")
    weights.use_segformer("somebody/segformer-b0")
    with pytest.raises(MissingWeights, match=r"bench fetch segformer --segformer somebody/segformer-b0"):
        score_pairs(pictures(1), pictures(1), ["miou"])
    (stand_ins / "segformer").rename(stand_ins / "somebody--segformer-b0")
    try:
        assert score_pairs(pictures(1), pictures(1), ["miou"])["miou"] == 1.0
    finally:
        (stand_ins / "somebody--segformer-b0").rename(stand_ins / "segformer")


def test_neither_folder_nor_name_is_refused(tmp_path: Path) -> None:
    for choice in (str(tmp_path), "plain", "a/b/c"):
        with pytest.raises(BenchError, match="neither a folder with a config.json nor a name of the hub"):
            weights.use_segformer(choice)


def test_without_a_segformer_unlabelled_data_have_no_weights() -> None:
    engine = Engine(["miou"])
    assert engine.statuses == {"miou": "no-weights"}
    assert "run 'bench fetch segformer'" in engine.reasons["miou"]


def test_a_segformer_that_lacks_weights_is_refused(stand_ins: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    (tmp_path / "config.json").write_text((stand_ins / "segformer" / "config.json").read_text())
    state = load_file(stand_ins / "segformer" / "model.safetensors")
    del state["decode_head.classifier.weight"]
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BenchError, match="lacks weights"):
        segmentation.Segformer(tmp_path)


def test_labels_are_right_where_there_are_any() -> None:
    pairs = open_pairs("synthdrive:check8")
    orig, labels = pairs.batch([0, 1, 2])[0], pairs.labels([0, 1, 2])
    assert labels is not None
    recon = blurred(orig)
    engine = Engine(["miou", "psnr"])
    assert engine.statuses["miou"] == "no-weights"  # of a SegFormer, which labels make needless
    for part in (slice(0, 2), slice(2, 3)):
        engine.update(recon[part], orig[part], ["a", "b", "c"][part], labels=labels[part])
    values = engine.finish()[1]
    assert engine.statuses == {"miou": "ok", "psnr": "ok"} and engine.reasons == {}
    assert list(engine.provenance()) == ["street_segmenter"]
    network = load(weights.require("street_segmenter", "miou"))
    with torch.inference_mode():
        seen = [torch.cat([network(p[None].float()).argmax(1) for p in some]).numpy() for some in (recon, orig)]
    for name, classes in zip(("miou", "miou_originals"), seen, strict=True):
        assert values[name] == pytest.approx(np.mean(_ious(labels.numpy(), classes, len(CLASSES))), abs=1e-9)
    assert values["miou_originals"] > values["miou"]
    engine.reset()
    assert engine.statuses["miou"] == "no-weights"


def test_labels_must_fit() -> None:
    orig = pictures(2, 64, 96)
    labels = torch.zeros(2, 64, 96, dtype=torch.uint8)
    for wrong, message in ((labels.long(), "must be uint8"), (labels[:1], "must be uint8"), (labels + 11, "label 11")):
        with pytest.raises(BenchError, match=message):
            Engine(["miou"]).update(orig, orig, ["a", "b"], labels=wrong)
    engine = Engine(["miou"])
    engine.update(orig[:1], orig[:1], ["a"], labels=labels[:1])
    with pytest.raises(BenchError, match="score them apart"):
        engine.update(orig[1:], orig[1:], ["b"])


def test_the_shipped_network_is_small_and_reaches_what_its_card_says() -> None:
    path = weights.require("street_segmenter", "miou")
    assert path.parent == weights.SHIPPED and path.stat().st_size <= 1_000_000
    card = (weights.SHIPPED / "README.md").read_text()
    pairs = open_pairs("synthdrive:check8")
    orig, labels = pairs.batch(range(8))[0], pairs.labels(range(8))
    engine = Engine(["miou"])
    engine.update(orig, orig, [str(index) for index in range(8)], labels=labels)
    values = engine.finish()[1]
    assert values["miou"] == values["miou_originals"]
    stated = next(line for line in card.splitlines() if "`synthdrive:check8`" in line)
    assert f"{values['miou']:.3f}" in stated


def test_sizes_that_the_network_does_not_divide_are_padded() -> None:
    network = segmentation.Streets(weights.require("street_segmenter", "miou"))
    picture = pictures(1, 64, 96)
    with torch.inference_mode():
        whole, cut = network.labels(picture), network.labels(picture[..., :50, :90])
    assert cut.shape == (1, 50, 90)
    assert (whole[..., :40, :80] == cut[..., :40, :80]).float().mean() > 0.8
    assert StreetNet()(torch.zeros(1, 3, 32, 64)).shape == (1, len(CLASSES), 32, 64)


def test_mean_iou_by_hand() -> None:
    counts = np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])
    assert segmentation.mean_iou(counts) == pytest.approx((3 / 4 + 4 / 5) / 2)
    assert np.isnan(segmentation.ious(counts)[2])
    right, seen = torch.tensor([[0, 1], [2, 1]]), torch.tensor([[0, 1], [1, 1]])
    assert segmentation.confusion(right, seen, 3).tolist() == [[1, 0, 0], [0, 2, 0], [0, 1, 0]]


def test_run_shows_miou_of_labels(tmp_path: Path) -> None:
    words = ["run", "--method", "copy-y,grey", "--dataset", "synthdrive:check8", "--metrics", "psnr,miou"]
    done = CliRunner().invoke(cli.cli, [*words, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "no-weights" not in done.output and "fetch" not in done.output
    rows = load_results(tmp_path, "set").set_index("method")
    assert 0 < rows["miou"]["grey"] < rows["miou"]["copy-y"] < rows["miou_originals"]["copy-y"] < 1
    again = CliRunner().invoke(cli.cli, [*words, "--out", str(tmp_path)])
    assert again.exit_code == 0 and "cached" in again.output
