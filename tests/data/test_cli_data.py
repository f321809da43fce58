"""``bench data``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from bench.cli.data import command
from bench.data.catalog import EXPECTED, place
from bench.data.names import parse

from .conftest import picture, save


def test_list_tells_what_is_here() -> None:
    lines = CliRunner().invoke(command, ["list"], catch_exceptions=False).output.splitlines()
    assert len(lines) == len(EXPECTED) + 1
    told = {line.split()[0]: line for line in lines}
    assert "committed with the project" in told["synthdrive:check8"]
    assert "790 pairs  no-data" in told["kitti:val"]
    assert "--split val --from DIR" in told["kitti:val"]


def test_list_needs_no_torch() -> None:
    code = (
        "import sys, bench.data; bench.data.available(); bench.data.open_pairs('synthdrive:check8'); "
        "print('torch' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True).stdout == "False\n"


def test_prepare_and_verify_a_folder(tmp_path: Path) -> None:
    for k in range(2):
        for s, side in enumerate(("l", "r")):
            save(tmp_path / side / f"{k}.png", picture(128, 160, 2 * k + s))
    name = f"folder:{tmp_path / 'l'}:{tmp_path / 'r'}"
    assert "2 pairs" in CliRunner().invoke(command, ["prepare", name], catch_exceptions=False).output
    assert CliRunner().invoke(command, ["verify", name], catch_exceptions=False).exit_code == 0
    stored = np.load(place(parse(name)) / "pictures.npy", mmap_mode="r+")
    stored[0] = 0
    stored.flush()
    done = CliRunner().invoke(command, ["verify", name])
    assert done.exit_code == 1
    assert "left/0.png: its stored pixels differ" in done.output


def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    for arguments, says in (
        (["prepare", "kiti"], "did you mean 'kitti'"),
        (["prepare", "kitti", "--from", str(tmp_path)], "data_scene_flow.zip"),
        (["prepare", "kitti", "--from", str(tmp_path / "no")], "does not exist"),
        (["verify", "kitti-mini"], "bench data prepare kitti-mini"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "bench", "data", *arguments],
            cwd=root,
            capture_output=True,
            text=True,
            env={"BENCH_DATA_DIR": str(tmp_path / "d"), "PATH": "", "HOME": str(tmp_path)},
        )
        assert done.returncode == 2
        lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("preparing")]
        assert len(lines) == 1
        assert says in lines[0]
        assert done.stdout == ""
