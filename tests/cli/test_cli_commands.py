"""The command line: speed, plan, closing lines, exit codes and sentences."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.cli.main import COMMANDS, main

TOY = ["--method", "toypkg.codec:Toy", "--dataset", "toyset", "--metrics", "psnr,fid"]


def call(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


def python(code: str, cwd: Path | None = None) -> tuple[str, float]:
    began = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "BENCH_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=cwd, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, time.perf_counter() - began


HEAVY = "[m for m in ('torch', 'pandas', 'pyarrow', 'compressai', 'matplotlib') if m in sys.modules]"


@pytest.mark.parametrize("words", [["--help"], ["list"], ["run", "--help"], ["report", "--help"]])
def test_light_commands_import_nothing_heavy(words: list[str]) -> None:
    code = f"import sys\nfrom bench.cli.main import main\ntry:\n    main({words!r})\nexcept SystemExit:\n    pass\n"
    out, _ = python(code + f"print('HEAVY', {HEAVY})")
    assert "HEAVY []" in out


def test_every_command_of_the_table_can_be_imported() -> None:
    import click

    from bench.registry import import_target

    for target, text in COMMANDS.values():
        assert isinstance(import_target(target), click.Command) and text.endswith(".")


def test_a_run_prints_plan_results_and_what_to_fetch(toys: None, tmp_path: Path, capsys: Any) -> None:
    out = ["--out", str(tmp_path / "runs")]
    assert call("run", *TOY, "--rates", "r1,r2", *out) == 0
    printed = capsys.readouterr()
    assert "Plan: toyset:test, 8 pairs: 2 units, 0 cached, 2 to do." in printed.out
    assert "inception 96 MB" in printed.out and "`bench fetch inception`" in printed.out
    assert "items" in printed.err and "items" not in printed.out
    assert call("run", *TOY, *out) == 0
    assert "5 units, 2 cached, 3 to do" in capsys.readouterr().out
    assert call("report", "--store", str(tmp_path / "runs"), "--out", str(tmp_path / "reports")) == 0
    assert (tmp_path / "reports" / "leaderboard.md").is_file()


def test_breaking_off_says_how_to_go_on(toys: None, tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    from toypkg.pairs import Engine

    def stop(self: Any, *_: Any, **__: Any) -> None:
        if Engine.updates:
            raise KeyboardInterrupt
        Engine.updates = 8
        self.mse += [1.0] * 8

    monkeypatch.setattr(Engine, "update", stop)
    assert call("run", *TOY, "--out", str(tmp_path / "runs")) == 130
    assert "1 of 5 units are whole; the same command again" in capsys.readouterr().err


def test_a_unit_that_breaks_makes_exit_code_1(toys: None, tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    from toypkg.codec import Toy

    monkeypatch.setattr(Toy, "fail", "the sky fell")
    assert call("run", *TOY, "--rates", "r1", "--out", str(tmp_path / "runs")) == 1
    assert "error" in (out := capsys.readouterr().out) and "the sky fell" in out


def test_absent_data_makes_exit_code_1(toys: None, tmp_path: Path, capsys: Any) -> None:
    words = ["--method", "toypkg.codec:Toy", "--dataset", "absent", "--metrics", "psnr", "--out", str(tmp_path)]
    assert call("run", *words) == 1
    assert "no-data" in capsys.readouterr().out


BAD = [
    (["run", "--method", "jpg"], "There is no method 'jpg'; did you mean jpeg"),
    (["run", "--method", "jpeg", "--metrics", "psnrr"], "There is no metric 'psnrr'; did you mean psnr"),
    (["run", "--method", "jpeg", "--dataset", "kity"], "There is no dataset 'kity'; did you mean"),
    (["run", "--method", "jpeg", "--rates", "r99"], "no rate point 'r99'; choose one of r1, "),
    (["run", "--method", "jpeg", "--preset", "huge"], "has no preset 'huge'"),
    (["run", "--method", "jpeg", "--option", "steps"], "is not of the form key=value"),
    (["run", "--method", "jpeg", "--option", "steps=3"], "has no option 'steps'"),
    (["run", "--method", "jpeg", "--batch-size", "many"], "neither a number above 0 nor auto"),
    (["run", "--method", "jpeg", "--weights-dir", "/nowhere"], "/nowhere"),
    (["run", "--method", "jpeg", "--weights", "/nowhere.bin"], "There is no weights file /nowhere.bin."),
    (["rum"], "There is no command 'rum'; did you mean run?"),
    (["report", "--store", "/nowhere"], "There is no store at /nowhere"),
]


@pytest.mark.parametrize(("words", "sentence"), BAD)
def test_bad_input_is_one_sentence_and_exit_code_2(
    words: list[str], sentence: str, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(*words) == 2
    printed = capsys.readouterr()
    assert sentence in printed.err and printed.err.count("\n") == 1 and "Traceback" not in printed.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_without_one_is_refused_before_anything_else(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("run", "--method", "jpeg", "--device", "cuda") == 2
    assert "no CUDA device is available" in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_weights_of_another_sha256_are_refused(toys: None, tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    import dataclasses

    from toypkg.codec import Toy

    file = tmp_path / "toy.bin"
    file.write_bytes(b"other")
    point = dataclasses.replace(Toy.info.rates[0], weights=file, sha256="0" * 64)
    monkeypatch.setattr(Toy, "info", dataclasses.replace(Toy.info, rates=(point,)))
    assert call("run", *TOY, "--out", str(tmp_path / "runs")) == 2
    assert "has another sha256 than toy:base r1 declares" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_store_of_a_newer_schema_is_refused_by_run_and_report(toys: None, tmp_path: Path, capsys: Any) -> None:
    out = ["--out", str(tmp_path / "runs")]
    call("run", *TOY, "--rates", "r1", *out)
    path = next((tmp_path / "runs").rglob("run.json"))
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 99'))
    capsys.readouterr()
    for words in (["run", *TOY, "--rates", "r1", *out], ["report", "--store", str(tmp_path / "runs")]):
        assert call(*words) == 2
        assert "was written with result schema 99" in capsys.readouterr().err


def test_list_shows_licences(capsys: Any) -> None:
    assert call("list", "--metrics") == 0
    out = capsys.readouterr().out
    assert "PolyForm" in out and "Noncommercial" in out and "psnr" in out and "jpeg" not in out
    assert call("list", "--methods") == 0
    assert "warp-y:oracle" in (out := capsys.readouterr().out) and "encoder sees y" in out


def test_doctor_names_what_is_missing(capsys: Any, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path))
    assert call("doctor") == 0
    out = capsys.readouterr().out
    assert f"torch                      {torch.__version__.split('+')[0]}" in out
    assert "bench fetch vgg16" in out and "kitti-mini" in out


def test_real_codecs_end_to_end_and_a_second_run_is_light(tmp_path: Path) -> None:
    words = ["run", "--method", "jpeg,copy-y", "--dataset", "synthdrive:check8", "--limit", "4", "--rates", "r1",
             "--metrics", "psnr,ms_ssim", "--controls", "--device", "cpu", "--out", str(tmp_path / "runs")]  # fmt: skip
    code = (
        f"import sys\nfrom bench.cli.main import main\ntry:\n    main({words!r})\n"
        "except SystemExit as e:\n    print('EXIT', e.code)\n"
    )
    out, _ = python(code + f"print('HEAVY', {HEAVY})")
    assert "EXIT 0" in out and "8 units, 0 cached, 5 to do, 3 not possible here" in out
    out, took = python(code + f"print('HEAVY', {HEAVY})")
    assert "EXIT 0" in out and "5 cached, 0 to do" in out and "HEAVY []" in out
    assert took < 3

    import bench.results

    items = bench.results.load(tmp_path / "runs")
    mean = items.groupby(["method", "control"]).psnr.mean()
    assert mean["copy-y", "none"] > mean["copy-y", "wrong-y"] + 3
    assert (items[items.method == "jpeg"].bits_native > items[items.method == "jpeg"].bits_payload).all()
    assert (items[items.method == "copy-y"].bits_payload == 0).all()
    assert set(items[items.control == "wrong-y"].y_item) == set(items["item"].unique())
