"""The training loop: it learns, resumes to the same weights, and publishes what the codec then loads."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench import recipe
from bench.errors import BenchError
from bench.train import loop, session
from bench.train.batches import draw
from bench.train.loop import Job, Trainer
from bench.train.loss import item_losses
from bench.train.optim import Muon, orthogonalised
from bench.training import Training
from methods.layers.autoencoder import Autoencoder, Config

CONFIG = Config(widths=(6, 8, 8), latent=8, rates=2, hyper=4, hyper_width=6, common=4)
HOW = Training(batch=4, steps=6, rate=2e-3, optimizer="muon", warmup=2, ema=0.9, augment="flip+colour")
LAMBDAS = [1e-3, 1e-2]


class Toy:
    """Six pairs of 64×64 pictures, the side view shifted by two columns."""

    def __init__(self) -> None:
        rng = torch.Generator().manual_seed(3)
        coarse = torch.rand(6, 3, 5, 5, generator=rng)
        x = torch.nn.functional.interpolate(coarse, (64, 64), mode="bilinear")
        self.x = x.mul(255).to(torch.uint8)

    def __len__(self) -> int:
        return 6

    def batch(self, indices: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures and side views."""
        return self.x[list(indices)], self.x[list(indices)].roll(2, 3)


def trainer(folder: Path, how: Training = HOW) -> Trainer:
    """A fresh trainer of a seeded tiny network."""
    torch.manual_seed(0)
    return Trainer(Job(Autoencoder(CONFIG), how, LAMBDAS, [Toy()], folder))


def quiet(row: dict[str, float]) -> None:
    """Ignore a log row."""


def test_batches_repeat_from_seed_and_step() -> None:
    first, again, other = (draw([Toy()], 4, "flip+colour", step, seed=1) for step in (5, 5, 6))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_flip_is_joint() -> None:
    x, y = draw([Toy()], 32, "flip", 0)[:2]
    for a, b in zip(x, y, strict=True):
        shifts = [float((a.roll(s, 2) - b).abs().mean()) for s in (-2, 2)]
        assert min(shifts) == 0.0


def test_resumed_training_equals_uninterrupted(tmp_path: Path) -> None:
    half = replace(HOW, steps=3)
    first = trainer(tmp_path / "cut", half)
    first.run(None, quiet)
    resumed = trainer(tmp_path / "cut")
    assert resumed.restore() and resumed.step == 3
    resumed.run(None, quiet)
    again = trainer(tmp_path / "whole", half)
    again.run(None, quiet)
    again.job.how = again.schedule.how = (
        HOW  # the cosine of the first three steps is the shorter training's in both runs
    )
    again.run(None, quiet)
    for a, b in zip(resumed.job.model.parameters(), again.job.model.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    how = replace(HOW, steps=60, warmup=5, rate=1e-2, muon_rate=2e-2)
    rows: list[dict[str, float]] = []
    trainer(tmp_path, how).run(None, rows.append, every=20)
    assert rows[-1]["loss"] < 0.7 * rows[0]["loss"]
    assert (tmp_path / "log.csv").read_text().count("\n") == 4


def test_precisions_alternate_in_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "bf16_gains", lambda device: True)
    states = []
    for name, precision in (("a", "auto"), ("b", "float32"), ("c", "auto")):
        job = trainer(tmp_path / name, replace(HOW, precision=precision))  # type: ignore[arg-type]
        assert job.run(None, quiet)
        states.append(job.job.model.state_dict())
    first, full, again = states
    assert all(value.dtype != torch.bfloat16 for value in first.values())
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], full[name]) for name in first)


def test_log_of_a_cut_run_is_that_of_a_whole_one(tmp_path: Path) -> None:
    """Means cover all steps between two lines; what a killed run logged after its last state is dropped."""
    trainer(tmp_path / "whole").run(None, quiet, every=2)
    first = trainer(tmp_path / "cut")
    step = first._step

    def killed() -> dict[str, float]:
        if first.step == 3:
            raise KeyboardInterrupt
        return step()

    first._step = killed
    with pytest.raises(KeyboardInterrupt):
        first.run(None, quiet, every=2)
    first.save()
    with (tmp_path / "cut" / "log.csv").open("a") as log:
        log.write("4,1,9,9,9,9,9\n")
    second = trainer(tmp_path / "cut")
    assert second.restore()
    second.run(None, quiet, every=2)
    rows = []
    for name in ("whole", "cut"):
        with (tmp_path / name / "log.csv").open() as log:
            rows.append([[float(row[c]) for c in row if c != "seconds"] for row in csv.DictReader(log)])
    assert [row[0] for row in rows[0]] == [2, 4, 6]
    assert np.allclose(rows[0], rows[1], rtol=1e-4)


def test_a_damaged_or_foreign_state_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path, replace(HOW, ema=0.0, optimizer="adam")).save()
    with pytest.raises(BenchError, match="another recipe"):
        trainer(tmp_path).restore()
    for content in (b"", b"PK cut short", (tmp_path / "state.pt").read_bytes()[:-400]):
        (tmp_path / "state.pt").write_bytes(content)
        with pytest.raises(BenchError, match="damaged"):
            trainer(tmp_path).restore()


def test_a_killed_run_loses_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_SAVE_EVERY", 0.0)
    first = trainer(tmp_path)
    step = first._step

    def killed() -> dict[str, float]:
        if first.step == 4:
            raise KeyboardInterrupt
        return step()

    first._step = killed
    with pytest.raises(KeyboardInterrupt):
        first.run(None, quiet)
    second = trainer(tmp_path)
    assert second.restore() and second.step == 4


def lose_the_number(monkeypatch: pytest.MonkeyPatch, made: Trainer, steps: Sequence[int]) -> None:
    """Let the loss be no number in some steps."""
    real = loop.losses_of

    def broken(*given: Any) -> dict[str, torch.Tensor]:
        found = real(*given)
        return {name: v * float("nan") for name, v in found.items()} if made.step in steps else found

    monkeypatch.setattr(loop, "losses_of", broken)


def test_a_step_without_a_gradient_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = trainer(tmp_path, replace(HOW, steps=5))
    made.run(None, quiet)
    before = [p.clone() for p in made.job.model.parameters()]
    means = [p.clone() for p in made.average.parameters()]
    made.job.how = made.schedule.how = replace(HOW, steps=6)
    lose_the_number(monkeypatch, made, [5])
    rows: list[dict[str, float]] = []
    assert made.run(None, rows.append, every=2)
    assert made.step == 6
    assert all(torch.equal(a, b) for a, b in zip(before, made.job.model.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(means, made.average.parameters(), strict=True))
    assert np.isfinite([row["loss"] for row in rows]).all()


def test_training_ends_where_every_gradient_is_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = trainer(tmp_path, replace(HOW, steps=40))
    lose_the_number(monkeypatch, made, range(3, 40))
    with pytest.raises(BenchError, match="no number in 11 steps in a row, the last of them 13;"):
        made.run(None, quiet)
    again = trainer(tmp_path, replace(HOW, steps=40))
    assert again.restore() and all(bool(p.isfinite().all()) for p in again.job.model.parameters())


def test_loss_of_one_item_by_hand() -> None:
    x = torch.zeros(2, 3, 4, 4)
    out = {"recon": torch.full_like(x, 0.1), "bits": torch.tensor([16.0, 32.0])}
    lambdas = torch.tensor([1e-3, 4e-3])
    plain = item_losses(out, x, x, lambdas, Training(2, 1, 1e-3, loss="plain"))
    assert plain["loss"].tolist() == pytest.approx([1e-3 * 255**2 * 0.01 + 1, 4e-3 * 255**2 * 0.01 + 2], rel=1e-5)
    scaled = item_losses(out, x, x, lambdas, Training(2, 1, 1e-3, loss="sqrt"))
    assert float(scaled["loss"][0] / scaled["loss"][1] / (plain["loss"][0] / plain["loss"][1])) == pytest.approx(2)


def test_ndic_loss_adds_the_side_view_by_alpha_and_beta() -> None:
    """Mital et al., DCC 2022: R + α·R_y + β·R_w + λ·255²·(D + α·D_y)."""
    x = torch.zeros(1, 3, 4, 4)
    out = {"recon": x + 0.1, "bits": torch.tensor([16.0]), "recon_y": x + 0.2}
    out |= {"bits_y": torch.tensor([32.0]), "bits_common": torch.tensor([48.0])}
    how = Training(1, 1, 1e-4, loss="plain", alpha=0.5, beta=0.25)
    loss = item_losses(out, x, x, torch.tensor([1e-3]), how)["loss"]
    assert float(loss) == pytest.approx(65.025 * (0.01 + 0.5 * 0.04) + 1 + 0.5 * 2 + 0.25 * 3, rel=1e-5)


def test_paper_ndic_takes_a_training_step() -> None:
    """The published network with its branch for ``y`` gives a finite loss with gradients everywhere it should."""
    config = Config(widths=(4, 4, 4), latent=6, rates=1, form="ndic", hyper=4, filters=(3, 3, 3), common=4, own=True)
    model = Autoencoder(config)
    x = torch.rand(1, 3, 64, 64)
    out = model(x, x, torch.zeros(1, dtype=torch.long))
    item_losses(out, x, x, torch.tensor([1e-3]), Training(1, 1, 1e-4, loss="plain", alpha=1, beta=1))[
        "loss"
    ].sum().backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None and not n.endswith("quantiles")]
    assert silent == []


def test_muon_step_is_orthogonal() -> None:
    torch.manual_seed(0)
    singular = torch.linalg.svdvals(orthogonalised(torch.randn(8, 40)))
    assert float(singular.min()) > 0.5 and float(singular.max()) < 1.4
    weight = torch.zeros(4, 3, 2, 2, requires_grad=True)
    weight.grad = torch.randn_like(weight)
    Muon([weight], lr=0.1).step()
    assert float(weight.detach().abs().max()) > 0


def test_publish_writes_the_digest_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    source = Path(session.__file__).parents[2] / "methods" / "ndic" / "recipe.toml"
    path.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    before = recipe.read(source)["variants"]
    recipe.publish_digest(path, "b18", "small", "all", "abc")
    recipe.publish_digest(path, "b18", "paper", "r3", "def")
    after = recipe.read(path)["variants"]
    assert after["b18"]["small"]["sha256"] == {"all": "abc"}
    assert after["b18"]["paper"]["sha256"] == {"r3": "def"}
    assert after["b17"] == before["b17"] and after["b18"]["small"]["model"] == before["b18"]["small"]["model"]


def test_a_state_is_never_overwritten_by_accident(tmp_path: Path) -> None:
    (tmp_path / "state.pt").write_bytes(b"")
    target = session.find_target("ndic", "b18", "small", None)
    with pytest.raises(BenchError, match="--resume"):
        session.train(target, "synthdrive", tmp_path, "cpu", 1.0, False, quiet)


def test_rate_belongs_to_paper_presets_only() -> None:
    with pytest.raises(BenchError, match="leave --rate out"):
        session.find_target("ndic", "b18", "small", "r1")
    with pytest.raises(BenchError, match="r1"):
        session.find_target("ndic", "b18", "paper", None)
    with pytest.raises(BenchError, match="no recipe"):
        session.find_target("jpeg", None, "small", None)
