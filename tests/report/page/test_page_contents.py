"""What stands in report.html: the rows' own numbers, nothing from the network, pictures of the measured pixels."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import bench.results
from bench.errors import BenchError
from bench.report.board import read_boards
from bench.report.page import decode, make_page
from bench.report.page.assemble import packed, read_packed
from bench.report.page.data import page_data
from bench.report.page.pictures import chosen_items, make_shots
from bench.report.page.units import extremes, find_units
from bench.report.page.write import write_page
from bench.report.ranking import judge

Sweep = Callable[..., Any]


@pytest.fixture
def store(sweep: Sweep, tmp_path: Path) -> Path:
    sweep("Toy", controls=True)
    sweep("Blind")
    return tmp_path / "runs"


def judged(store: Path) -> list[Any]:
    return [judge(board, 200) for board in read_boards([store])]


def test_the_page_asks_nothing_of_the_network(store: Path, tmp_path: Path) -> None:
    page = write_page(judged(store), [store], tmp_path / "out", photographs=True).read_text()
    page = page.replace("http://www.w3.org/2000/svg", "")  # a name, not an address
    assert (
        re.findall(r"(?:src|href)\s*=\s*[\"'](?!#|data:)|url\((?!data:)|@import|\bfetch\(|XMLHttp|https?://", page)
        == []
    )
    assert "default-src 'none'" in page and page.count("<script") == 3


def test_points_and_extremes_are_those_of_the_rows(store: Path) -> None:
    data = page_data(judged(store), find_units([store], set(bench.results.load(store).key)), ())
    board = data["boards"][0]
    toy = next(codec for codec in board["codecs"] if codec["label"] == "toy")
    rows = bench.results.load(store).query("method == 'toy' and rate == 'r2' and control == 'none'")
    point = toy["points"]["none"][1]
    assert point["v"]["psnr"] == pytest.approx(rows.psnr.mean(), rel=1e-5)
    assert point["i"]["psnr"][0] < point["v"]["psnr"] < point["i"]["psnr"][1]
    low, high = point["x"]["psnr"]
    ordered = rows.sort_values("psnr")
    assert [board["items"][i] for i, _, _ in low] == list(ordered.item[:4])
    assert [board["items"][i] for i, _, _ in high] == list(ordered.item[::-1][:4])
    assert low[0][1] == pytest.approx(ordered.psnr.iloc[0], rel=1e-5)
    assert set(toy["points"]) == {"none", "blank-y", "wrong-y", "wrong-x"}
    unit = data["units"][point["key"]]
    assert unit["argv"] and data["environments"][unit["env"]]["versions"]["python"]


def test_extremes_leave_out_gaps_and_constants() -> None:
    columns = {"bpp": np.ones(3), "a": np.array([3.0, 1.0, 2.0]), "b": np.array([1.0, np.nan, 2.0]), "c": np.ones(3)}
    found = extremes(["x", "y", "z"], columns)
    assert list(found) == ["a"]
    assert [row[0] for row in found["a"][0]] == ["y", "z", "x"] and [row[0] for row in found["a"][1]] == ["x", "z", "y"]


def test_text_of_others_cannot_leave_its_element() -> None:
    hostile = {"title": "</script><b>&", "n": 1.5}
    page = make_page(hostile, {"albums": {}})
    assert read_packed(page, "data") == hostile and page.count("</script>") == 3
    with pytest.raises(ValueError, match="JSON"):
        packed({"v": float("nan")})


@pytest.mark.parametrize("cut", [0, 7, 30, -12])
def test_what_cannot_be_unpacked_is_no_page(cut: int) -> None:
    data = packed({"title": "a page"})
    assert read_packed(f'<script type="application/gzip" id="data">{data}</script>', "data") == {"title": "a page"}
    for damaged in (data[:cut], data[:cut] + "AAAA" + data[cut:]):
        assert read_packed(f'<script type="application/gzip" id="data">{damaged}</script>', "data") is None
    assert read_packed(f'<script type="application/json" id="data">{data}</script>', "data") is None


def pixels(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))).astype(float)


def test_pictures_are_the_shards_own(store: Path) -> None:
    boards = read_boards([store])
    units = find_units([store], set(bench.results.load(store).key))
    album = make_shots(boards, units, photographs=True).albums["toyset"]
    item = album["items"][0]
    point = next(p for p in item["points"] if p["label"] == "toy")
    from toypkg.pairs import Pairs

    from bench.run.shards import load_decoded

    ids = Pairs().ids
    shard = load_decoded(store / ".shards", point["key"], ids)
    assert shard is not None
    own = np.asarray(shard.pictures[ids.index(item["id"])]).transpose(1, 2, 0)
    assert pixels(point["uri"]).shape == own.shape and np.abs(pixels(point["uri"]) - own).mean() < 12
    rows = bench.results.load(store).query("key == @point['key'] and item == @item['id']")
    assert point["v"]["psnr"] == pytest.approx(rows.psnr.iloc[0], rel=1e-5)


def test_worst_and_best_come_first() -> None:
    ids = [f"i{k:02d}" for k in range(20)]
    columns = {"bpp": np.ones(20), "psnr": np.arange(20.0), "lpips_squeeze": -np.abs(np.arange(20.0) - 7)}
    assert chosen_items(ids, columns, 3) == ["i00", "i19", "i07"]
    assert len(set(chosen_items(ids, columns, 8))) == 8 and chosen_items(
        ids[:1], {k: v[:1] for k, v in columns.items()}, 8
    ) == ["i00"]


def test_a_page_made_again_takes_its_pictures_over(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write_page(judged(store), [store], tmp_path / "out", photographs=True).read_bytes()
    for name in ("picture", "originals"):
        monkeypatch.setattr(decode.Decoder, name, lambda *given: pytest.fail("nothing needs decoding"))
    assert write_page(judged(store), [store], tmp_path / "out", photographs=True).read_bytes() == first


def test_without_shards_a_codec_that_is_not_here_is_named(store: Path) -> None:
    for path in (store / ".shards").iterdir():
        path.unlink()
    shots = make_shots(read_boards([store]), find_units([store], set(bench.results.load(store).key)), photographs=True)
    album = shots.albums["toyset"]
    assert (
        all(not item["points"] for item in album["items"])
        and "Not shown: toy: There is no method 'toy'" in album["note"]
    )


def test_photographs_stay_out_unless_asked_for_and_out_of_what_is_committed(store: Path, tmp_path: Path) -> None:
    page = write_page(judged(store), [store], tmp_path / "out").read_text()
    shots = read_packed(page, "shots")
    assert shots["albums"] == {} and "--photographs" in shots["absent"]["toyset"]
    (tmp_path / ".git").mkdir()
    with pytest.raises(BenchError, match="give another --out, such as runs/reports"):
        write_page(judged(store), [store], tmp_path / "reports" / "mine", photographs=True)
    assert not (tmp_path / "reports").exists()
