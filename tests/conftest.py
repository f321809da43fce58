"""Fixtures that every room's tests share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pairs and metric weights beside the checkout; tests that need it skip without it."""
    if not (SHARED / "data" / "kitti-mini").is_dir():
        pytest.skip(f"real pairs and weights are not beside this checkout (looked for {SHARED})")
    return SHARED


@dataclass(frozen=True)
class Ended:
    """How a command ended, with what it printed."""

    code: int
    out: str
    err: str


Cli = Callable[..., Ended]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Call the command line in this process: ``cli("run", "--method", …)``."""
    from bench.cli.main import main

    def call(*words: object) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        printed = capsys.readouterr()
        return Ended(int(ended.value.code or 0), printed.out, printed.err)

    return call


@pytest.fixture
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, with datasets, caches and weights of its own; returns it."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("BENCH_DATA_DIR", str(tmp_path / "prepared"))
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("BENCH_OFFLINE", "1")
    monkeypatch.delenv("BENCH_WEIGHTS_DIR", raising=False)
    return work
