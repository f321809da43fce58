"""Every kind of dataset through ``bench run``, and what a sweep records of what it could not measure."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from toypkg.command import call

import bench.results
from bench.data import catalog, cityscapes, kitti

CHECK = ("--dataset", "synthdrive:check8", "--limit", "4", "--device", "cpu")


# Failures.


def test_failures_are_rows_with_a_reason_and_no_rate(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from toypkg.codec import Toy

    monkeypatch.setattr(Toy, "fail", "the sky fell")
    out = place / "failures"
    words = (*CHECK, "--metrics", "psnr", "--out", out, "--rates", "r1,r2")
    code, printed, err = call("run", "--method", "jpeg,toypkg.codec:Toy,toypkg.codec:Unready", *words)
    assert code == 1 and "the sky fell" in printed and "Traceback" not in err
    assert call("run", "--method", "balle2018", "--preset", "paper", *words)[0] == 1
    rows = bench.results.load(out)
    status = rows.groupby("method").status.agg(set)
    assert status["jpeg"] == {"ok"} and status["toy"] == {"error"}
    assert status["unready"] == status["balle2018"] == {"no-weights"}
    bad = rows[rows.status != "ok"]
    assert len(bad) == 3 * 2 * 4 and (bad.reason != "").all()
    assert bad[bad.method == "toy"].reason.str.contains("the sky fell").all()
    assert bad[bad.method == "balle2018"].reason.str.contains("canonical-paper-r").all()
    assert bad[["bits_file", "bits_payload", "bits_estimated", "psnr", "encode_ms"]].isna().all(axis=None)
    assert call("report", "--store", out, "--out", place / "failure-report")[0] == 0
    page = next((place / "failure-report").glob("*/leaderboard.md")).read_text()
    measured, missing = page.split("## Not measured")
    assert "| toy | r1 | none | error |" in missing
    assert "| balle2018:canonical (paper) | r2 | none | no-weights |" in missing
    assert "| toy" not in measured and "| jpeg" in measured

    monkeypatch.setattr(Toy, "fail", "")  # a failure is never cached: the same command tries again
    code, printed, _ = call("run", "--method", "jpeg,toypkg.codec:Toy", *words)
    assert code == 0 and "2 cached, 2 to do" in printed
    rows = bench.results.load(out)
    assert set(rows[rows.method == "toy"].status) == {"ok"}


def test_absent_data_ends_as_no_data(place: Path) -> None:
    code, out, _ = call("run", "--method", "jpeg", "--dataset", "kitti-mini", "--rates", "r1", "--out", "none")
    assert code == 1
    assert "1 units no-data: kitti-mini:test is not prepared on this machine; run `python -m bench data prepare" in out
    assert not (place / "none").exists()


# Every other kind of dataset.


def _run_jpeg(place: Path, dataset: str, *words: str) -> pd.DataFrame:
    out = place / f"runs-{dataset.split(':')[0]}"
    metrics = ("--metrics", "psnr,ms_ssim_db,beta", "--rates", "r2")
    code, printed, err = call("run", "--method", "jpeg,copy-y", "--dataset", dataset, *metrics, *words, "--out", out)
    assert code == 0, printed + err
    assert call("report", "--store", out, "--out", out / "report")[0] == 0
    rows = bench.results.load(out)
    assert set(rows.status) == {"ok"} and rows[rows.method == "jpeg"].psnr.between(15, 45).all()
    return rows


def test_cityscapes_layout(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two archives of 1024×2048 pictures of three cities: prepared, measured, reported."""
    from bench.data.synthdrive import render

    frames = [f"{city}_00000{k}_000019" for city in ("zurich", "aachen", "berlin") for k in (1, 0)]
    done = render([11, 12])
    for side, views in (("leftImg8bit", done.left), ("rightImg8bit", done.right)):
        with zipfile.ZipFile(tmp_path / f"{side}_trainvaltest.zip", "w") as archive:
            for k, frame in enumerate(frames):
                image = Image.fromarray(views[k % 2].permute(1, 2, 0).numpy() // (1 + k // 2))
                file = io.BytesIO()
                image.resize((2048, 1024), Image.Resampling.BICUBIC).save(file, "PNG", compress_level=1)
                archive.writestr(f"{side}/test/{frame.split('_')[0]}/{frame}_{side}.png", file.getvalue())
    monkeypatch.setitem(cityscapes.COUNTS, "test", 6)
    monkeypatch.setitem(catalog.EXPECTED, ("cityscapes", "test"), 6)
    code, printed, err = call("data", "prepare", "cityscapes", "--split", "test", "--from", tmp_path)
    assert code == 0 and "cityscapes:test: 6 pairs" in printed, err
    assert call("data", "verify", "cityscapes")[0] == 0
    rows = _run_jpeg(place, "cityscapes", "--controls")
    jpeg = rows[rows.method == "jpeg"]
    assert list(jpeg["item"]) == [f"{frame}-lr" for frame in sorted(frames)]
    assert set(jpeg.split) == set(jpeg.subset) == {"test"} and not jpeg.partial.any()
    assert (place / "runs-cityscapes" / "report" / "cityscapes" / "leaderboard.md").is_file()
    wrong = rows[rows.control == "wrong-y"]
    assert all(i.split("_")[:2] != y.split("_")[:2] for i, y in zip(wrong["item"], wrong.y_item, strict=True))


def test_kitti_layout(shared: Path, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real frames in KITTI's own folders: 4 scenes, both directions."""
    raw = shared / "data" / "kitti-raw-layout"
    frames = [
        ("data_scene_flow", "testing/image_{}/000001_10.png"),
        ("data_scene_flow", "training/image_{}/000001_10.png"),
        ("data_scene_flow", "testing/image_{}/000001_11.png"),
        ("data_stereo_flow", "training/colored_{}/000000_10.png"),
    ]
    for k, (archive, name) in enumerate(frames):
        for source, target in (("2", "2"), ("3", "3")) if archive == "data_scene_flow" else (("0", "0"), ("1", "1")):
            number = k if archive == "data_scene_flow" else 0
            camera = name.split("/")[1].format(target)
            path = tmp_path / archive / "testing" / camera / f"{number:06d}_10.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((raw / archive / name.format(source)).read_bytes())
    monkeypatch.setitem(kitti.SCENES, ("kitti2015", "testing"), 3)
    monkeypatch.setitem(kitti.SCENES, ("kitti2012", "testing"), 1)
    monkeypatch.setitem(catalog.EXPECTED, ("kitti", "test"), 8)
    code, printed, err = call("data", "prepare", "kitti", "--split", "test", "--from", tmp_path)
    assert code == 0 and "kitti:test: 8 pairs" in printed, err
    rows = _run_jpeg(place, "kitti", "--controls")
    jpeg, copy = rows[rows.method == "jpeg"], rows[(rows.method == "copy-y") & (rows.control == "none")]
    assert len(jpeg) == 8 and list(jpeg["item"].str[-3:]) == ["-lr"] * 3 + ["-rl"] * 3 + ["-lr", "-rl"]
    assert set(jpeg.height) == {128} and set(jpeg.width) == {256}
    assert copy.psnr.between(10, 22).all()  # disparity of real streets
    wrong = rows[rows.control == "wrong-y"].merge(copy[["item", "scene"]], left_on="y_item", right_on="item")
    assert (wrong.scene_x != wrong.scene_y).all()


def test_folder_of_any_size(place: Path, tmp_path: Path) -> None:
    for s, side in enumerate(("left", "right")):
        (tmp_path / side).mkdir()
        for k in range(3):
            coarse = np.random.default_rng(k).integers(0, 256, (12, 14, 3), dtype=np.uint8)
            wide = Image.fromarray(coarse).resize((230, 200), Image.Resampling.BICUBIC)
            wide.crop((8 * s, 0, 8 * s + 200, 144)).save(tmp_path / side / f"{k}.png")
    rows = _run_jpeg(place, f"folder:{tmp_path / 'left'}:{tmp_path / 'right'}")
    assert set(rows.height) == {144} and set(rows.width) == {200} and len(rows) == 6
    assert rows.dataset.str.fullmatch("folder-[0-9a-f]{12}").all()
    files = [p.relative_to(place).as_posix() for p in (place / "runs-folder").rglob("*")]
    assert not any(str(tmp_path) in p.read_text() for p in (place / "runs-folder").rglob("leaderboard.md")), files


def test_fetch_is_refused_offline(place: Path) -> None:
    code, out, err = call("fetch", "inception")
    assert (code, out) == (2, "") and err.startswith("Error: BENCH_OFFLINE forbids downloading inception")
    code, out, _ = call("fetch")
    assert code == 0 and "missing" in out and "inception" in out
