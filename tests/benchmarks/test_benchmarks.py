"""The benchmarks in small: every side runs, and all sides agree on the numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from bench.data import catalog
from bench.errors import BenchError
from benchmarks import distances, metrics
from benchmarks.networks import Networks


@pytest.fixture
def prepared(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The genuine weights beside the checkout, and the test pairs prepared from there."""
    monkeypatch.setenv("BENCH_WEIGHTS_DIR", str(shared / "weights"))
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("BENCH_DATA_DIR", str(tmp_path / "prepared"))
    catalog.make(catalog.parse("kitti-mini", "test"), [shared / "data" / "kitti-mini"], quiet=True)


def test_two_pairs_at_one_rate(prepared: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(metrics, "RESULTS", tmp_path / "results")
    threads = torch.get_num_threads()
    words = ["--pairs", "2", "--rates", "1", "--rebuilt", "1", "--metrics", "psnr,ms_ssim,lpips_squeeze,niqe"]
    done = CliRunner().invoke(metrics.main, words)
    torch.set_num_threads(threads)
    assert done.exit_code == 0, done.output
    assert "libraries, networks built once" in done.output
    found = json.loads((tmp_path / "results" / "metrics.json").read_text())
    assert found["metrics"] == ["psnr", "ms_ssim", "lpips_squeeze", "niqe"]
    assert (found["pairs"], len(found["rates"]), found["stand_ins"]) == (2, 1, [])
    for kind in ("wall", "cpu"):
        seconds, ratios = found["seconds"][kind], found["ratios"][kind]
        assert min(seconds.values()) > 0
        assert ratios["engine / bare"] == pytest.approx(seconds["engine"] / seconds["bare"])
        assert ratios["libraries / engine"] == pytest.approx(seconds["libraries"] / seconds["engine"])
    assert found["largest_difference"]["lpips_squeeze"] <= 1e-4
    assert found["largest_difference"]["ms_ssim"] <= 1e-5
    assert found["largest_difference"]["niqe"] <= 1e-3
    assert not any(str(tmp_path) in line for line in json.dumps(found).split('"'))


@pytest.mark.slow
def test_all_networks_agree_with_the_libraries_on_stand_ins(prepared: None) -> None:
    threads = torch.get_num_threads()
    found = metrics.measure("kitti-mini", 1, 1, 1, list(metrics.METRICS), 1)
    torch.set_num_threads(threads)
    assert set(found["stand_ins"]) == {"alexnet", "vgg16", "inception"}
    assert found["metrics"] == list(metrics.METRICS)
    for name in ("lpips_squeeze", "lpips_alex", "lpips_vgg", "dists"):
        assert found["largest_difference"][name] <= 1e-4


def test_what_has_no_weights_and_no_stand_in_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("BENCH_WEIGHTS_DIR", raising=False)
    networks = Networks(tmp_path, ["psnr", "niqe", "lpips_squeeze"])
    assert networks.metrics == ["psnr"] and networks.stood_in == []


def test_bad_options_end_with_one_sentence(prepared: None) -> None:
    for words, message in ((["--pairs", "57"], "give --pairs 1 to 56"), (["--metrics", "vmaf"], "vmaf is none of")):
        done = CliRunner().invoke(metrics.main, [*words, "--no-write"])
        assert done.exit_code == 2
        assert message in done.output
    with pytest.raises(BenchError, match="56 test pairs"):
        metrics.measure("kitti-mini", 0, 1, 1, ["psnr"], torch.get_num_threads())


def test_all_forms_of_the_distance_agree() -> None:
    found = distances.measure(60, 96, repeats=1)
    assert set(found["relative_difference"]) == {"sqrtm", "eigvals"}
    assert max(found["relative_difference"].values()) < 1e-5
    assert "n=60, d=96" in distances.table(found)[0]
