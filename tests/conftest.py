"""Fixtures that every room's tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from toypkg.command import Ended, call

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pairs and metric weights beside the checkout; tests that need it skip without it."""
    if not (SHARED / "data" / "kitti-mini").is_dir():
        pytest.skip(f"real pairs and weights are not beside this checkout (looked for {SHARED})")
    return SHARED


@pytest.fixture
def cli() -> Callable[..., Ended]:
    """Call the command line in this process: ``cli("run", "--method", …)``."""
    return call


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that a module works in, with its own datasets and caches, and the metric weights beside the checkout."""
    root = tmp_path_factory.mktemp("place")
    (root / "work").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_DATA_DIR", str(root / "prepared"))
        patch.setenv("BENCH_CACHE_DIR", str(root / "cache"))
        patch.setenv("BENCH_OFFLINE", "1")
        if (SHARED / "weights").is_dir():
            patch.setenv("BENCH_WEIGHTS_DIR", str(SHARED / "weights"))
        else:
            patch.delenv("BENCH_WEIGHTS_DIR", raising=False)
        patch.chdir(root / "work")
        yield root / "work"


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
