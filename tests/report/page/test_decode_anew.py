"""Pictures of a store without shards are decoded anew, and only shown where they are what was measured."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from bench.data import open_pairs
from bench.loading import load_codec
from bench.report.board import read_boards
from bench.report.page.decode import Decoder
from bench.report.page.units import find_units
from bench.run.execute import execute
from bench.run.plan import Request, make_plan


class Quiet:
    def step(self, text: str) -> None: ...
    def advance(self, items: int) -> None: ...


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """JPEG and WebP on the eight committed pairs, shards deleted."""
    out = tmp_path_factory.mktemp("anew") / "runs"
    plan = make_plan(Request(("jpeg", "copy-y"), "synthdrive:check8", rates=("r1",), metrics=("psnr",), out=out))
    assert all(outcome.status == "ok" for outcome in execute(plan, "cpu", Quiet()))
    shutil.rmtree(out / ".shards")
    return out


def test_it_is_what_the_codec_decodes(store: Path) -> None:
    board = read_boards([store])[0]
    entrant = next(e for e in board.entrants if e.method == "jpeg")
    decoder = Decoder(board, find_units([store], {entrant.plain[0].key}))
    pairs = open_pairs("synthdrive:check8")
    picture, why = decoder.picture(entrant, entrant.plain[0], pairs.ids[3])
    x, y = pairs.batch([3])
    codec = load_codec("jpeg", rate="r1").prepare()
    assert picture is not None and why == ""
    assert np.array_equal(picture, codec.decode(codec.encode(x), y)[0].numpy())
    assert np.array_equal(decoder.originals(pairs.ids[3])[1], y[0].numpy())


@pytest.mark.parametrize("what", ["key", "pixels", "time"])
def test_another_picture_is_not_shown(store: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    board = read_boards([store])[0]
    entrant = next(e for e in board.entrants if e.method == "jpeg")
    point = entrant.plain[0]
    decoder = Decoder(board, find_units([store], {point.key}))
    item = open_pairs("synthdrive:check8").ids[0]
    words = {"key": "another revision", "pixels": "another picture", "time": "too long"}
    if what == "key":
        decoder.units["0" * 64] = decoder.units[point.key]
        point.key = "0" * 64
    elif what == "pixels":
        codec = decoder._codec(entrant, point, decoder.units[point.key])
        assert not isinstance(codec, str)
        monkeypatch.setattr(codec, "decode", lambda payloads, y, noise: y)
    else:
        point.encode_ms = 1e9
    picture, why = decoder.picture(entrant, point, item)
    assert picture is None and words[what] in why
