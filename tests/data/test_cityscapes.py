"""The Cityscapes rule, on a generated archive of full-size renders."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.data import cityscapes, open_pairs
from bench.data.catalog import place
from bench.data.names import parse
from bench.data.picture import fit_whole
from bench.data.plan import prepare
from bench.data.synthdrive import render
from bench.errors import BenchError, MissingData

FRAMES = [
    "berlin_000001_000019",
    "aachen_000003_000019",
    "zurich_000000_000019",
    "aachen_000001_000019",
    "aachen_000001_000020",
    "zurich_000002_000019",
]
COUNT = {"train": 0, "val": 0, "test": len(FRAMES)}


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two zips of 1024×2048 pictures of three cities, written in no order."""
    root = tmp_path_factory.mktemp("cityscapes")
    done = render([11, 12])
    for side, views in (("leftImg8bit", done.left), ("rightImg8bit", done.right)):
        with zipfile.ZipFile(root / f"{side}_trainvaltest.zip", "w") as archive:
            archive.writestr("license.txt", "terms")
            for k, frame in enumerate(FRAMES):
                image = Image.fromarray(views[k % 2].permute(1, 2, 0).numpy() // (1 + k // 2))
                out = io.BytesIO()
                image.resize((2048, 1024), Image.Resampling.BICUBIC).save(out, "PNG", compress_level=1)
                archive.writestr(f"{side}/test/{frame.split('_')[0]}/{frame}_{side}.png", out.getvalue())
    return root


def test_order_resize_and_open(archives: Path) -> None:
    name = parse("cityscapes")
    plan = cityscapes.plan([archives], "test", COUNT)
    assert [i.id for i in plan.items] == [f"{f}-lr" for f in sorted(FRAMES)]
    assert [i.scene for i in plan.items][:2] == ["aachen_000001", "aachen_000001"]
    prepare(name, plan, place(name), fit_whole)
    pairs = open_pairs("cityscapes")
    x, y = pairs.batch([2])
    for side, view in (("leftImg8bit", x), ("rightImg8bit", y)):
        with zipfile.ZipFile(archives / f"{side}_trainvaltest.zip") as archive:
            data = archive.read(f"{side}/test/aachen/aachen_000003_000019_{side}.png")
        want = Image.open(io.BytesIO(data)).resize((256, 128), Image.Resampling.BILINEAR)
        assert np.array_equal(view[0].permute(1, 2, 0).numpy(), np.asarray(want))
    assert all(pairs.scenes[i] != pairs.scenes[d] for i, d in enumerate(pairs.wrong_side()))


def test_unpacked_tree_is_the_same(archives: Path, tmp_path: Path) -> None:
    for side in ("leftImg8bit", "rightImg8bit"):
        with zipfile.ZipFile(archives / f"{side}_trainvaltest.zip") as archive:
            archive.extractall(tmp_path / "tree")
    a = prepare(parse("cityscapes"), cityscapes.plan([tmp_path / "tree"], "test", COUNT), tmp_path / "a", fit_whole)
    b = prepare(parse("cityscapes"), cityscapes.plan([archives], "test", COUNT), tmp_path / "b", fit_whole)
    assert a.digest() == b.digest()


def test_counts_and_missing_files(archives: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="holds 6 pairs.*but 1525 belong"):
        cityscapes.plan([archives], "test")
    with pytest.raises(MissingData, match="with a val split"):
        cityscapes.plan([archives], "val", COUNT)
    for side in ("leftImg8bit", "rightImg8bit"):
        with zipfile.ZipFile(archives / f"{side}_trainvaltest.zip") as archive:
            archive.extractall(tmp_path)
    (tmp_path / "rightImg8bit/test/zurich/zurich_000000_000019_rightImg8bit.png").unlink()
    with pytest.raises(MissingData, match=r"lacks 1 files.*zurich_000000_000019_rightImg8bit\.png"):
        cityscapes.plan([tmp_path], "test", COUNT)


def test_damaged_archive(tmp_path: Path) -> None:
    (tmp_path / "leftImg8bit_trainvaltest.zip").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(BenchError, match="not an intact zip archive"):
        cityscapes.plan([tmp_path], "test", COUNT)
