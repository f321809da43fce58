"""``bench score`` on folders of PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from bench.cli.score import command
from bench.errors import BenchError
from bench.metrics import score_pairs

from .conftest import blurred, pictures


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Three pairs under ``recon`` and ``ref``, and their bits."""
    orig = pictures(3)
    for name, batch in (("recon", blurred(orig)), ("ref", orig)):
        (tmp_path / name).mkdir()
        for index, picture in enumerate(batch):
            Image.fromarray(picture.permute(1, 2, 0).numpy()).save(tmp_path / name / f"p{index}.png")
    (tmp_path / "bits.csv").write_text("item,bits\np0,3276.8\np1.png,6553.6\np2,9830.4\n")
    return tmp_path


def _score(folder: Path, *extra: str) -> Result:
    base = ["--recon", str(folder / "recon"), "--ref", str(folder / "ref"), "--metrics", "psnr,ssim,lpips_vgg"]
    return CliRunner().invoke(command, [*base, *extra])


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_table_and_file(folders: Path, suffix: str) -> None:
    out = folders / f"out.{suffix}"
    result = _score(folders, "--bits", str(folders / "bits.csv"), "--out", str(out), "--batch-size", "2")
    assert result.exit_code == 0, result.exception
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines()[1:]}
    orig = pictures(3)
    psnr = score_pairs(blurred(orig), orig, ["psnr"])["psnr"].numpy()
    assert float(rows["psnr"][1]) == pytest.approx(psnr.mean(), abs=1e-5)
    assert rows["psnr"][2:] == ["higher", "3"]
    assert float(rows["bpp"][1]) == pytest.approx(0.2)
    assert rows["lpips_vgg"][1] == "no-weights"
    frame = pd.read_csv(out) if suffix == "csv" else pd.read_parquet(out)
    assert list(frame.columns) == ["item", "bits", "bpp", "psnr", "ssim"]
    assert list(frame["item"]) == ["p0", "p1", "p2"]
    np.testing.assert_allclose(frame["psnr"], psnr, rtol=1e-12)


def _spoil(folder: Path, how: str) -> None:
    target = folder / "recon" / "p1.png"
    picture = Image.open(target).copy()
    if how == "missing":
        target.unlink()
    elif how == "grey":
        picture.convert("L").save(target)
    elif how == "16-bit":
        Image.fromarray(np.zeros((128, 256), np.uint16)).save(target)
    elif how == "damaged":
        target.write_bytes(target.read_bytes()[:500])
    elif how == "size":
        picture.resize((64, 64)).save(target)
    elif how == "no item":
        (folder / "bits.csv").write_text("item,bits\np0,1\n")
    elif how == "no number":
        (folder / "bits.csv").write_text("item,bits\np0,1\np1,nan\np2,3\n")
    elif how == "no column":
        (folder / "bits.csv").write_text("name,size\np0,1\n")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("missing", "lacks p1.png"),
        ("grey", "p1.png is greyscale"),
        ("16-bit", "p1.png has 16 bits"),
        ("damaged", "p1.png cannot be read"),
        ("size", "one size"),
        ("no item", "no row for p1"),
        ("no number", "'nan' for p1"),
        ("no column", "columns item and bits"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(folders: Path, how: str, message: str) -> None:
    _spoil(folders, how)
    result = _score(folders, "--bits", str(folders / "bits.csv"), "--out", str(folders / "out.csv"))
    assert isinstance(result.exception, BenchError)
    assert message in str(result.exception)
    assert not list(folders.glob("out*"))


def test_options_are_checked_before_any_work(folders: Path) -> None:
    for extra, message in ((["--out", "x.txt"], "must end in"), (["--weights-dir", "/nonexistent"], "does not exist")):
        result = _score(folders, *extra)
        assert isinstance(result.exception, BenchError)
        assert message in str(result.exception)
    empty = CliRunner().invoke(command, ["--recon", str(folders), "--ref", str(folders / "ref")])
    assert "holds no PNG" in str(empty.exception)
