"""Bad input through the command line: one sentence on stderr, exit code 2, nothing left behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from bench import recipe
from bench.registry import methods
from methods.layers.weights import recipe_path

SMALL = ("--method", "jpeg", "--dataset", "synthdrive:check8", "--rates", "r1", "--metrics", "psnr", "--device", "cpu")


@pytest.fixture
def refused(cli: Any, own_folders: Path) -> Callable[..., None]:
    """Call the command line and check that it refuses: exit code, one line with some words, no new file or folder."""

    def call(*words: object, says: str, code: int = 2) -> None:
        before = _files(own_folders.parent)
        ended = cli(*words)
        assert ended.code == code, ended
        lines = [line for line in ended.err.splitlines() if line.strip()]
        assert len(lines) == 1, ended.err
        assert says in lines[0], ended.err
        assert lines[0].startswith("Error: ") and lines[0].rstrip().endswith((".", "?")), ended.err
        assert _files(own_folders.parent) == before

    return call


def _files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() if p.is_file() else b"" for p in sorted(root.rglob("*"))}


def _picture(height: int, width: int, seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 16 + 2, width // 16 + 2, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


@pytest.fixture
def sides(own_folders: Path) -> tuple[Path, Path]:
    """Two folders of three good pictures each."""
    for s, side in enumerate(("left", "right")):
        (own_folders / side).mkdir()
        for k in range(3):
            Image.fromarray(_picture(128, 160, 2 * k + s)).save(own_folders / side / f"{k}.png")
    return own_folders / "left", own_folders / "right"


# Names.


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "--method", "jpgg"), "There is no method 'jpgg'; did you mean jpeg?"),
        (("run", "--method", "jpeg,ndic:b19"), "ndic has no variant 'b19'; choose one of b18, b17, b17-release, "),
        (("run", "--method", "nowhere.codec:Mine"), "'nowhere.codec:Mine' cannot be imported"),
        (("run", "--method", "json.decoder:JSONDecoder"), "is not a bench.codec.Codec"),
        (("run", "--method", ","), "--method names no method"),
        (("run", "--method", "jpeg", "--metrics", "lpips"), "There is no metric 'lpips'; did you mean lpips_"),
        (("run", "--method", "jpeg", "--dataset", "kity"), "There is no dataset 'kity'; did you mean 'kitti'?"),
        (("run", "--method", "jpeg", "--dataset", "kitti:tset"), "kitti has no split 'tset'; choose one of test, val"),
        (("run", "--method", "jpeg", "--dataset", "kitti:val", "--split", "test"), "contradict each other"),
        (("run", "--method", "jpeg", "--rates", "r1,r99"), "has no rate point 'r99'; choose one of r1, "),
        (("run", "--method", "jpeg,toypkg.codec:Toy", "--rates", "r8"), "toy:base (small) has no rate point 'r8'"),
        (("run", "--method", "jpeg", "--preset", "huge"), "has no preset 'huge'"),
        (("run", "--method", "jpeg", "--weights-dir", "nowhere"), "The weights folder nowhere does not exist"),
        (("run", "--method", "balle2018", "--weights", "nowhere.bin"), "There is no weights file nowhere.bin."),
        (("run",), "Missing option '--method'"),
        (("run", "--method", "jpeg", "--limit", "0"), "--limit"),
        (("run", "--method", "jpeg", "--no-such-option"), "--no-such-option"),
        (("score", "--recon", "a", "--ref", "b", "--metrics", "psmr"), "There is no metric 'psmr'; did you mean psnr"),
        (("encode", "x.png", "--method", "jpgg", "--rate", "r1", "--out", "f"), "There is no method 'jpgg'"),
        (("encode", "x.png", "--method", "jpeg", "--rate", "r99", "--out", "f"), "no rate point 'r99'"),
        (("data", "prepare", "kity"), "There is no dataset 'kity'"),
        (("data", "verify", "kitti"), "Nothing of kitti is prepared on this machine"),
        (("fetch", "vgg61"), "There are no weights called 'vgg61'"),
        (("train", "--method", "jpgg"), "There is no method 'jpgg'"),
        (("report", "--store", "nowhere"), "There is no store at nowhere"),
        (("rnu",), "There is no command 'rnu'; did you mean run?"),
    ],
)
def test_unknown_names(refused: Any, words: tuple[str, ...], says: str) -> None:
    refused(*words, says=says)


def test_a_command_without_words_shows_its_help(cli: Any) -> None:
    for words in ((), ("data",)):
        ended = cli(*words)
        assert len((ended.out + ended.err).splitlines()) > 6 and "Commands:" in ended.out + ended.err


# Folders of pictures.


def _spoil(path: Path, how: str) -> None:
    array = _picture(128, 160, 9)
    if how == "unequal":
        Image.fromarray(_picture(128, 176, 9)).save(path)
    elif how == "grey":
        Image.fromarray(array[..., 0]).save(path)
    elif how == "16-bit":
        cv2.imwrite(str(path), array.astype(np.uint16) * 256)
    elif how == "unreadable":
        path.write_bytes(path.read_bytes()[:900])
    elif how == "no picture":
        path.write_text("hello")
    else:
        path.unlink()


SPOILT = ("unequal", "grey", "16-bit", "unreadable", "no picture", "missing")


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("victim", ["left/1.png", "right/2.png"])
def test_spoilt_folder_of_pairs(refused: Any, sides: tuple[Path, Path], how: str, victim: str) -> None:
    _spoil(sides[0].parent / victim, how)
    words = ("--method", "jpeg", "--rates", "r1", "--metrics", "psnr", "--dataset", f"folder:{sides[0]}:{sides[1]}")
    refused("run", *words, says=Path(victim).name)


@pytest.mark.parametrize("how", SPOILT)
def test_spoilt_folder_to_score(refused: Any, sides: tuple[Path, Path], how: str) -> None:
    _spoil(sides[0] / "1.png", how)
    refused("score", "--recon", sides[0], "--ref", sides[1], "--metrics", "psnr", "--out", "rows.csv", says="1.png")


def test_small_absent_and_empty_folders(refused: Any, sides: tuple[Path, Path], own_folders: Path) -> None:
    run = ("run", "--method", "jpeg", "--rates", "r1", "--metrics", "psnr", "--dataset")
    for side in sides:
        for path in side.iterdir():
            Image.fromarray(_picture(96, 160, 1)).save(path)
    refused(*run, f"folder:{sides[0]}:{sides[1]}", says="measures 96x160; pictures need at least 128x128.")
    refused(*run, f"folder:{own_folders / 'none'}:{sides[1]}", says="is not a folder")
    (own_folders / "empty").mkdir()
    refused(*run, f"folder:{own_folders / 'empty'}:{sides[1]}", says="holds no pictures")
    refused(*run, "folder:only", says="folder:LEFT:RIGHT")
    refused("score", "--recon", "none", "--ref", sides[1], says="is not a folder")


@pytest.mark.parametrize("how", ["grey", "16-bit", "unreadable", "no picture", "missing"])
def test_spoilt_picture_to_encode(refused: Any, sides: tuple[Path, Path], how: str) -> None:
    _spoil(sides[0] / "1.png", how)
    refused("encode", sides[0] / "1.png", "--method", "jpeg", "--rate", "r1", "--out", "x.dic", says="1.png")


# Weights.


@pytest.fixture
def changed_weights(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``balle2018`` with a weights file that is not the one of its recipe."""
    home = own_folders.parent / "balle2018"
    shipped = recipe_path("balle2018")
    (home / "weights").mkdir(parents=True)
    shutil.copy(shipped, home / "recipe.toml")
    file = home / "weights" / "canonical-small.safetensors"
    file.write_bytes(b"other weights")
    recipe.publish_digest(home / "recipe.toml", "canonical", "small", "all", "0" * 64)
    made = recipe.method(home / "recipe.toml", methods.get("balle2018").target)
    monkeypatch.setitem(methods._loaded, "balle2018", made)
    return file


def test_codec_weights_of_another_sha256(refused: Any, sides: tuple[Path, Path], changed_weights: Path) -> None:
    learned = ("--method", "balle2018", "--dataset", "synthdrive:check8", "--rates", "r1,r2", "--metrics", "psnr")
    refused("run", *learned, "--device", "cpu", says="canonical-small.safetensors has another sha256")
    refused("run", *learned, "--method", "jpeg,balle2018", "--device", "cpu", says="has another sha256")
    one = ("--method", "balle2018", "--rate", "r1", "--out", "x.dic")
    refused("encode", sides[0] / "1.png", *one, says="not the recipe's; restore the file from the release.")


@pytest.mark.parametrize(
    ("name", "metric"),
    [("squeezenet1_1_features.safetensors", "lpips_squeeze"), ("niqe_pris_params.npz", "niqe")],
)
def test_metric_weights_of_another_sha256(
    refused: Any, sides: tuple[Path, Path], own_folders: Path, monkeypatch: pytest.MonkeyPatch, name: str, metric: str
) -> None:
    folder = own_folders / "weights"
    folder.mkdir()
    (folder / name).write_bytes(b"other weights")
    monkeypatch.setenv("BENCH_WEIGHTS_DIR", str(folder))
    words = ("--method", "jpeg", "--dataset", "synthdrive:check8", "--rates", "r1", "--metrics", f"psnr,{metric}")
    refused("run", *words, "--device", "cpu", says=f"{name} is not the file that the protocol names")
    folders = ("--recon", sides[0], "--ref", sides[1])
    refused("score", *folders, "--metrics", metric, says=f"{name} is not the file that the protocol names")


# Disk, device, schema.


def _full(monkeypatch: pytest.MonkeyPatch, free: int = 1000) -> None:
    usage = shutil.disk_usage(".")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type(usage)(usage.total, usage.total - free, free))


def test_no_disk_space(refused: Any, sides: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    _full(monkeypatch)
    refused("run", *SMALL, "--out", "deep/runs", says="0 MB free and this run needs about")
    pairs = f"folder:{sides[0]}:{sides[1]}"
    refused("run", "--method", "jpeg", "--metrics", "psnr", "--dataset", pairs, says="0 MB free")
    refused("data", "prepare", pairs, says="0 MB free")
    monkeypatch.delenv("BENCH_OFFLINE")
    refused("fetch", "squeezenet1_1", says="0 MB free and squeezenet1_1 needs about 5 MB")


def test_space_that_runs_out_halfway(cli: Any, own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that were whole stay, no half of one is left, and the rest of the sweep is not tried."""
    import errno

    from bench.store import atomic

    calls: list[int] = []
    real = atomic.os.fsync

    def fsync(handle: int) -> None:
        calls.append(handle)
        if len(calls) > 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(atomic.os, "fsync", fsync)
    ended = cli("run", *SMALL, "--rates", "r1,r2,r3", "--out", "runs")
    monkeypatch.undo()
    assert ended.code == 2
    assert ended.err.splitlines()[-1].startswith("Error: No space left on the disk of ")
    assert "Traceback" not in ended.err
    assert not [p for p in (own_folders / "runs").rglob("*") if p.name.endswith(".tmp")]


def test_a_store_that_cannot_be_written(refused: Any, own_folders: Path) -> None:
    (own_folders / "file").write_text("no folder")
    refused("run", *SMALL, "--out", "file/runs", says="file/runs")


def test_a_report_that_cannot_be_written(cli: Any, refused: Any, own_folders: Path) -> None:
    (own_folders / "file").write_text("no folder")
    assert cli("run", *SMALL).code == 0
    refused("report", "--out", "file/reports", says="cannot be written (Not a directory); choose another --out.")
    next((own_folders / "runs").rglob("set.parquet")).write_text("no parquet")
    refused("report", says="cannot be read as parquet; delete its folder and run the sweep again.")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_without_one(refused: Any, sides: tuple[Path, Path]) -> None:
    x = sides[0] / "1.png"
    refused("run", *SMALL, "--device", "cuda", says="CUDA")
    refused("run", *SMALL, "--device", "cuda:3", says="CUDA")
    refused("run", *SMALL, "--device", "gpu", says="gpu")
    refused("score", "--recon", sides[0], "--ref", sides[1], "--metrics", "psnr", "--device", "cuda", says="CUDA")
    refused("encode", x, "--method", "jpeg", "--rate", "r1", "--out", "x.dic", "--device", "cuda", says="CUDA")
    refused("train", "--method", "balle2018", "--device", "cuda", says="CUDA")


def test_a_store_of_a_newer_schema(cli: Any, refused: Any, own_folders: Path) -> None:
    assert cli("run", *SMALL).code == 0
    path = next(own_folders.rglob("run.json"))
    run = json.loads(path.read_text())
    path.write_text(json.dumps({**run, "schema": 99}))
    refused("run", *SMALL, says="was written with result schema 99")
    refused("report", says="was written with result schema 99")
