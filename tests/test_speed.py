"""How long the light commands take: measured budgets, with room for a loaded machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOM = 3
"""Budgets hold on a quiet machine; on one that shares its cores the best of a few runs may take this much longer."""


def _best(words: list[str], folder: Path, runs: int = 3) -> tuple[float, str]:
    """Seconds of the fastest of a few whole processes, and what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BENCH_CACHE_DIR": str(folder / "cache")}
    took, out = [], ""
    for _ in range(runs):
        began = time.perf_counter()
        command = [sys.executable, "-m", "bench", *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
        took.append(time.perf_counter() - began)
        assert done.returncode == 0, done.stderr
        out = done.stdout
    return min(took), out


@pytest.mark.parametrize(("words", "budget"), [(["--help"], 0.4), (["list"], 0.8)])
def test_help_and_list_are_instant(words: list[str], budget: float, tmp_path: Path) -> None:
    took, out = _best(words, tmp_path)
    assert "ndic" in out or "Commands" in out
    assert took <= ROOM * budget


@pytest.mark.parametrize("words", [["--help"], ["list"], ["data", "list"], ["fetch"], ["train", "--help"]])
def test_nothing_heavy_is_imported(words: list[str], tmp_path: Path) -> None:
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['bench', *{words!r}]\n"
        "try:\n    runpy.run_module('bench', run_name='__main__')\n"
        "except SystemExit as ended:\n    assert not ended.code\n"
        "heavy = {'torch', 'torchvision', 'compressai', 'pyiqa', 'pandas', 'pyarrow', 'matplotlib', 'transformers'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "BENCH_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def test_a_finished_sweep_is_found_finished_at_once(tmp_path: Path) -> None:
    """All classical rates, learned codecs and controls: 8 rates each, 60 units and more."""
    words = ["run", "--method", "jpeg,webp,copy-y,warp-y,balle2018", "--dataset", "synthdrive:check8", "--limit", "2"]
    words += ["--controls", "--metrics", "psnr", "--device", "cpu", "--out", str(tmp_path / "runs")]
    _best(words, tmp_path, runs=1)
    took, out = _best(words, tmp_path)
    assert ", 32 cached, 0 to do" in out
    assert took <= 3
