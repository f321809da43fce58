"""What the engine keeps of originals, what it shares between networks, and how often it waits for the device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.metrics import batch, engine
from bench.metrics.batch import Held, to_host
from bench.metrics.engine import Engine

from .conftest import blurred, pictures

DEEP = ["lpips_alex", "lpips_vgg", "dists"]


def _score(scorer: Engine, recon: torch.Tensor, orig: torch.Tensor) -> dict[str, np.ndarray]:
    scorer.reset()
    scorer.update(recon, orig, [str(index) for index in range(len(orig))])
    return scorer.finish()[0]


def _passes(network: torch.nn.Module) -> list[int]:
    """A list that grows with each picture that goes through a network."""
    seen: list[int] = []
    network.register_forward_hook(lambda module, given, result: seen.append(len(given[0])))
    return seen


def test_originals_go_through_the_networks_once(stand_ins: Path) -> None:
    scorer = Engine(DEEP)
    networks = [family.network for family, _ in scorer._scorers]
    alex, vgg = (_passes(network.model.net) for network in networks[:2])
    stem, rest = _passes(networks[2].model.stage1), _passes(networks[2].model.stage5)
    orig = pictures(3, 64, 64)
    first = _score(scorer, blurred(orig), orig)
    again = _score(scorer, blurred(orig), orig)
    assert [sum(seen) for seen in (alex, vgg, rest)] == [9, 9, 9]  # 3 originals, twice 3 reconstructions
    assert sum(stem) == 0  # LPIPS has computed it
    fresh = _score(Engine(DEEP, hold_bytes=0), blurred(orig), orig)
    for name in DEEP:
        np.testing.assert_array_equal(first[name], again[name])
        np.testing.assert_array_equal(first[name], fresh[name])


@pytest.mark.parametrize("name", DEEP)
def test_a_metric_does_not_depend_on_what_is_measured_beside_it(stand_ins: Path, name: str) -> None:
    orig = pictures(2, 64, 96)
    together, alone = (_score(Engine(names), blurred(orig), orig) for names in (DEEP, [name]))
    np.testing.assert_array_equal(together[name], alone[name])


def test_batches_of_an_accelerator_hold_each_picture_by_itself(stand_ins: Path) -> None:
    scorer = Engine(DEEP)
    scorer._chunk = 4
    orig = pictures(4, 64, 64)
    first = _score(scorer, blurred(orig), orig)
    order = [2, 0, 3, 1]
    again = _score(scorer, blurred(orig)[order], orig[order])
    for name in DEEP:
        np.testing.assert_allclose(again[name], first[name][order], rtol=1e-5, atol=1e-7)


def test_what_is_held_stays_within_its_room() -> None:
    level = torch.ones(1, 4, 8, 8)
    held = Held(room=5 * level.nbytes)
    for key in range(9):
        held.get("net", [b"%d" % key], lambda: (level, level))
    assert held.used == 4 * level.nbytes
    held.get("net", [b"0"], lambda: pytest.fail("the first is held"))
    held.next_set()
    held.get("net", [b"1"], lambda: pytest.fail("the second is held"))
    held.next_set()
    assert held.used == 2 * level.nbytes  # the first was not asked for in the last set
    held.release()
    called: list[int] = []
    for _ in range(2):
        held.get("net", [b"1"], lambda: called.append(1) or (level,))
    assert called == [1, 1] and held.used == 0


def test_memory_running_out_lets_go_of_the_originals(stand_ins: Path) -> None:
    scorer = Engine(["lpips_alex"])
    orig = pictures(1, 64, 64)
    _score(scorer, orig, orig)
    assert scorer._held.used > 0
    scorer.halve()
    assert scorer._held.used == 0
    _score(scorer, orig, orig)
    assert scorer._held.used == 0


def test_a_batch_is_moved_to_the_host_once(stand_ins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moves: list[int] = []

    def counted(found: Any) -> Any:
        moves.append(len(found))
        return to_host(found)

    monkeypatch.setattr(engine, "to_host", counted)
    scorer = Engine(["psnr", "ssim", "beta", *DEEP, "fid"])
    scorer._chunk = 2
    orig = pictures(4, 64, 64)
    _score(scorer, blurred(orig), orig)
    assert moves == [7, 7]  # seven families, two batches
    assert batch.to_host([{}, {}]) == [{}, {}]
