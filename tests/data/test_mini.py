"""kitti-mini: the committed list, and genuine pictures where they are at hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from bench.cli.data import command
from bench.data import available, mini, open_pairs
from bench.data.catalog import make, place
from bench.data.names import parse
from bench.errors import BenchError, MissingData


def test_list_is_whole() -> None:
    rows = mini.frames()
    assert {s: sum(r["split"] == s for r in rows) for s in mini.COUNTS} == mini.COUNTS
    hashes = [r[f"{side}_pixels"] for r in rows for side in ("left", "right")]
    assert len(set(hashes)) == 2 * len(rows)
    test = {r["scene"] for r in rows if r["split"] == "test"}
    assert not test & {r["scene"] for r in rows if r["split"] == "train"}
    by = {r["file"]: r["scene"] for r in rows}
    assert by["kitti2015_ftest_000000_10.png"] == by["kitti2015_ftest_000000_11.png"]
    assert by["kitti2015_train_000027_10.png"] == by["kitti2015_train_000030_10.png"]


def test_unprepared_says_the_command() -> None:
    with pytest.raises(MissingData, match=r"bench data prepare kitti-mini --split test --from DIR"):
        open_pairs("kitti-mini")
    assert ("kitti-mini", "test", "no-data") in available()


def test_prepare_verify_open(shared: Path) -> None:
    where = str(shared / "data" / "kitti-mini")
    done = CliRunner().invoke(
        command, ["prepare", "kitti-mini", "--split", "test", "--from", where], catch_exceptions=False
    )
    assert "56 pairs" in done.output
    assert ("kitti-mini", "test", "ok") in available()
    assert CliRunner().invoke(command, ["verify", "kitti-mini"]).output == "kitti-mini:test: ok\n"
    pairs = open_pairs("kitti-mini")
    assert (len(pairs), pairs.height, pairs.width, pairs.partial) == (56, 128, 256, False)
    donors = pairs.wrong_side()
    assert sorted(donors) == list(range(56))
    assert all(pairs.scenes[i] != pairs.scenes[d] for i, d in enumerate(donors))


def test_altered_or_missing_picture_is_refused(tmp_path: Path, shared: Path) -> None:
    copy = tmp_path / "mini"
    shutil.copytree(shared / "data" / "kitti-mini" / "test", copy / "test")
    victim = copy / "test" / "right" / "object_test_000011.png"
    image = Image.open(victim).copy()
    image.putpixel((7, 7), tuple((v + 1) % 256 for v in image.getpixel((7, 7))))
    image.save(victim)
    name = parse("kitti-mini")
    with pytest.raises(BenchError, match=r"object_test_000011.png is not the picture"):
        make(name, [copy], quiet=True)
    victim.unlink()
    with pytest.raises(MissingData, match=r"lacks 1 files.*test/right/object_test_000011.png"):
        make(name, [copy], quiet=True)
    assert not list(place(name).parent.glob("*")) if place(name).parent.exists() else True
