"""Training by epochs: plateau on a validation loss, stairs, the best weights, and resuming in the middle of it all."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.errors import BenchError
from bench.train import loop
from bench.train.batches import take
from bench.train.loop import Job, Trainer
from bench.train.schedule import Schedule
from bench.train.validation import default_sets, validation_losses
from bench.training import Training
from methods.layers.autoencoder import Autoencoder, Config

CONFIG = Config(widths=(6, 8, 8), latent=8, rates=1, hyper=4, hyper_width=6, common=4)
HOW = Training(
    batch=2, epochs=4, rate=1e-3, schedule="plateau", patience=0, keep="best", loss="plain", augment="flip", clip=0.0
)


class Numbered:
    """Pairs of which pair ``i`` has the value ``10·i`` in ``x`` and ``10·i + 1`` in ``y``, but for a corner mark."""

    def __init__(self, count: int, first: int = 0, size: tuple[int, int] = (64, 64)) -> None:
        self.values = torch.arange(first, first + count, dtype=torch.uint8)[:, None, None, None] * 10
        self.size = size

    def __len__(self) -> int:
        return len(self.values)

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Pictures and side views."""
        x = self.values[list(indices)].expand(-1, 3, *self.size).clone()
        x[..., 0, 0] += 5
        return x, x + 1


def trainer(folder: Path, how: Training = HOW) -> Trainer:
    """A fresh trainer of a seeded tiny network: five pairs, so two steps an epoch."""
    torch.manual_seed(0)
    return Trainer(Job(Autoencoder(CONFIG), how, [1e-2], [Numbered(5)], folder, val=[Numbered(3, 7)]))


def quiet(row: dict[str, float]) -> None:
    """Ignore a log row."""


def optimiser() -> torch.optim.Optimizer:
    """One parameter at rate 1e-4, as published."""
    found = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], 1e-4)
    found.param_groups[0]["peak"] = 1e-4
    return found


def after(how: Training, losses: Sequence[float | None], pairs: int = 10) -> list[float]:
    """Rates after each of a number of epochs."""
    adam = optimiser()
    schedule = Schedule(how, [adam], pairs)
    rates = []
    for loss in losses:
        adam.step()
        schedule.after_epoch(loss)
        rates.append(adam.param_groups[0]["lr"])
    return rates


def test_plateau_bears_ten_epochs_then_falls_to_the_floor_and_ends() -> None:
    """Section "Recipe" of NDIC's release: factor 0.1 after more than ten epochs without gain, down to 1e-7."""
    how = Training(batch=1, epochs=50000, schedule="plateau", keep="best", loss="plain")
    rates = after(how, [2.0, 1.0, *[1.5] * 11, *[1.5] * 11])
    assert rates[:12] == [1e-4] * 12
    assert rates[12:23] == pytest.approx([1e-5] * 11) and rates[23] == pytest.approx(1e-6)
    adam = optimiser()
    schedule = Schedule(how, [adam], 10)
    for epoch in range(34):
        assert not schedule.finished(10 * epoch)
        adam.step()
        schedule.after_epoch(1.0)
    assert schedule.finished(340) and adam.param_groups[0]["lr"] == pytest.approx(1e-7)


def test_multistep_and_staircase_go_by_epochs() -> None:
    ldmic = Training(batch=4, epochs=4, schedule="multistep", milestones=[1, 3], factor=0.5)
    assert after(ldmic, [None] * 4) == pytest.approx([5e-5, 5e-5, 2.5e-5, 2.5e-5])
    dsin = Training(batch=4, steps=8, schedule="staircase", every=2)
    assert after(dsin, [None] * 4) == pytest.approx([1e-4, 1e-5, 1e-5, 1e-6])
    schedule = Schedule(ldmic, [optimiser()], 10)
    assert schedule.epoch_steps == 2 and not schedule.finished(7) and schedule.finished(8)
    assert Schedule(dsin, [optimiser()], 10).finished(8)
    assert [Schedule(h, [optimiser()], 10).progress(2) for h in (ldmic, dsin)] == [0.25, 0.25]


def test_an_epoch_passes_over_each_pair_once_in_its_own_order() -> None:
    how = Training(batch=2, epochs=9, schedule="multistep", milestones=[1], augment="none")
    sets = [Numbered(3), Numbered(4, 3)]
    seen = [
        [round(float(v) * 25.5) for s in range(3) for v in take(sets, how, 3 * e + s)[0][:, 0, 1, 1]] for e in (0, 1)
    ]
    for order in seen:
        assert len(set(order)) == 6 and set(order) <= set(range(7))
    assert seen[0] != seen[1]
    assert torch.equal(take(sets, how, 4)[0], take(sets, how, 4)[0])


def test_augmentation_is_joint_and_only_what_is_asked_for() -> None:
    def marks(augment: str) -> set[tuple[str, bool]]:
        how = Training(batch=4, epochs=1, schedule="multistep", milestones=[1], augment=augment)
        found = set()
        for step in range(16):
            for x, y in zip(*take([Numbered(24, size=(4, 4))], how, step)[:2], strict=True):
                at = {"top left": (0, 0), "top right": (0, -1), "bottom left": (-1, 0), "bottom right": (-1, -1)}
                corner = {n: x[0, r, c] - x[0, 1, 1] for n, (r, c) in at.items()}
                marked = max(corner, key=lambda n: float(corner[n]))
                row, column = at[marked]
                assert float(y[0, row, column] - y[0, 1, 1]) > 0.01
                found.add((marked, bool(x[0, 1, 1] > y[0, 1, 1])))
        return found

    assert marks("none") == {("top left", False)}
    assert marks("flip") == {("top left", False), ("top right", False)}
    assert len(marks("flip+vflip+swap")) == 8


def test_crops_are_joint_and_keep_an_axis_that_is_too_short() -> None:
    how = Training(batch=4, epochs=1, schedule="multistep", milestones=[1], augment="none", crop=[3, 256])

    class Ramp(Numbered):
        def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
            """Rows numbered from 0."""
            x = torch.arange(8, dtype=torch.uint8)[None, None, :, None].expand(len(indices), 3, 8, 8).clone()
            return x, x + 100

    tops = set()
    for step in range(16):
        x, y = take([Ramp(64)], how, step)[:2]
        assert x.shape == (4, 3, 3, 8)
        assert torch.allclose(y - x, torch.tensor(100 / 255))
        tops |= {round(float(v) * 255) for v in x[:, 0, 0, 0]}
    assert tops == set(range(6))


def test_validation_rounds_and_repeats(tmp_path: Path) -> None:
    """No noise at validation: twice the same, whatever the generator's state, and the network trains on."""
    model = Autoencoder(CONFIG).train()
    found = [validation_losses(model, [Numbered(5)], [1e-2], HOW, torch.device("cpu")) for _ in range(2)]
    assert found[0] == found[1] and model.training
    pairs, alone = Numbered(5), []
    for i in range(5):
        one = Numbered(1)
        one.values = pairs.values[i : i + 1]
        alone.append(validation_losses(model, [one], [1e-2], HOW, torch.device("cpu"))["loss"])
    assert found[0]["loss"] == pytest.approx(sum(alone) / 5, rel=1e-5)


def test_a_run_that_is_cut_in_an_epoch_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole")
    assert whole.run(None, quiet, every=3)
    for cut in (1, 3, 4):
        first = trainer(tmp_path / f"cut{cut}", replace(HOW, steps=cut))
        assert first.run(None, quiet, every=3) and first.step == cut
        second = trainer(tmp_path / f"cut{cut}")
        assert second.restore()
        assert second.run(None, quiet, every=3)
        assert second.step == whole.step and second.schedule.state_dict() == whole.schedule.state_dict()
        assert second.best["epoch"] == whole.best["epoch"] > 0
        for a, b in zip(second.result().state_dict().values(), whole.result().state_dict().values(), strict=True):
            assert torch.equal(a, b)
        assert rows(tmp_path / f"cut{cut}" / "validation.csv") == rows(tmp_path / "whole" / "validation.csv")
        whole = trainer(tmp_path / "whole")
        assert whole.restore()


def rows(path: Path) -> list[dict[str, str]]:
    """Rows of a log without the time."""
    with path.open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def test_the_best_weights_are_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([3.0, 1.0, 2.0, 5.0])
    weights: list[Tensor] = []

    def told(model: Autoencoder, *rest: Any) -> dict[str, float]:
        weights.append(next(model.g_a.parameters()).detach().clone())
        return {"loss": next(losses), "bpp": 0.0, "mse": 0.0}

    monkeypatch.setattr(loop, "validation_losses", told)
    found = trainer(tmp_path)
    assert found.run(None, quiet)
    assert found.best["epoch"] == 2
    assert torch.equal(next(found.result().g_a.parameters()), weights[1])
    assert not torch.equal(weights[1], weights[3])
    assert [row["rate"] for row in rows(tmp_path / "validation.csv")] == ["1", "1", "1", "0.1"]


def test_another_set_on_resume_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path).save()
    torch.manual_seed(0)
    other = Trainer(Job(Autoencoder(CONFIG), HOW, [1e-2], [Numbered(8)], tmp_path, val=[Numbered(3)]))
    with pytest.raises(BenchError, match="begun with epochs of 2 steps"):
        other.restore()
    with pytest.raises(BenchError, match="takes 2 pairs and --data has 1"):
        Trainer(Job(Autoencoder(CONFIG), HOW, [1e-2], [Numbered(1)], tmp_path))


def test_validation_sets_follow_the_training_sets() -> None:
    assert default_sets("kitti:train") == "kitti:val"
    assert default_sets("synthdrive:train1200,kitti-mini:train,kitti:train") == "synthdrive:val,kitti:val"
    for data in ("kitti-mini:train", "folder:left:right"):
        with pytest.raises(BenchError, match="--val"):
            default_sets(data)
