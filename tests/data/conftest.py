"""Small datasets in the layouts of the real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what tests prepare away from the user's datasets and cache."""
    monkeypatch.setenv("BENCH_DATA_DIR", str(tmp_path / "prepared"))
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))


def picture(height: int, width: int, seed: int) -> Image.Image:
    """Return a picture of smooth random colour that no two seeds share."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (height // 16 + 2, width // 16 + 2, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def save(path: Path, image: Image.Image) -> Path:
    """Save a picture, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path
