"""The committed table of published points: its schema, and what may be drawn where."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.report.published.table import CONFIDENCES, POINTS, SOURCES, beside, find_folder, read_points

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "results" / "published"


def test_every_row_holds_what_the_schema_says() -> None:
    points = read_points(FOLDER / POINTS)
    sources = tomllib.loads((FOLDER / SOURCES).read_text(encoding="utf-8"))
    assert len(points) > 1000 and len(set(points)) == len(points)
    assert {p.dataset for p in points} == {"kitti", "cityscapes"} and {p.read for p in points} == {
        "table",
        "vector plot",
        "figure",
    }
    for p in points:
        assert p.source in sources and p.confidence in CONFIDENCES and p.convention and p.bpp_kind and 0 < p.bpp < 2
    limits = {
        "psnr": (8, 45),
        "ms_ssim_db": (1, 25),
        "ssim": (0, 1),
        "lpips_vgg": (0, 1),
        "lpips_alex": (0, 1),
        "dists": (0, 1),
        "fid": (0, 400),
        "kid": (-0.01, 1),
        "niqe": (1, 40),
        "miou": (0, 1),
    }
    assert all(limits[p.metric][0] <= p.value <= limits[p.metric][1] for p in points)
    assert (FOLDER / POINTS).stat().st_size < 300_000


def test_a_known_point_is_there() -> None:
    points = read_points(FOLDER / POINTS)
    found = [p for p in points if (p.method, p.source, p.metric) == ("NDIC-B17", "neural-dsc-table", "psnr")]
    assert len(found) == 15 and any((p.bpp, p.value) == (0.076661, 22.89) for p in found)
    assert Counter(p.resolution for p in points)["full size"] == 6


def test_only_the_same_place_size_and_metric_stand_beside_ours() -> None:
    points = read_points(FOLDER / POINTS)
    near = beside(points, "kitti-mini", ["psnr", "lpips_squeeze"])
    assert near and {p.dataset for p in near} == {"kitti"} and {p.metric for p in near} == {"psnr"}
    assert {p.resolution for p in near} == {"128x256"} and beside(points, "synthdrive", ["psnr"]) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("A,kitti,128x256,psnr,c,x,estimated,20,,s,table,exact", "line 2, is no point"),
        ("A,kitti,128x256,psnrr,c,0.1,estimated,20,,s,table,exact", "'psnrr' is no known metric"),
        ("A,kitti,128x256,psnr,c,0.1,estimated,20,,s,table,sure", "'sure' is no known metric or confidence"),
        (None, "has no column confidence"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, line: str | None, words: str) -> None:
    head = (FOLDER / POINTS).read_text(encoding="utf-8").splitlines()[0]
    (tmp_path / POINTS).write_text(f"{head}\n{line}\n" if line else head.rpartition(",")[0] + "\n")
    with pytest.raises(BenchError, match=words):
        read_points(tmp_path / POINTS)


def test_the_folder_of_a_store_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_folder([tmp_path / "runs"]) is None
    for name in ("results", "runs"):
        (tmp_path / name / "published").mkdir(parents=True)
        (tmp_path / name / "published" / POINTS).write_text("")
    assert find_folder([tmp_path / "runs"]) == tmp_path / "runs" / "published"
    assert find_folder([tmp_path / "other"]) == Path("results") / "published"
