"""The spine, through the command line: one sweep of real codecs, its rows, controls, report, and single pictures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from toypkg.command import Ended, call

import bench.results
from bench.data import open_pairs
from bench.metrics.registry import METRICS
from bench.protocol import NAME as PROTOCOL
from bench.protocol import SCHEMA
from bench.store.schema import ITEM, SET

SHARED = Path(__file__).resolve().parents[2] / "shared" / "weights"
CHECK = ("--dataset", "synthdrive:check8", "--limit", "4", "--device", "cpu")
WORDS = ("run", "--method", "jpeg,copy-y,balle2018,ndic", *CHECK, "--rates", "r1,r3", "--controls")


@pytest.fixture(scope="module")
def swept(place: Path) -> Ended:
    """The sweep, done; returns what it printed."""
    ended = call(*WORDS)
    assert ended.code == 0, ended.out + ended.err
    return ended


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
    works_on_y = items.method == "ndic"  # the only one here that can do part of its work before the bits arrive
    assert (items[works_on_y].side_ms > 0).all() and items[~works_on_y].side_ms.isna().all()
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


def test_missing_weights_are_named_once_with_sizes(swept: Ended) -> None:
    lines = [line for line in swept.out.splitlines() if "bench fetch" in line]
    assert len(lines) == 1 and "inception 96 MB" in lines[0] and "vgg16 553 MB" in lines[0]
    assert swept.out.startswith("Plan: synthdrive:check8, 4 pairs (partial: not ranked): ")


def test_a_second_run_finds_everything_cached(swept: Any, place: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in place.rglob("*") if p.is_file()}
    code, out, err = call(*WORDS)
    assert code == 0 and "16 cached, 0 to do" in out and err == ""
    assert out.count(" cached ") == 16
    assert {p: p.stat().st_mtime_ns for p in place.rglob("*") if p.is_file()} == before


def test_the_report_is_written_and_repeats_to_the_byte(swept: Any, place: Path) -> None:
    first, second = place / "reports", place / "again"
    for out in (first, second):
        code, printed, _ = call("report", "--out", out)
        assert code == 0 and str(out / "leaderboard.md") in printed
    folder = "synthdrive-check8-limit4"
    files = {p.relative_to(first).as_posix(): p.read_bytes() for p in first.rglob("*") if p.is_file()}
    names = ("rd", "controls", "plane", "sections", "time")
    plots = {f"{folder}/{name}.{kind}" for name in names for kind in ("png", "svg")}
    assert set(files) == {"leaderboard.md", "report.html", f"{folder}/leaderboard.md", *plots}
    assert files == {p.relative_to(second).as_posix(): p.read_bytes() for p in second.rglob("*") if p.is_file()}
    page = files[f"{folder}/leaderboard.md"].decode()
    assert "N = 4" in page and "Nothing on this page is ranked" in page and "no evidence about real photographs" in page
    for label in ("balle2018:canonical", "ndic:b18", "jpeg", "copy-y"):
        assert f"| {label} |" in page
    assert files[f"{folder}/rd.png"].startswith(b"\x89PNG") and b"<svg" in files[f"{folder}/rd.svg"]
    assert Image.open(io.BytesIO(files[f"{folder}/rd.png"])).width > 500


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
    code, printed, err = call("encode", left, "--method", method, "--rate", "r3", "--out", tmp_path / "x.dic")
    assert code == 0, err
    row = items[(items.method == method) & (items.rate == "r3") & (items.control == "none")].iloc[1]
    assert row["item"] == pairs.ids[1] and 8 * (tmp_path / "x.dic").stat().st_size == row.bits_file
    alone = call("decode", tmp_path / "x.dic", "--out", tmp_path / "alone.png")
    needed = "needs the side view; give it with --side." in alone[2]
    assert needed is (method == "ndic") and alone[0] == (2 if needed else 0)
    code, printed, err = call("decode", tmp_path / "x.dic", "--side", right, "--out", tmp_path / "o.png")
    assert code == 0, err
    if method != "ndic":
        assert (tmp_path / "alone.png").read_bytes() == (tmp_path / "o.png").read_bytes()
    made = np.asarray(Image.open(tmp_path / "o.png")).astype(float)
    error = ((made - x[0].permute(1, 2, 0).numpy()) ** 2).mean()
    assert 10 * np.log10(255**2 / error) == pytest.approx(row.psnr, abs=0.05)
    wrong = ("--method", "webp", "--out", tmp_path / "p.png")
    code, _, err = call("decode", tmp_path / "x.dic", "--side", right, *wrong)
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
    code, printed, err = call("score", *words, "--out", tmp_path / "rows.csv")
    assert code == 0, err
    assert "psnr" in printed and "no-weights" in printed
    scored = pd.read_csv(tmp_path / "rows.csv").set_index("item")
    row = items[(items.method == "jpeg") & (items.rate == "r3")].set_index("item")
    for name in ("psnr", "ms_ssim", "ssim", "beta", "rho", *(("lpips_squeeze",) if SHARED.is_dir() else ())):
        np.testing.assert_allclose(scored[name], row[name].loc[scored.index], rtol=1e-5)
    np.testing.assert_allclose(scored.bpp, row.bits_file.loc[scored.index] / (128 * 256))
