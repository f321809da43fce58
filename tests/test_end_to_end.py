"""The spine, through the command line: real codecs on every kind of dataset, into parquet, leaderboard and plots."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import bench.results
from bench.data import catalog, cityscapes, kitti, open_pairs
from bench.metrics.registry import METRICS
from bench.protocol import NAME as PROTOCOL
from bench.protocol import SCHEMA
from bench.store.schema import ITEM, SET

SHARED = Path(__file__).resolve().parents[2] / "shared" / "weights"
CHECK = ("--dataset", "synthdrive:check8", "--limit", "4", "--device", "cpu")
WORDS = ("run", "--method", "jpeg,copy-y,balle2018,ndic", *CHECK, "--rates", "r1,r3", "--controls")


def _bench(*words: object) -> tuple[int, str, str]:
    """Call the command line; returns exit code, stdout and stderr."""
    from bench.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0), out.getvalue(), err.getvalue()


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder to work in, with datasets and caches of its own, and the metric weights that are beside the checkout."""
    root = tmp_path_factory.mktemp("end-to-end")
    (root / "work").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_DATA_DIR", str(root / "prepared"))
        patch.setenv("BENCH_CACHE_DIR", str(root / "cache"))
        patch.setenv("BENCH_OFFLINE", "1")
        if SHARED.is_dir():
            patch.setenv("BENCH_WEIGHTS_DIR", str(SHARED))
        else:
            patch.delenv("BENCH_WEIGHTS_DIR", raising=False)
        patch.chdir(root / "work")
        yield root / "work"


@pytest.fixture(scope="module")
def swept(place: Path) -> tuple[str, str]:
    """The sweep, done; returns what it printed."""
    code, out, err = _bench(*WORDS)
    assert code == 0, out + err
    return out, err


@pytest.fixture(scope="module")
def items(swept: Any, place: Path) -> pd.DataFrame:
    """All rows of the sweep."""
    return bench.results.load(place / "runs")


# The sweep and what it leaves.


def test_every_column_is_there_and_sensible(items: pd.DataFrame) -> None:
    own = {name for spec in METRICS.values() if spec.kind == "item" for name in (spec.name, *spec.also)}
    assert {column.name for column in ITEM} | {"psnr", "ms_ssim", "ms_ssim_db", "ssim", "beta", "rho"} <= set(items)
    assert {name for name, spec in METRICS.items() if spec.kind == "item"} <= set(items)
    assert set(items) <= {column.name for column in ITEM} | own
    assert len(items) == 4 * (2 + 4 * 1 + 2 + 4 * 2)
    for column, value in {"dataset": "synthdrive", "split": "val", "subset": "check8", "partial": True, "n": 4,
                          "protocol": PROTOCOL, "schema": SCHEMA, "status": "ok", "reason": "", "preset": "small",
                          "height": 128, "width": 256, "repetition": 0}.items():  # fmt: skip
        assert set(items[column]) == {value}, column
    assert items.groupby(["method", "variant", "rate", "control"]).key.nunique().max() == 1
    assert items.key.nunique() == 16 and items.key.str.fullmatch("[0-9a-f]{64}").all()
    pairs = open_pairs("synthdrive:check8", limit=4)
    assert set(items.manifest) == {pairs.manifest}
    for _, unit in items.groupby("key"):
        assert list(unit["item"]) == pairs.ids and list(unit.scene) == pairs.scenes
    assert (items.encode_ms > 0).all() and (items.decode_ms > 0).all() and (items.decode_batch >= 1).all()
    assert items[items.method == "ndic"].side_ms.gt(0).all() or items[items.method == "ndic"].side_ms.isna().all()
    learned = items.method.isin(["balle2018", "ndic"])
    assert items[learned].weights_sha256.str.fullmatch("[0-9a-f]{64}").all()
    assert (items[~learned].weights_sha256 == "").all()
    assert items[items.method == "jpeg"].encoder_version.str.contains("Pillow|jpeg", case=False).all()
    good = items[items.control == "none"]
    assert good.psnr.between(15, 40).all() and good.ms_ssim.between(0.3, 1).all() and good.ssim.between(0.3, 1).all()
    assert good.rho.between(0, 1).all() and good.beta.between(0, 1.5).all()


def test_pixels_behind_the_rows_are_the_metrics(items: pd.DataFrame, place: Path) -> None:
    """PSNR of a row is that of the file's own decoding, done here by hand."""
    pairs = open_pairs("synthdrive:check8", limit=4)
    x, y = pairs.batch(range(4))
    for name, rate in (("jpeg", "r3"), ("ndic", "r3")):
        codec = bench.load_codec(name, rate=rate).prepare("cpu")
        made = codec.decode(codec.encode(x), y)
        error = ((made.double() - x.double()) ** 2).mean(dim=(1, 2, 3)).numpy()
        row = items[(items.method == name) & (items.rate == rate) & (items.control == "none")]
        np.testing.assert_allclose(row.psnr, 10 * np.log10(255**2 / error), atol=0.01)


def test_bits_are_those_of_the_files(items: pd.DataFrame) -> None:
    """The container of one section takes 8 bytes; payloads meet their estimates in the mean."""
    assert (items.bits_file == items.bits_payload + 64).all()
    jpeg = items[items.method == "jpeg"]
    assert (jpeg.bits_native > jpeg.bits_payload).all() and (jpeg.bits_payload > 0).all()
    assert (items[items.method == "copy-y"].bits_payload == 0).all()
    assert items[items.method.isin(["jpeg", "copy-y"])].bits_estimated.isna().all()
    for _, unit in items[items.method.isin(["balle2018", "ndic"])].groupby("key"):
        over = unit.bits_payload.mean() - unit.bits_estimated.mean()
        assert -0.02 * unit.bits_estimated.mean() <= over <= 0.03 * unit.bits_estimated.mean() + 48
    mean = items[items.control == "none"].groupby(["method", "rate"]).bits_file.mean()
    assert all(mean[m, "r1"] < mean[m, "r3"] for m in ("jpeg", "balle2018", "ndic"))


def test_controls_share_bits_and_take_donors_of_other_scenes(items: pd.DataFrame) -> None:
    assert set(items[items.method.isin(["jpeg", "balle2018"])].control) == {"none"}
    scene = dict(zip(items["item"], items.scene, strict=True))
    for (method, rate), rows in items[items.method.isin(["copy-y", "ndic"])].groupby(["method", "rate"]):
        by = {control: unit.set_index("item") for control, unit in rows.groupby("control")}
        assert set(by) == {"none", "wrong-y", "blank-y", "wrong-x"}
        plain = by["none"]
        for control in ("wrong-y", "blank-y"):
            assert (by[control].bits_file == plain.bits_file).all(), (method, rate, control)
            assert (by[control].x_item == by[control].index).all()
        donors = by["wrong-x"].x_item
        assert sorted(donors) == sorted(plain.index) and (donors == by["wrong-y"].y_item).all()
        assert all(scene[item] != scene[donor] for item, donor in donors.items())
        assert (by["wrong-x"].bits_file == plain.bits_file.loc[donors].to_numpy()).all()
        assert (plain.y_item == plain.index).all() and (by["wrong-x"].y_item == plain.index).all()
        assert (by["blank-y"].y_item == "").all()
        assert plain.psnr.mean() > by["wrong-y"].psnr.mean()
    own = items[(items.method == "ndic") & (items.rate == "r3")].groupby("control").psnr.mean()
    assert own["wrong-x"] < own["none"] - 3  # the bits carry the picture, not the side view


def test_metrics_with_genuine_weights(items: pd.DataFrame, place: Path) -> None:
    if not SHARED.is_dir():
        pytest.skip(f"the metric weights are not beside this checkout (looked for {SHARED})")
    good = items[items.control == "none"]
    assert good.lpips_squeeze.between(0.01, 1).all()
    assert good.niqe.between(1, 40).all()
    assert items.lpips_vgg.isna().all()  # its weights are not here: null, never a number
    one = bench.results.load(place / "runs", "set")
    assert {column.name for column in SET} <= set(one)
    assert one.fd_squeeze.notna().all() and (one.fd_squeeze > 0).all() and one.fid.isna().all()
    assert one.metric_statuses.str.contains('"fid":"no-weights"').all()


def test_missing_weights_are_named_once_with_sizes(swept: tuple[str, str]) -> None:
    lines = [line for line in swept[0].splitlines() if "bench fetch" in line]
    assert len(lines) == 1 and "inception 96 MB" in lines[0] and "vgg16 553 MB" in lines[0]
    assert swept[0].startswith("Plan: synthdrive:check8, 4 pairs (partial: not ranked): ")


def test_a_second_run_finds_everything_cached(swept: Any, place: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in place.rglob("*") if p.is_file()}
    code, out, err = _bench(*WORDS)
    assert code == 0 and "16 cached, 0 to do" in out and err == ""
    assert out.count(" cached ") == 16
    assert {p: p.stat().st_mtime_ns for p in place.rglob("*") if p.is_file()} == before


def test_the_report_is_written_and_repeats_to_the_byte(swept: Any, place: Path) -> None:
    first, second = place / "reports", place / "again"
    for out in (first, second):
        code, printed, _ = _bench("report", "--out", out)
        assert code == 0 and str(out / "leaderboard.md") in printed
    folder = "synthdrive-check8-limit4"
    files = {p.relative_to(first).as_posix(): p.read_bytes() for p in first.rglob("*") if p.is_file()}
    assert set(files) == {"leaderboard.md", *(f"{folder}/{name}" for name in ("leaderboard.md", "rd.png", "rd.svg"))}
    assert files == {p.relative_to(second).as_posix(): p.read_bytes() for p in second.rglob("*") if p.is_file()}
    page = files[f"{folder}/leaderboard.md"].decode()
    assert "N = 4" in page and "Nothing on this page is ranked" in page and "no evidence about real photographs" in page
    for label in ("balle2018:canonical", "ndic:b18", "jpeg", "copy-y"):
        assert f"| {label} |" in page
    assert files[f"{folder}/rd.png"].startswith(b"\x89PNG") and b"<svg" in files[f"{folder}/rd.svg"]
    assert Image.open(io.BytesIO(files[f"{folder}/rd.png"])).width > 500


# Failures.


def test_failures_are_rows_with_a_reason_and_no_rate(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from toypkg.codec import Toy

    monkeypatch.setattr(Toy, "fail", "the sky fell")
    out = place / "failures"
    words = (*CHECK, "--metrics", "psnr", "--out", out, "--rates", "r1,r2")
    code, printed, err = _bench("run", "--method", "jpeg,toypkg.codec:Toy,toypkg.codec:Unready", *words)
    assert code == 1 and "the sky fell" in printed and "Traceback" not in err
    assert _bench("run", "--method", "balle2018", "--preset", "paper", *words)[0] == 1
    rows = bench.results.load(out)
    status = rows.groupby("method").status.agg(set)
    assert status["jpeg"] == {"ok"} and status["toy"] == {"error"}
    assert status["unready"] == status["balle2018"] == {"no-weights"}
    bad = rows[rows.status != "ok"]
    assert len(bad) == 3 * 2 * 4 and (bad.reason != "").all()
    assert bad[bad.method == "toy"].reason.str.contains("the sky fell").all()
    assert bad[bad.method == "balle2018"].reason.str.contains("canonical-paper-r").all()
    assert bad[["bits_file", "bits_payload", "bits_estimated", "psnr", "encode_ms"]].isna().all(axis=None)
    assert _bench("report", "--store", out, "--out", place / "failure-report")[0] == 0
    page = next((place / "failure-report").glob("*/leaderboard.md")).read_text()
    measured, missing = page.split("## Not measured")
    assert "| toy | r1 | none | error |" in missing
    assert "| balle2018:canonical (paper) | r2 | none | no-weights |" in missing
    assert "| toy" not in measured and "| jpeg" in measured

    monkeypatch.setattr(Toy, "fail", "")  # a failure is never cached: the same command tries again
    code, printed, _ = _bench("run", "--method", "jpeg,toypkg.codec:Toy", *words)
    assert code == 0 and "2 cached, 2 to do" in printed
    rows = bench.results.load(out)
    assert set(rows[rows.method == "toy"].status) == {"ok"}


def test_absent_data_ends_as_no_data(place: Path) -> None:
    code, out, _ = _bench("run", "--method", "jpeg", "--dataset", "kitti-mini", "--rates", "r1", "--out", "none")
    assert code == 1
    assert "1 units no-data: kitti-mini:test is not prepared on this machine; run `python -m bench data prepare" in out
    assert not (place / "none").exists()


# Every other kind of dataset.


def _run_jpeg(place: Path, dataset: str, *words: str) -> pd.DataFrame:
    out = place / f"runs-{dataset.split(':')[0]}"
    metrics = ("--metrics", "psnr,ms_ssim_db,beta", "--rates", "r2")
    code, printed, err = _bench("run", "--method", "jpeg,copy-y", "--dataset", dataset, *metrics, *words, "--out", out)
    assert code == 0, printed + err
    assert _bench("report", "--store", out, "--out", out / "report")[0] == 0
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
    code, printed, err = _bench("data", "prepare", "cityscapes", "--split", "test", "--from", tmp_path)
    assert code == 0 and "cityscapes:test: 6 pairs" in printed, err
    assert _bench("data", "verify", "cityscapes")[0] == 0
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
        for source, target in ((("2", "2"), ("3", "3")) if archive == "data_scene_flow" else (("0", "0"), ("1", "1"))):
            number = k if archive == "data_scene_flow" else 0
            camera = name.split("/")[1].format(target)
            path = tmp_path / archive / "testing" / camera / f"{number:06d}_10.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((raw / archive / name.format(source)).read_bytes())
    monkeypatch.setitem(kitti.SCENES, ("kitti2015", "testing"), 3)
    monkeypatch.setitem(kitti.SCENES, ("kitti2012", "testing"), 1)
    monkeypatch.setitem(catalog.EXPECTED, ("kitti", "test"), 8)
    code, printed, err = _bench("data", "prepare", "kitti", "--split", "test", "--from", tmp_path)
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


# One picture, one folder, no network.


def _save(picture: torch.Tensor, path: Path) -> Path:
    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(path)
    return path


@pytest.mark.parametrize("method", ["jpeg", "balle2018", "ndic"])
def test_encode_and_decode_one_picture(place: Path, tmp_path: Path, method: str, items: pd.DataFrame) -> None:
    """The command's file and picture are those of the sweep."""
    pairs = open_pairs("synthdrive:check8", limit=4)
    x, y = pairs.batch([1])
    left, right = _save(x[0], tmp_path / "x.png"), _save(y[0], tmp_path / "y.png")
    code, printed, err = _bench("encode", left, "--method", method, "--rate", "r3", "--out", tmp_path / "x.dic")
    assert code == 0, err
    row = items[(items.method == method) & (items.rate == "r3") & (items.control == "none")].iloc[1]
    assert row["item"] == pairs.ids[1] and 8 * (tmp_path / "x.dic").stat().st_size == row.bits_file
    code, printed, err = _bench("decode", tmp_path / "x.dic", "--side", right, "--out", tmp_path / "o.png")
    assert code == 0, err
    made = np.asarray(Image.open(tmp_path / "o.png")).astype(float)
    error = ((made - x[0].permute(1, 2, 0).numpy()) ** 2).mean()
    assert 10 * np.log10(255**2 / error) == pytest.approx(row.psnr, abs=0.05)
    wrong = ("--method", "webp", "--out", tmp_path / "p.png")
    code, _, err = _bench("decode", tmp_path / "x.dic", "--side", right, *wrong)
    assert code == 2 and err.count("\n") == 1 and not (tmp_path / "p.png").exists()


def test_score_gives_the_sweep_s_figures(place: Path, tmp_path: Path, items: pd.DataFrame) -> None:
    """Pictures that another framework saved score as ours do."""
    pairs = open_pairs("synthdrive:check8", limit=4)
    x, y = pairs.batch(range(4))
    codec = bench.load_codec("jpeg", rate="r3").prepare("cpu")
    payloads = codec.encode(x)
    made = codec.decode(payloads, y)
    bits = ["item,bits"]
    for folder, pictures in (("recon", made), ("ref", x)):
        (tmp_path / folder).mkdir()
        for name, picture in zip(pairs.ids, pictures, strict=True):
            _save(picture, tmp_path / folder / f"{name}.png")
    bits += [f"{name},{payload.bits + 64}" for name, payload in zip(pairs.ids, payloads, strict=True)]
    (tmp_path / "bits.csv").write_text("\n".join(bits) + "\n")
    words = ("--recon", tmp_path / "recon", "--ref", tmp_path / "ref", "--bits", tmp_path / "bits.csv")
    code, printed, err = _bench("score", *words, "--out", tmp_path / "rows.csv")
    assert code == 0, err
    assert "psnr" in printed and "no-weights" in printed
    scored = pd.read_csv(tmp_path / "rows.csv").set_index("item")
    row = items[(items.method == "jpeg") & (items.rate == "r3")].set_index("item")
    for name in ("psnr", "ms_ssim", "ssim", "beta", "rho", *(("lpips_squeeze",) if SHARED.is_dir() else ())):
        np.testing.assert_allclose(scored[name], row[name].loc[scored.index], rtol=1e-5)
    np.testing.assert_allclose(scored.bpp, row.bits_file.loc[scored.index] / (128 * 256))


def test_fetch_is_refused_offline(place: Path) -> None:
    code, out, err = _bench("fetch", "inception")
    assert (code, out) == (2, "") and err.startswith("Error: BENCH_OFFLINE forbids downloading inception")
    code, out, _ = _bench("fetch")
    assert code == 0 and "missing" in out and "inception" in out
