"""``bench encode`` and ``bench decode``: one picture there and back, and one sentence for every mistake."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from bench.cli.decode import command as decode
from bench.cli.encode import command as encode
from bench.errors import BenchError


def _picture(path: Path, size: tuple[int, int] = (72, 136), mode: str = "RGB") -> Path:
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]]
    wave = 127 + 100 * np.sin(rows / 9)[..., None] * np.cos(columns[..., None] / np.array([7, 11, 13]))
    if mode == "I;16":
        Image.fromarray((wave[..., 0] * 200).astype(np.uint16)).save(path)
    else:
        Image.fromarray(wave.round().astype(np.uint8)).convert(mode).save(path)
    return path


def _run(command: object, *words: object) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words])  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["webp", "copy-y", "warp-y:oracle"])
def test_there_and_back(tmp_path: Path, method: str) -> None:
    x, y, file, out = (
        _picture(tmp_path / "x.png"),
        _picture(tmp_path / "y.png"),
        tmp_path / "f.dic",
        tmp_path / "o.png",
    )
    extra = ("--side", y) if method.endswith("oracle") else ()
    rate = () if method == "copy-y" else ("--rate", "r2")
    done = _run(encode, x, "--method", method, *rate, "--out", file, *extra)
    assert done.exit_code == 0, done.output
    assert f"{file.stat().st_size} bytes" in done.output
    done = _run(decode, file, "--side", y, "--out", out)
    assert done.exit_code == 0, done.output
    seen, truth = (np.asarray(Image.open(p)).astype(float) for p in (out, x))
    assert seen.shape == truth.shape and ((seen - truth) ** 2).mean() < 150  # a grey picture has about 2500


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("none.png", "--method", "webp", "--rate", "r1"), "cannot be read"),
        (("grey.png", "--method", "webp", "--rate", "r1"), "greyscale"),
        (("deep.png", "--method", "webp", "--rate", "r1"), "16 bits"),
        (("text.png", "--method", "webp", "--rate", "r1"), "cannot be read as a picture"),
        (("tiny.png", "--method", "webp", "--rate", "r1"), "16x16"),
        (("x.png", "--method", "webq", "--rate", "r1"), "did you mean webp"),
        (("x.png", "--method", "webp", "--rate", "r99"), "r99"),
        (("x.png", "--method", "webp"), "choose one of r1"),
        (("x.png", "--method", "warp-y:oracle", "--rate", "r1"), "--side"),
        (("x.png", "--method", "webp", "--rate", "r1", "--side", "x.png"), "must not see"),
        (("x.png", "--method", "warp-y:oracle", "--rate", "r1", "--side", "wide.png"), "both must agree"),
    ],
)
def test_bad_input_to_encode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    _picture(Path("x.png"))
    _picture(Path("wide.png"), (72, 144))
    _picture(Path("grey.png"), mode="L")
    _picture(Path("deep.png"), mode="I;16")
    _picture(Path("tiny.png"), (12, 40))
    Path("text.png").write_text("no picture")
    done = _run(encode, *words, "--out", "f.dic")
    assert isinstance(done.exception, BenchError) and sentence in str(done.exception)
    assert not Path("f.dic").exists()


def test_bad_input_to_decode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    x, wide = _picture(Path("x.png")), _picture(Path("wide.png"), (72, 144))
    assert _run(encode, x, "--method", "webp", "--rate", "r1", "--out", "f.dic").exit_code == 0
    data = Path("f.dic").read_bytes()
    Path("cut.dic").write_bytes(data[:-9])
    for words, sentence in (
        (("cut.dic", "--side", x, "--out", "o.png"), "cut.dic: The compressed file is truncated"),
        (("none.dic", "--side", x, "--out", "o.png"), "cannot be read"),
        (("f.dic", "--side", wide, "--out", "o.png"), "72x144"),
        (("f.dic", "--side", x, "--out", "o.jpg"), ".png"),
        (("f.dic", "--side", x, "--out", "nowhere/o.png"), "does not exist"),
        (("f.dic", "--side", x, "--out", "o.png", "--method", "jpeg"), "not written by jpeg"),
    ):
        done = _run(decode, *words)
        assert isinstance(done.exception, BenchError) and sentence in str(done.exception), done.output
        assert not Path("o.png").exists()
