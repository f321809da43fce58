"""folder:LEFT:RIGHT, and every kind of bad picture: one sentence, nothing half-written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.data import open_pairs
from bench.data.places import data_root
from bench.errors import BenchError

from .conftest import picture, save


@pytest.fixture
def name(tmp_path: Path) -> str:
    for k in range(3):
        for s, side in enumerate(("left", "right")):
            save(tmp_path / side / f"{k}.png", picture(144, 200, 2 * k + s))
    return f"folder:{tmp_path / 'left'}:{tmp_path / 'right'}"


def test_opens_at_native_size_and_notices_changes(name: str, tmp_path: Path) -> None:
    pairs = open_pairs(name)
    assert (len(pairs), pairs.height, pairs.width, pairs.subset) == (3, 144, 200, "all")
    assert pairs.dataset.startswith("folder-")
    x, y = pairs.batch([1])
    assert np.array_equal(x[0].permute(1, 2, 0).numpy(), np.asarray(picture(144, 200, 2)))
    assert np.array_equal(y[0].permute(1, 2, 0).numpy(), np.asarray(picture(144, 200, 3)))
    assert open_pairs(name, "test").manifest == pairs.manifest
    save(tmp_path / "left" / "1.png", picture(144, 200, 99))
    assert open_pairs(name).manifest != pairs.manifest


def _spoil(path: Path, how: str) -> None:
    array = np.asarray(picture(144, 200, 5))
    if how == "grey":
        Image.fromarray(array[..., 0]).save(path)
    elif how == "16-bit grey":
        Image.fromarray(array[..., 0].astype(np.uint16) * 256).save(path)
    elif how == "16-bit colour":
        import cv2

        cv2.imwrite(str(path), array.astype(np.uint16) * 256)
    elif how == "alpha":
        Image.fromarray(np.dstack([array, array[..., :1]])).save(path)
    elif how == "other size":
        picture(144, 208, 5).save(path)
    elif how == "cut short":
        path.write_bytes(path.read_bytes()[:2000])
    elif how == "no picture":
        path.write_text("hello")
    elif how == "gone":
        path.unlink()


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("grey", "is greyscale"),
        ("16-bit grey", "16 bits a channel"),
        ("16-bit colour", "16 bits a channel"),
        ("alpha", "has the mode RGBA"),
        ("other size", r"144x20\d, but .* 144x20\d"),
        ("cut short", "cannot be read"),
        ("no picture", "cannot be read"),
        ("gone", "is missing; both folders"),
    ],
)
@pytest.mark.parametrize("victim", ["left/0.png", "right/2.png"])
def test_bad_pictures(name: str, tmp_path: Path, how: str, says: str, victim: str) -> None:
    _spoil(tmp_path / victim, how)
    with pytest.raises(BenchError, match=says) as error:
        open_pairs(name)
    told = str(error.value)
    assert Path(victim).name in told
    assert "\n" not in told
    assert told.endswith(".")
    assert not any(p.is_file() or p.name.endswith(".part") for p in data_root().rglob("*"))


def test_too_small_and_empty(tmp_path: Path) -> None:
    for side in ("left", "right"):
        save(tmp_path / side / "0.png", picture(96, 200, 1))
    with pytest.raises(BenchError, match="96x200; pictures need at least 128x128"):
        open_pairs(f"folder:{tmp_path / 'left'}:{tmp_path / 'right'}")
    (tmp_path / "none").mkdir()
    with pytest.raises(BenchError, match="holds no pictures"):
        open_pairs(f"folder:{tmp_path / 'none'}:{tmp_path / 'right'}")
    with pytest.raises(BenchError, match="is not a folder"):
        open_pairs(f"folder:{tmp_path / 'nowhere'}:{tmp_path / 'right'}")


def test_one_scene_cannot_lend(name: str) -> None:
    with pytest.raises(BenchError, match="more than half"):
        open_pairs(name, limit=1).wrong_side()
