"""``bench show``: the right pictures, maps and numbers on one sheet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from toypkg.command import call
from toypkg.pairs import Pairs

import bench.results
from bench.errors import BenchError
from bench.report.board import read_boards
from bench.report.sheet import GAIN, difference_map, find_board, make_cells
from bench.run.shards import load_decoded

Sweep = Callable[..., Any]


def test_the_sheet_shows_the_shards_own_pictures(sweep: Sweep, tmp_path: Path) -> None:
    sweep("Toy")
    sweep("Blind")
    store, item = tmp_path / "runs", "item03"
    board = find_board(read_boards([store]), [store], item, None)
    cells, missing = make_cells(board, [store], item, 0.5)
    pairs = Pairs()
    x, y = pairs.batch([3])
    assert missing == [] and [c.lines[0].split()[0] for c in cells[2:]] == ["blind", "toy"]
    assert np.array_equal(cells[0].picture, x[0].numpy()) and np.array_equal(cells[1].picture, y[0].numpy())
    point = min(board.entrants[1].plain, key=lambda p: abs(np.log(p.bpp / 0.5)))
    shard = load_decoded(store / ".shards", point.key, pairs.ids)
    assert shard is not None and np.array_equal(cells[3].picture, shard.pictures[3])
    row = bench.results.load(store).query("key == @point.key and item == @item").iloc[0]
    assert f"psnr {row.psnr:.2f}" in cells[3].lines[1] and f"{row.bits_file / 2048:.4f} bpp" in cells[3].lines[1]


def test_the_map_is_the_mean_difference_and_saturates() -> None:
    a, b = np.zeros((3, 1, 2), np.uint8), np.zeros((3, 1, 2), np.uint8)
    a[:, 0, 0], a[:, 0, 1] = (3, 6, 9), 250
    assert difference_map(a, b).tolist() == difference_map(b, a).tolist() == [[6 * GAIN, 255]]


def test_the_command_writes_a_png_and_names_what_is_not_there(sweep: Sweep, tmp_path: Path) -> None:
    sweep("Toy")
    out = tmp_path / "sheet.png"
    ended = call("show", "item00", "--store", tmp_path / "runs", "--out", out)
    assert ended.code == 0 and ended.out.strip() == str(out)
    picture = np.asarray(Image.open(out))
    assert picture.ndim == 3 and picture.shape[1] > 1500 and picture.std() > 20
    for words, text in ((["nobody"], "No board of these results holds an item 'nobody'"),
                        (["item00", "--method", "tooy"], "toyset has no 'tooy'; it has toy.")):  # fmt: skip
        ended = call("show", *words, "--store", tmp_path / "runs")
        assert ended.code == 2 and text in ended.err and ended.err.count("\n") == 1


def test_an_item_of_two_boards_needs_its_dataset(sweep: Sweep, tmp_path: Path) -> None:
    sweep("Toy", rates=("r1",))
    sweep("Toy", rates=("r1",), dataset="other")
    store = tmp_path / "runs"
    boards = read_boards([store])
    with pytest.raises(BenchError, match="choose one with --dataset"):
        find_board(boards, [store], "item00", None)
    assert find_board(boards, [store], "item00", "other").dataset == "other"
