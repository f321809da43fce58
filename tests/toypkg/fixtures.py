"""The toy codec, pairs and engine in place of the real ones."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.run.execute import Outcome, check_before, execute, settled
from bench.run.plan import Plan, Request, make_plan
from toypkg import codec, pairs


class Quiet:
    """A watcher that counts."""

    def __init__(self) -> None:
        self.items, self.steps = 0, []

    def step(self, text: str) -> None:
        self.steps.append(text)

    def advance(self, items: int) -> None:
        self.items += items


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data and metric engine are the toys; counters are fresh."""
    monkeypatch.setitem(sys.modules, "bench.data", types.SimpleNamespace(open_pairs=pairs.open_pairs))  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "bench.metrics.engine", types.SimpleNamespace(Engine=pairs.Engine))  # type: ignore[arg-type]
    monkeypatch.setattr(codec.Toy, "calls", {"encode": 0, "decode": 0})
    monkeypatch.setattr(pairs.Engine, "updates", 0)


Sweep = Callable[..., tuple[Plan, list[Outcome]]]


@pytest.fixture
def sweep(toys: None, tmp_path: Path) -> Sweep:
    """Plan and do a sweep of toys; returns the plan and the outcomes."""

    def go(*methods: str, **given: object) -> tuple[Plan, list[Outcome]]:
        names = tuple(f"toypkg.codec:{name}" for name in methods)
        base: dict[str, object] = {"dataset": "toyset", "out": tmp_path / "runs"}
        base["metrics"] = ("psnr", "psnr_pooled", "fid")
        plan = make_plan(Request(names, **{**base, **given}))  # type: ignore[arg-type]
        check_before(plan)
        watcher = Quiet()
        outcomes = settled(plan) + (list(execute(plan, "cpu", watcher)) if plan.todo else [])
        return plan, outcomes

    return go
