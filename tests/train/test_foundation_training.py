"""`synth-ldm` is trained in stages, first of all, and into a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bench import recipe
from bench.digests import digest_of
from bench.errors import BenchError
from bench.train import session
from bench.train.schedule import Schedule
from bench.training import Training
from methods.foundation.choose import choose
from methods.foundation.options import foundation_options
from methods.synth_ldm.foundation import SynthLDM


def quiet(row: dict[str, float]) -> None:
    """Ignore a log row."""


def test_stages_train_their_parts_and_give_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = session.find_target("synth-ldm", None, "small", None)
    monkeypatch.setattr(session.Target, "shipped", property(lambda self: tmp_path / "weights" / "base-small"))
    monkeypatch.setattr(recipe, "publish_digest", lambda *given: told.append(given[-1]))
    told: list[str] = []
    small = Training(batch=2, steps=6, ema=0.0, warmup=1, restarts=[0.34, 0.67])
    monkeypatch.setattr(recipe, "training", lambda *given: small)
    fresh = SynthLDM.build(target.info).state_dict()
    assert not session.train(target, "synthdrive:check8", tmp_path / "run", "cpu", 1e-9, False, quiet)
    assert session.train(target, "synthdrive:check8", tmp_path / "run", "cpu", None, True, quiet)
    place = session.publish(target, tmp_path / "run")
    assert told == [digest_of(place)] and target.log.name == "base-small.csv"
    parts = choose({**foundation_options("small"), "foundation": str(place)}, torch.float32)
    for name in ("vae", "captioner", "unet", "text_encoder"):
        trained = parts.module(name).state_dict()
        moved = [key for key, value in trained.items() if not torch.equal(value.half(), fresh[f"{name}.{key}"].half())]
        assert len(moved) > len(trained) // 2, name
    assert parts.config("vae")["scaling_factor"] != 1.0
    again = SynthLDM.build(target.info)
    SynthLDM.warm(again, place)
    assert float(again.deviation) == pytest.approx(1 / parts.config("vae")["scaling_factor"])


def test_the_foundation_stands_first_in_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "unfinished", lambda *named: (0, 1))
    assert session.pending()[0].info.name == "synth-ldm"


def test_the_cosine_begins_anew() -> None:
    how = Training(batch=1, steps=100, warmup=1, restarts=[0.5, 0.8])
    optimiser = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], 1.0)
    optimiser.param_groups[0]["peak"] = 1.0
    schedule = Schedule(how, [optimiser], 10)
    rates = []
    for step in range(100):
        schedule.before(step)
        rates.append(schedule.factor)
    assert [step for step in range(1, 100) if rates[step] > rates[step - 1]] == [50, 80]
    assert rates[0] == rates[50] == rates[80] == 1.0 and rates[49] < 0.01


@pytest.mark.parametrize("restarts", [[0.5, 0.2], [0.0], [1.0], [0.3, 0.3]])
def test_restarts_that_mean_nothing(restarts: list[float]) -> None:
    assert any("restarts" in fault for fault in Training(batch=1, steps=10, restarts=restarts).faults())
    assert Training(batch=1, steps=10, restarts=[0.2, 0.5]).faults() == []


def test_a_foundation_is_no_codec(cli) -> None:  # type: ignore[no-untyped-def]
    ended = cli("run", "--method", "synth-ldm")
    assert ended.code == 2 and "synth-ldm" in ended.err


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no foundation folder"):
        SynthLDM.warm(SynthLDM.build(session.find_target("synth-ldm", None, "small", None).info), tmp_path / "none")
