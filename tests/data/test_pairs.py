"""PairSet: limits, derangements, manifests."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from bench.data import manifest as manifests
from bench.data.manifest import Item, Manifest, Picture
from bench.data.names import parse
from bench.data.pairs import PICTURES, PairSet, load, verify
from bench.data.picture import fit_prepared
from bench.data.plan import Plan, prepare
from bench.data.sources import Source
from bench.errors import BenchError

from .conftest import picture, save

SCENES = ["a", "a", "b", "b", "b", "c", "d", "e", "e", "f"]


def _set(limit: int | None = None, scenes: list[str] = SCENES, direction: str = "-lr") -> PairSet:
    rng = np.random.default_rng(0)
    views = rng.integers(0, 256, (2 * len(scenes), 3, 128, 256), dtype=np.uint8)
    pictures = [Picture(f"p{k}", "", manifests.pixel_hash(v)) for k, v in enumerate(views)]
    items = [Item(f"i{k:02d}{direction}", s, 2 * k, 2 * k + 1) for k, s in enumerate(scenes)]
    return PairSet(parse("kitti"), Manifest("kitti", "test", "test", pictures, items), {PICTURES: views}, limit)


def test_wrong_side_never_lends_within_a_scene() -> None:
    pairs = _set()
    donors = pairs.wrong_side()
    assert sorted(donors) == list(range(10))
    assert all(pairs.scenes[i] != pairs.scenes[d] for i, d in enumerate(donors))
    assert donors == _set().wrong_side()


def test_wrong_side_keeps_the_direction() -> None:
    scenes = [s for s in "abcdef" for _ in range(2)]
    pairs = _set(scenes=scenes)
    pairs.ids = [f"i{k}{('-lr', '-rl')[k % 2]}" for k in range(12)]
    donors = pairs.wrong_side()
    assert all(pairs.ids[i][-3:] == pairs.ids[d][-3:] and scenes[i] != scenes[d] for i, d in enumerate(donors))


def test_wrong_side_at_exactly_half_and_beyond() -> None:
    pairs = _set(scenes=["a", "a", "b", "c"])
    assert all(pairs.scenes[i] != pairs.scenes[d] for i, d in enumerate(pairs.wrong_side()))
    with pytest.raises(BenchError, match="more than half"):
        _set(scenes=["a", "a", "a", "b", "c"]).wrong_side()


def test_limit_takes_the_smallest_hashes_in_order() -> None:
    whole, some = _set(), _set(limit=4)
    want = sorted(whole.ids, key=lambda i: hashlib.sha256(i.encode()).hexdigest())[:4]
    assert some.ids == [i for i in whole.ids if i in want]
    assert some.partial
    assert not whole.partial
    assert some.manifest == whole.manifest
    assert not _set(limit=10).partial
    with pytest.raises(BenchError, match="--limit 0"):
        _set(limit=0)


def test_batch_reads_both_views() -> None:
    pairs = _set()
    x, y = pairs.batch([3, 0])
    assert x.shape == y.shape == (2, 3, 128, 256)
    assert (x[1].numpy() == pairs._arrays[PICTURES][0]).all()
    assert (y[0].numpy() == pairs._arrays[PICTURES][7]).all()
    assert pairs.labels([0]) is None
    assert pairs.captions([0]) is None


def _prepare(tmp_path: Path, target: Path) -> Manifest:
    plan = Plan()
    for k in range(3):
        views = []
        for side in "lr":
            path = save(tmp_path / "src" / f"{k}{side}.png", picture(128, 256, 2 * k + (side == "r")))
            views.append(Source(path.name, str(path), path.read_bytes))
        plan.add(f"{k}-lr", f"s{k}", views[0], views[1])
        plan.add(f"{k}-rl", f"s{k}", views[1], views[0])
    return prepare(parse("kitti-mini"), plan, target, fit_prepared)


def test_prepared_set_round_trips_and_damage_is_found(tmp_path: Path) -> None:
    target = tmp_path / "out" / "test"
    told = _prepare(tmp_path, target)
    pairs = load(parse("kitti-mini"), target)
    assert len(told.pictures) == 6  # each view is stored once, though both directions use it
    assert pairs.manifest == told.digest()
    assert (pairs.batch([0])[0] == pairs.batch([1])[1]).all()
    assert verify(target) == []
    stored = np.load(target / PICTURES, mmap_mode="r+")
    stored[2, 0, 5, 5] ^= 1
    stored.flush()
    assert [line.split(":")[0] for line in verify(target)] == ["1l.png"]
    (target / PICTURES).write_bytes((target / PICTURES).read_bytes()[:-1000])
    with pytest.raises(BenchError, match="damaged"):
        load(parse("kitti-mini"), target)
    (target / manifests.FILE).write_text('{"format": 1')
    with pytest.raises(BenchError, match="is damaged"):
        load(parse("kitti-mini"), target)


def test_newer_format_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "out"
    _prepare(tmp_path, target)
    text = (target / manifests.FILE).read_text()
    (target / manifests.FILE).write_text(text.replace('"format": 1', '"format": 2'))
    with pytest.raises(BenchError, match="newer dic-bench"):
        load(parse("kitti-mini"), target)


def test_manifest_hash_depends_on_order_scene_and_pixels() -> None:
    base = _set()
    other = _set(scenes=["z", *SCENES[1:]])
    assert base.manifest != other.manifest
    assert base.manifest != _set(direction="-rl").manifest


def test_full_disk_is_said_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 1000))
    with pytest.raises(BenchError, match=r"0 MB free.*need.*BENCH_DATA_DIR"):
        _prepare(tmp_path, tmp_path / "out" / "test")
    assert not (tmp_path / "out").exists()
