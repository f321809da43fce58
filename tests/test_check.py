"""The regression gate: silent while nothing moves, loud when a weight, a codec or a metric does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import check, recipe
from bench.codec import CodecInfo
from bench.loading import codec_info
from bench.metrics import perceptual
from bench.registry import methods
from methods.layers.weights import recipe_path

SHIPPED = list(check.units())


def _units() -> Iterator[tuple[CodecInfo, str]]:
    for name, rate in (("jpeg", "r2"), ("copy-y", "r1"), ("balle2018", "r2")):
        yield codec_info(name), rate


@pytest.fixture(scope="module")
def goldens(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Goldens of three units, made here by ``bench check --update``."""
    file = tmp_path_factory.mktemp("golden") / "check.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_WEIGHTS_DIR", str(shared / "weights"))
        patch.setenv("BENCH_CACHE_DIR", str(file.parent / "cache"))
        patch.setattr(check, "GOLDEN", file)
        patch.setattr(check, "units", _units)
        patch.setattr(check, "codecs", lambda: (info for info, _ in _units()))
        now, drifts, notes = check.run(lambda line: None)
        assert len(drifts) == 3 and all("has no golden" in drift for drift in drifts) and notes == []
        check.write(now)
        yield file


@pytest.fixture
def own_goldens(goldens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of them that a test may spoil."""
    copy = tmp_path / "check.json"
    shutil.copy(goldens, copy)
    monkeypatch.setattr(check, "GOLDEN", copy)
    return copy


def test_goldens_hold_what_they_should(goldens: Path) -> None:
    held = json.loads(goldens.read_text())
    assert set(held["units"]) == {"jpeg:base r2", "copy-y:base r1", "balle2018:canonical r2"}
    assert held["fingerprint"] == check.fingerprint() and held["protocol"] == "dic128-v1"
    for unit in held["units"].values():
        assert len(unit["bytes"]) == len(unit["sha256"]) == 8
        assert set(unit["metrics"]) == set(check.METRICS)
        assert all(len(values) == 8 for values in unit["metrics"].values())
    assert set(held["units"]["copy-y:base r1"]["bytes"]) == {8}


def test_it_passes_when_nothing_moved(goldens: Path, cli: Any) -> None:
    before = goldens.read_bytes()
    ended = cli("check")
    assert ended.code == 0, ended.out
    assert ended.out == "3 units compared with the goldens, 0 drifts.\n"
    assert cli("check", "--update").code == 0
    assert goldens.read_bytes() == before  # measured twice, the same to the last digit that is kept


@pytest.mark.parametrize("part", ["g_a.0.weight", "g_s.0.weight"])
def test_one_changed_weight_is_told(
    own_goldens: Path, tmp_path: Path, cli: Any, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """One number of one tensor moves, and the recipe names the new file as its own."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    home = tmp_path / "balle2018"
    (home / "weights").mkdir(parents=True)
    shutil.copy(recipe_path("balle2018"), home / "recipe.toml")
    shipped = codec_info("balle2018").rates[0].weights
    assert shipped is not None
    with safe_open(shipped, "pt") as file:
        about = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    flat = tensors[part].view(-1)
    at = int(flat.abs().argmax())
    flat[at] *= 0.9
    save_file(tensors, home / "weights" / shipped.name, about)
    digest = check.digest_of(home / "weights" / shipped.name)
    recipe.publish_digest(home / "recipe.toml", "canonical", "small", "all", digest)
    made = recipe.method(home / "recipe.toml", methods.get("balle2018").target)
    monkeypatch.setitem(methods._loaded, "balle2018", made)

    ended = cli("check")
    assert ended.code == 1
    lines = ended.out.splitlines()
    assert lines[-1].startswith("3 units compared with the goldens, ")
    assert all(line.startswith("balle2018:canonical r2: ") for line in lines[:-1])
    assert f"balle2018:canonical r2: other weights, sha256 {digest[:12]}…, golden " in ended.out

    # The behaviour tells by itself, even where the goldens say that the weights are these.
    held = json.loads(own_goldens.read_text())
    held["units"]["balle2018:canonical r2"]["weights"] = digest
    own_goldens.write_text(json.dumps(held))
    ended = cli("check")
    assert ended.code == 1 and "other weights" not in ended.out
    assert ("the bytes of " in ended.out) == (part == "g_a.0.weight")
    assert " has psnr " in ended.out and "behaviour moved while revision stayed 1" in ended.out

    # Where another processor wrote the goldens, bytes are not compared and pictures loosely; the digest tells even so.
    held["fingerprint"], held["units"]["balle2018:canonical r2"]["weights"] = "another processor", "0" * 64
    own_goldens.write_text(json.dumps(held))
    ended = cli("check")
    assert ended.code == 1 and "the bytes of " not in ended.out and "other weights" in ended.out


def test_another_processor_passes_while_nothing_moves(own_goldens: Path, cli: Any) -> None:
    held = json.loads(own_goldens.read_text())
    held["fingerprint"] = "another processor"
    for unit in held["units"].values():
        unit["sha256"] = ["0" * 16] * 8
        unit["metrics"]["psnr"] = [value + 0.005 for value in unit["metrics"]["psnr"]]
    own_goldens.write_text(json.dumps(held))
    assert cli("check").code == 0


def test_lpips_in_the_wrong_range_is_refused_at_load(goldens: Path, cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference pair of the network's own check tells, before anything is measured."""
    real = perceptual.Lpips.features
    monkeypatch.setattr(perceptual.Lpips, "features", lambda self, picture, unit_range=False: real(self, picture, True))
    ended = cli("check")
    assert ended.code == 2
    assert ended.err.startswith("Error: LPIPS squeeze gives ") and ended.err.count("\n") == 1


def test_lpips_in_the_wrong_range_is_a_drift(goldens: Path, cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the goldens tell, should that check be gone."""
    real = perceptual.Lpips.features
    monkeypatch.setattr(perceptual.Lpips, "features", lambda self, picture, unit_range=False: real(self, picture, True))
    monkeypatch.setattr(perceptual.Lpips, "_self_check", lambda self: None)
    ended = cli("check")
    assert ended.code == 1
    moved = [line for line in ended.out.splitlines() if "lpips_squeeze" in line]
    assert len(moved) == 3 and all("item 0 has lpips_squeeze" in line and "golden" in line for line in moved)
    assert " psnr " not in ended.out


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda held: held["units"].pop("jpeg:base r2"), "jpeg:base r2: has no golden"),
        (lambda held: held["units"].update({"gone r1": {}}), "gone r1: in the goldens, but no longer shipped"),
        (lambda held: held.update(manifest="0" * 64), "manifest is "),
        (lambda held: held.update(protocol="dic128-v0"), "protocol is dic128-v1, golden dic128-v0"),
        (lambda held: held["units"]["jpeg:base r2"]["bytes"].__setitem__(3, 1), "item 3 takes "),
    ],
)
def test_what_else_is_a_drift(own_goldens: Path, cli: Any, spoil: Any, says: str) -> None:
    held = json.loads(own_goldens.read_text())
    spoil(held)
    own_goldens.write_text(json.dumps(held))
    ended = cli("check")
    assert ended.code == 1 and says in ended.out


def test_a_codec_that_breaks_is_a_drift_and_no_golden(
    own_goldens: Path, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.errors import BenchError
    from methods.controls.codec import CopyCodec

    def fail(*_: Any) -> Any:
        raise BenchError("The side view is gone.")

    monkeypatch.setattr(CopyCodec, "decode", fail)
    before = own_goldens.read_bytes()
    ended = cli("check")
    assert ended.code == 1 and "copy-y:base r1: The side view is gone." in ended.out
    assert cli("check", "--update").code == 2 and own_goldens.read_bytes() == before


def test_goldens_are_not_written_without_every_metric(
    own_goldens: Path, tmp_path: Path, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS_DIR", str(tmp_path))
    before = own_goldens.read_bytes()
    ended = cli("check")
    assert ended.code == 0 and "note: lpips_squeeze was not compared: " in ended.out
    ended = cli("check", "--update")
    assert ended.code == 2 and "The goldens need lpips_squeeze" in ended.err and own_goldens.read_bytes() == before


def test_the_gate_covers_every_shipped_codec() -> None:
    named = {info.full_name for info, _ in SHIPPED}
    shipped = {f"{name}:{variant}" for name in methods for variant in methods.get(name).variants
               if methods.origin(name) == "dic-bench" and "small" in methods.get(name).presets_of(variant)
               and not codec_info(f"{name}:{variant}").untrained}  # fmt: skip
    assert named == shipped and {"ndic:b17", "ndic:b18", "warp-y:oracle", "heic:base"} <= named
    for info, rate in SHIPPED:
        assert rate in {point.name for point in info.rates}
    rates = [rate for info, rate in SHIPPED if info.name == "ndic" and info.variant == "b18"]
    assert len(rates) == 2


def test_threads_are_given_back(goldens: Path) -> None:
    before = torch.get_num_threads()
    check.run(lambda line: None)
    assert torch.get_num_threads() == before
