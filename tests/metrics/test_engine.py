"""The engine: statuses, order, batch sizes, what is kept of originals, and bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench.errors import BenchError, NotInstalled, UnknownName
from bench.metrics import METRICS, pyiqa_adapter, resolve, score_pairs
from bench.metrics.engine import Engine

from .conftest import blurred, pictures

FREE = ["psnr", "psnr_pooled", "ms_ssim", "ms_ssim_db", "ssim", "beta", "rho"]
HERE = [*FREE, "lpips_squeeze", "niqe", "niqe_pooled", "fd_squeeze", "kd_squeeze"]


def _run(engine: Engine, batch: int) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    orig = pictures(5)
    recon = blurred(orig)
    engine.reset()
    for start in range(0, 5, batch):
        ids = [f"item{index}" for index in range(start, min(start + batch, 5))]
        engine.update(recon[start : start + batch], orig[start : start + batch], ids)
    return engine.finish()


def test_all_metrics_are_the_default_and_each_ends_in_a_status() -> None:
    engine = Engine()
    assert engine.metrics == list(METRICS)
    assert {name for name, status in engine.statuses.items() if status == "ok"} == set(FREE)
    lacking = {name: engine.statuses[name] for name in METRICS if name not in FREE}
    assert set(lacking.values()) == {"no-weights"}
    for name, reason in engine.reasons.items():
        assert reason.startswith(f"{name} needs ")
        assert reason.endswith(f"run 'bench fetch {' '.join(METRICS[name].needs)}'.")
    items, values = _run(engine, 5)
    assert list(items) == ["psnr", "ms_ssim", "ms_ssim_db", "ssim", "beta", "rho"]
    assert set(values) == {"psnr_pooled", "psnr_identical", "beta_pooled", "rho_pooled"}


def test_item_metrics_do_not_depend_on_the_batch(genuine: Path) -> None:
    engine = Engine(HERE)
    assert set(engine.statuses.values()) == {"ok"}
    reference = _run(engine, 5)
    for batch in (1, 2):
        items, values = _run(engine, batch)
        for name, column in items.items():
            assert column.dtype == np.float64
            assert column.shape == (5,)
            np.testing.assert_array_equal(column, reference[0][name], err_msg=name)
        assert values == pytest.approx(reference[1], rel=1e-9)


def test_an_accelerators_batches_give_the_same_numbers(genuine: Path) -> None:
    engine = Engine(HERE)
    alone = _run(engine, 5)
    engine._chunk = 5
    together = _run(engine, 5)
    for name, column in together[0].items():
        np.testing.assert_allclose(column, alone[0][name], rtol=2e-5, atol=1e-6, err_msg=name)
    assert together[1] == pytest.approx(alone[1], rel=1e-4, abs=1e-6)
    assert [engine.halve() for _ in range(3)] == [True, True, False]  # 5, 2, 1: then each picture goes alone
    assert _run(engine, 5)[1] == alone[1]


def test_a_set_has_its_own_scores_and_reuses_features_of_originals(genuine: Path) -> None:
    engine = Engine(["niqe", "fd_squeeze"])
    orig = pictures(3)
    calls: list[int] = []
    niqe = next(scorer for scorer, _ in engine._scorers if type(scorer).__name__ == "Niqe")
    features = niqe._features
    niqe._features = lambda picture: calls.append(1) or features(picture)
    first = _scores(engine, blurred(orig), orig)
    assert len(calls) == 6
    engine.reset()
    again = _scores(engine, blurred(orig), orig)
    assert len(calls) == 9
    assert again == first
    engine.reset()
    assert _scores(engine, orig, orig)["fd_squeeze"] < 1e-6 < first["fd_squeeze"]


def _scores(engine: Engine, recon: torch.Tensor, orig: torch.Tensor) -> dict[str, float]:
    engine.update(recon, orig, [str(index) for index in range(len(orig))])
    return engine.finish()[1]


def test_small_pictures_skip_what_is_not_defined_for_them() -> None:
    engine = Engine(FREE)
    orig = pictures(2, 64, 96)
    engine.update(blurred(orig), orig, ["a", "b"])
    items, _ = engine.finish()
    assert engine.statuses["ms_ssim"] == engine.statuses["ms_ssim_db"] == "skipped"
    assert "97 rows" in engine.reasons["ms_ssim"]
    assert list(items) == ["psnr", "ssim", "beta", "rho"]
    engine.reset()
    assert engine.statuses["ms_ssim"] == "ok"
    assert "ms_ssim" in _run(engine, 5)[0]


def test_a_single_pair_has_no_set_distance(genuine: Path) -> None:
    engine = Engine(["fd_squeeze", "kd_squeeze"])
    engine.update(pictures(1), pictures(1), ["a"])
    assert engine.finish() == ({}, {})
    assert set(engine.statuses.values()) == {"skipped"}


def test_without_pyiqa_its_metrics_are_not_installed(genuine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyiqa_adapter, "find_spec", lambda _: None)
    engine = Engine(["dists", "niqe", "niqe_pooled", "psnr"])
    assert engine.statuses == {
        "psnr": "ok",
        "dists": "not-installed",
        "niqe": "not-installed",
        "niqe_pooled": "not-installed",
    }
    assert "Noncommercial" in engine.reasons["dists"]
    with pytest.raises(NotInstalled):
        score_pairs(pictures(1), pictures(1), ["niqe"])


def test_only_the_adapter_imports_pyiqa() -> None:
    root = Path(__file__).resolve().parents[2]
    users = [path.name for folder in ("bench", "methods") for path in (root / folder).rglob("*.py") if _imports(path)]
    assert users == ["pyiqa_adapter.py"]
    assert {name for name, spec in METRICS.items() if "Noncommercial" in spec.licence} == {
        "dists",
        "niqe",
        "niqe_pooled",
    }


def _imports(path: Path) -> bool:
    lines = path.read_text().splitlines()
    return any(line.strip().startswith(("import pyiqa", "from pyiqa")) for line in lines)


def test_names_resolve_in_table_order_with_a_hint() -> None:
    assert resolve(["ssim", "psnr", "ssim"]) == ["psnr", "ssim"]
    with pytest.raises(UnknownName, match="did you mean lpips_squeeze"):
        resolve(["lpips_squeze"])


@pytest.mark.parametrize(
    ("recon", "orig", "ids", "message"),
    [
        (torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 16, dtype=torch.uint8), ["c"], "must be uint8"),
        (pictures(1, 16, 16), pictures(2, 16, 16), ["c", "d"], "do not match"),
        (pictures(1, 16, 16)[:, :1], pictures(1, 16, 16)[:, :1], ["c"], "must be uint8"),
        (pictures(1, 16, 16), pictures(1, 16, 16), ["a"], "given twice"),
        (pictures(2, 16, 16), pictures(2, 16, 16), ["c", "c"], "given twice"),
        (pictures(1, 16, 24), pictures(1, 16, 24), ["c"], "equal size"),
    ],
)
def test_bad_batches_are_refused(recon: torch.Tensor, orig: torch.Tensor, ids: list[str], message: str) -> None:
    engine = Engine(["psnr"])
    engine.update(pictures(1, 16, 16), pictures(1, 16, 16), ["a"])
    with pytest.raises(BenchError, match=message):
        engine.update(recon, orig, ids)


def test_provenance_holds_the_hashes_of_what_is_in_use(genuine: Path) -> None:
    found = Engine(["psnr", "lpips_squeeze", "niqe", "lpips_vgg"]).provenance()
    assert {name: digest[:8] for name, digest in found.items()} == {"squeezenet1_1": "29dd9af4", "niqe": "2a7c182a"}


def test_score_pairs_refuses_unequal_numbers() -> None:
    with pytest.raises(BenchError, match="2 reconstructions for 1"):
        score_pairs(pictures(2, 16, 16), pictures(1, 16, 16), ["psnr"])


def test_devices_and_empty_sets_are_refused() -> None:
    with pytest.raises(BenchError, match="not a torch device"):
        Engine(["psnr"], device="gpu")
    if not torch.cuda.is_available():
        with pytest.raises(BenchError, match="no CUDA device"):
            Engine(["psnr"], device="cuda")
    with pytest.raises(BenchError, match="no pair"):
        Engine(["psnr"]).finish()
