"""The perceptual term of a loss: the metric's own distance with gradients, on windows that a seed decides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bench.errors import MissingWeights
from bench.metrics.perceptual import load
from bench.train.loss import add_perceptual, item_losses
from bench.train.perceptual import Perceptual, make
from bench.train.schedule import Schedule
from bench.training import Training

HOW = Training(batch=2, steps=10, perceptual="lpips_squeeze", perceptual_weight=0.25)


@pytest.fixture
def squeeze(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS_DIR", str(shared / "weights"))


def pair() -> tuple[Tensor, Tensor]:
    """Two pictures and what they might be decoded to, uint8 ``(2, 3, 64, 96)``."""
    rng = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, 3, 6, 9, generator=rng)
    x = torch.nn.functional.interpolate(coarse, (64, 96), mode="bicubic").clamp(0, 1).mul(255).round()
    return x.byte(), (x + 30 * torch.randn(x.shape, generator=rng)).clamp(0, 255).round().byte()


def test_distance_is_the_metrics_own(squeeze: None) -> None:
    x, seen = pair()
    metric = load("squeeze", "lpips_squeeze")
    wanted = metric.distance(metric.features(seen), metric.features(x))
    ours = Perceptual("squeeze", "cpu")
    recon = (seen.float() / 255).requires_grad_()
    found = ours(recon, x.float() / 255)
    assert float(wanted.min()) > 0.05 and found.tolist() == pytest.approx(wanted.tolist(), rel=1e-4)
    found.sum().backward()
    assert recon.grad is not None and bool(torch.isfinite(recon.grad).all()) and bool(recon.grad.any())
    assert not any(p.requires_grad for p in ours.model.parameters())


def test_identical_pictures_have_no_distance_and_a_finite_gradient(squeeze: None) -> None:
    picture = (pair()[0].float() / 255).requires_grad_()
    distance = Perceptual("squeeze", "cpu")(picture, picture.detach())
    distance.sum().backward()
    assert distance.tolist() == [0.0, 0.0] and picture.grad is not None and not picture.grad.any()


def test_a_window_is_cut_where_the_seed_says(squeeze: None) -> None:
    x, seen = (part.float() / 255 for part in pair())
    cut, whole = Perceptual("squeeze", "cpu", (64, 40)), Perceptual("squeeze", "cpu")
    torch.manual_seed(3)
    first = cut(seen, x)
    torch.manual_seed(3)
    assert torch.equal(cut(seen, x), first)
    place = [i for i in range(57) if torch.equal(whole(seen[..., i : i + 40], x[..., i : i + 40]), first)]
    assert len(place) == 1


def test_loss_mixes_it_with_the_distortion() -> None:
    x = torch.full((2, 3, 8, 8), 0.5)
    out = {
        "recon": x + 0.1,
        "recon_y": x,
        "bits": torch.zeros(2),
        "bits_y": torch.zeros(2),
        "bits_common": torch.zeros(2),
    }
    found = add_perceptual(out, x, x, lambda recon, picture: (recon - picture).abs().flatten(1).sum(1))
    assert found["perceptual"].tolist() == pytest.approx([19.2, 19.2]) and found["perceptual_y"].tolist() == [0.0, 0.0]
    how = replace(HOW, loss="plain", scale=10.0)
    loss = item_losses(found, x, x, torch.ones(2), how)["loss"]
    assert loss.tolist() == pytest.approx([10 * (0.75 * 0.01 + 0.25 * 19.2)] * 2)
    assert add_perceptual(out, x, x, None) is out


def test_none_is_made_where_the_recipe_has_none(own_folders: Path) -> None:
    assert make(Training(batch=2, steps=1), "cpu") is None
    with pytest.raises(MissingWeights, match="bench fetch squeezenet1_1"):
        make(HOW, "cpu")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"perceptual_weight": 0.0}, "go together"),
        ({"perceptual": "none"}, "go together"),
        ({"perceptual_crop": (3,)}, "perceptual_crop is"),
        ({"schedule": "hold"}, "hold need every"),
        ({"schedule": "hold", "every": 1, "steps": 0}, "hold needs steps"),
    ],
)
def test_recipes_that_contradict_themselves(changes: dict[str, object], fault: str) -> None:
    assert any(fault in found for found in replace(HOW, **changes).faults()) and HOW.faults() == []  # type: ignore[arg-type]


def test_hold_keeps_the_peak_and_falls_to_its_least() -> None:
    how = replace(HOW, schedule="hold", hold=4, every=2, factor=0.5, least=0.2, warmup=1)
    optimiser = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], 3.0)
    optimiser.param_groups[0]["peak"] = 3.0
    schedule, seen = Schedule(how, [optimiser], 100), []
    for step in range(10):
        schedule.before(step)
        seen.append(schedule.factor)
    assert seen == pytest.approx([1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25])
    schedule.before(10)
    assert schedule.factor == pytest.approx(0.2) and schedule.finished(10) and not how.by_epochs
