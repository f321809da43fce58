"""`bench train` end to end on a handful of pairs: it is cut, resumed, and its weights code pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import bench
from bench import recipe
from bench.cli.main import main
from bench.errors import BenchError
from bench.train import loop, session


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A ``folder:`` dataset of four smooth pairs."""
    monkeypatch.setenv("BENCH_DATA_DIR", str(tmp_path / "prepared"))
    rng = np.random.default_rng(0)
    for side in ("left", "right"):
        (tmp_path / side).mkdir()
    for i in range(4):
        noise = Image.fromarray(rng.integers(0, 256, (5, 9, 3), np.uint8))
        picture = noise.resize((256, 128), Image.Resampling.BICUBIC)
        picture.save(tmp_path / "left" / f"{i}.png")
        picture.transform(picture.size, Image.Transform.AFFINE, (1, 0, 3, 0, 1, 0)).save(
            tmp_path / "right" / f"{i}.png"
        )
    return f"folder:{tmp_path / 'left'}:{tmp_path / 'right'}"


def run(*arguments: str) -> int:
    """Exit code of `bench train`."""
    with pytest.raises(SystemExit) as stop:
        main(["train", *arguments])
    return int(stop.value.code or 0)


def test_train_is_cut_and_resumed(folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "training"
    common = ("--method", "balle2018", "--data", folder, "--out", str(out), "--steps", "3", "--device", "cpu")
    assert run(*common, "--minutes", "0.0001") == 0
    assert "--resume" in capsys.readouterr().out
    assert run(*common) == 2
    assert run(*common, "--resume") == 0
    assert "finished" in capsys.readouterr().out
    weights = next(out.rglob("*.safetensors"))
    codec = bench.load_codec("balle2018", rate="r1", weights=weights).prepare()
    x, _ = session.open_data(folder)[0].batch([0])
    assert codec.decode(codec.encode(x), x).shape == x.shape


def test_unfinished_weights_are_published_and_gone_on_with(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is committed, weights and log, is enough for another machine to take the remaining steps."""
    target = session.find_target("balle2017", None, "small", None)
    monkeypatch.setattr(session.Target, "shipped", property(lambda self: tmp_path / "weights" / "w.safetensors"))
    monkeypatch.setattr(recipe, "publish_digest", lambda *arguments: None)
    monkeypatch.setattr(loop.Trainer.run, "__defaults__", (2,))  # a log line every other step
    rows: list[dict[str, float]] = []
    assert not session.train(target, folder, tmp_path / "first", "cpu", 1e-9, False, rows.append)
    assert session.train(target, folder, tmp_path / "first", "cpu", None, True, rows.append, steps=4)
    session.publish(target, tmp_path / "first")
    assert [row["step"] for row in rows] == [2, 4]
    assert recipe.steps_taken(target.log) == 4
    monkeypatch.setattr(recipe, "unfinished", lambda path, *named: (4, 12000) if "2017" in str(path) else None)
    assert target.label in [other.label for other in session.pending()]
    assert session.train(target, folder, tmp_path / "second", "cpu", None, True, rows.append, steps=6)
    assert [row["step"] for row in rows] == [2, 4, 6]
    assert recipe.steps_taken(tmp_path / "second" / "log.csv") == 6


def test_a_state_is_gone_on_with_whatever_weights_are_shipped(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recipe whose sizes have changed is trained while the weights of before still stand there."""
    target = session.find_target("balle2017", None, "small", None)
    foreign = tmp_path / "weights" / "w.safetensors"
    monkeypatch.setattr(session.Target, "shipped", property(lambda self: foreign))
    assert not session.train(target, folder, tmp_path / "out", "cpu", 1e-9, False, lambda row: None)
    foreign.parent.mkdir()
    foreign.write_bytes(b"of another architecture")
    with pytest.raises(BenchError, match="w.safetensors"):
        session.train(target, folder, tmp_path / "other", "cpu", None, True, lambda row: None, steps=1)
    assert session.train(target, folder, tmp_path / "out", "cpu", None, True, lambda row: None, steps=1)
    assert foreign.read_bytes() == b"of another architecture"


def test_a_variant_starts_from_the_finished_weights_of_another(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = session.find_target("balle2017", None, "small", None)
    target = replace(other, recipe=tmp_path / "recipe.toml")
    how = replace(recipe.training(other.recipe, "base", "small"), start="base")
    monkeypatch.setattr(recipe, "training", lambda *named: how)
    assert not session.train(target, folder, tmp_path / "first", "cpu", 1e-9, False, lambda row: None)
    began, held = load_file(tmp_path / "first" / target.shipped.name), load_file(other.shipped)
    learned = [name for name in held if held[name].is_floating_point()]
    assert all(torch.equal(began[name], held[name]) for name in learned)
    assert recipe.steps_taken(tmp_path / "first" / "log.csv") is None
    monkeypatch.setattr(recipe, "unfinished", lambda *named: (4, 12000))
    with pytest.raises(BenchError, match="not fully trained yet"):
        session.train(target, folder, tmp_path / "second", "cpu", None, False, lambda row: None)


def test_one_of_method_and_queue(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 2
    assert run("--method", "ndic", "--queue") == 2
    assert "--queue" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "words"), [("--device", "tpu", "no such device"), ("--out", "FILE/x", "choose another --out")]
)
def test_unfit_options_are_one_sentence(
    option: str, value: str, words: str, folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "FILE").write_bytes(b"")
    value = value.replace("FILE", str(tmp_path / "FILE"))
    assert run("--method", "balle2018", "--data", folder, "--steps", "1", option, value) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1 and words in told[0]


def test_the_queue_lists_what_has_no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session.Target, "shipped", property(lambda self: tmp_path / self.label))
    assert [t.label for t in session.pending()] == [
        "synth-ldm:base small all",
        "balle2018:canonical small all",
        "ndic:b18 small all",
        "ndic:b17 small all",
        "balle2017:base small all",
        "ldmic:ar small all",
        "ldmic:fast small all",
        "atn:base small all",
        "dsin:base small all",
        "cdc:x small all",
        "cdc:eps small all",
        "dicm:base small all",
        "spdic:described small all",
        "spdic:released small all",
        "mdic:base small all",
    ]


def test_a_paper_model_starts_at_its_trained_neighbour(tmp_path: Path) -> None:
    target = session.find_target("ndic", "b18", "paper", "r3")
    how = recipe.training(target.recipe, "b18", "paper")
    assert session._start(target, how, resume=False) is None
    points = [bench.RatePoint(p.name, p.index, p.lmbda, {}, tmp_path / f"{p.name}") for p in target.info.rates]
    for name in ("r1", "r5", "r9"):
        (tmp_path / name).write_bytes(b"")
    object.__setattr__(target.info, "rates", tuple(points))
    found = session._start(target, how, resume=False)
    assert found is not None and found.name in ("r1", "r5")
