"""`bench run --sweep` and `--random-init`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from toypkg.command import Ended

from bench.report.sweep import Setting, metrics_of, write_page
from bench.store.table import read_run


def test_a_sweep_measures_each_setting_and_writes_a_page(cli: Callable[..., Ended], own_folders: Path) -> None:
    command = (
        "run", "--method", "spdic", "--random-init", "--dataset", "synthdrive:check8", "--limit", "1", "--rates", "r1",
        "--metrics", "psnr,beta", "--option", "steps=1", "--device", "cpu",
    )  # fmt: skip
    ended = cli(*command, "--sweep", "noise=0,0.5")
    assert ended.code == 0, ended.err
    page = next((own_folders / "runs" / "sweeps").glob("*.md")).read_text(encoding="utf-8")
    assert "untrained weights" in page and "noise=0 |" in page and "noise=0.5 |" in page and "N = 1" in page
    runs = [read_run(path.parent) for path in (own_folders / "runs").rglob("run.json")]
    assert len(runs) == 2 and len({run["summary"]["psnr"] for run in runs}) == 2
    again = cli(*command, "--sweep", "noise=0.5,0")
    assert again.code == 0 and again.out.count("1 cached") == 2
    board = cli("report", "--store", "runs", "--out", "reports")
    assert board.code == 0 and "untrained weights" in next(Path("reports").rglob("leaderboard.md")).read_text("utf-8")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--method", "spdic,jpeg", "--sweep", "noise=0"), "one --method"),
        (("--method", "all", "--sweep", "noise=0"), "one --method"),
        (("--method", "spdic", "--sweep", "noise"), "key=v1,v2"),
        (("--method", "spdic", "--sweep", "noise=0", "--sweep", "noise=1"), "twice"),
        (("--method", "spdic", "--sweep", "noise=0", "--option", "noise=1"), "both set and swept"),
        (("--method", "spdic", "--sweep", "loudness=0"), "no option 'loudness'"),
        (("--method", "jpeg", "--random-init"), "no option 'random_init'"),
    ],
)
def test_sweeps_that_mean_nothing(
    cli: Callable[..., Ended], own_folders: Path, more: tuple[str, ...], words: str
) -> None:
    ended = cli("run", "--dataset", "synthdrive:check8", *more)
    assert ended.code == 2 and words in ended.err
    assert not (own_folders / "runs").exists()


def test_random_weights_take_no_file(cli: Callable[..., Ended], own_folders: Path) -> None:
    (own_folders / "w.safetensors").write_bytes(b"")
    ended = cli("run", "--method", "spdic", "--random-init", "--weights", "w.safetensors")
    assert ended.code == 2 and "leave --weights out" in ended.err


def test_the_page_draws_what_every_setting_has(tmp_path: Path) -> None:
    values = {"bpp": 0.05, "psnr": 20.0, "beta": 0.9, "lpips_squeeze": 0.3, "fd_squeeze": 9.0}
    whole = [Setting("r1", {"noise": level}, {**values, "psnr": 20.0 - level}) for level in (0, 1)]
    assert metrics_of(whole) == ["lpips_squeeze", "fd_squeeze"]
    files = write_page("spdic:described", "synthdrive:test, N = 2", whole, tmp_path / "page")
    assert [path.suffix for path in files] == [".md", ".png", ".svg"] and all(path.stat().st_size for path in files)
    svg = files[2].read_text(encoding="utf-8")
    assert "β 0.90" in svg and "noise=1" in svg
    partial = [whole[0], Setting("r1", {"noise": 1}, {"psnr": 19.0})]
    assert metrics_of(partial) == [] and len(write_page("spdic", "here", partial, tmp_path / "bare")) == 1
