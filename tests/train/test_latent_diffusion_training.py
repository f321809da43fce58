"""SPDIC and MDIC are trained on a foundation folder, and their weights code pictures with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import bench
from bench import recipe
from bench.data import open_pairs
from bench.errors import MissingWeights
from bench.train import session
from methods.foundation import choose as choosing
from methods.synth_ldm.foundation import SynthLDM
from methods.synth_ldm.network import SynthLDMNetwork


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A foundation folder of random weights."""
    target = tmp_path_factory.mktemp("foundation") / "base-small"
    SynthLDM.export(SynthLDMNetwork(64, 1e-6, 0.1), None, None, target)  # type: ignore[arg-type]
    return target


def quiet(row: dict[str, float]) -> None:
    """Ignore a log row."""


@pytest.mark.parametrize("name", ["spdic", "mdic"])
def test_trained_weights_code_pictures(
    name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "SYNTH_FOLDER", folder)
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))
    target = session.find_target(name, None, "small", None)
    # The perceptual network's weights need not be on this machine.
    how = replace(
        recipe.training(target.recipe, target.info.variant, "small"), perceptual="none", perceptual_weight=0.0
    )
    monkeypatch.setattr(recipe, "training", lambda *given: how)
    assert session.train(target, "synthdrive:check8", tmp_path / "run", "cpu", None, False, quiet, steps=1)
    weights = tmp_path / "run" / target.shipped.name
    assert weights.stat().st_size <= 1.8e6
    codec = bench.load_codec(name, rate="r1", weights=weights, steps=1).prepare()
    assert not codec.info.random_init
    x, y = open_pairs("synthdrive:check8").batch([0])
    payloads = codec.encode(x)
    first, again = (codec.decode(payloads, y, [5]) for _ in range(2))
    assert torch.equal(first, again) and first.shape == x.shape
    assert len(list((tmp_path / "cache" / "captions").glob("*.jsonl"))) == 1


@pytest.mark.parametrize("name", ["spdic", "mdic"])
def test_training_without_a_foundation_names_the_command(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "SYNTH_FOLDER", tmp_path / "nowhere")
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))
    target = session.find_target(name, None, "small", None)
    with pytest.raises(MissingWeights, match="bench train --method synth-ldm"):
        session.train(target, "synthdrive:check8", tmp_path / "run", "cpu", None, False, quiet, steps=1)
    assert not (tmp_path / "run" / "state.pt").exists()
