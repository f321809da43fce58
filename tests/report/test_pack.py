"""Packs: a sixth of the room, the same report to the byte, edits named, the newer unit kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from synthetic import make_store

import bench.results
from bench.errors import BenchError
from bench.report.board import read_boards
from bench.report.write import warnings, write_report
from bench.store.pack import pack
from bench.store.stored import PACK, find_stored

GAINS = {"balle2018": 0.0, "good": 1.0}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_store(tmp_path / "runs", GAINS, rates=4, scenes=6, controls=("none", "wrong-y"), repetitions=2)


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def edit(path: Path, column: str, row: int, by: float) -> None:
    table = pq.read_table(path)
    values = table[column].to_pylist()
    values[row] += by
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, column, pa.array(values, table.schema.field(column).type)), path)


def test_a_pack_gives_the_report_of_its_folders(store: Path, tmp_path: Path, cli: Any) -> None:
    done = cli("pack", store, "--out", tmp_path / "kept")
    assert done.code == 0
    assert done.out.splitlines() == [f"{tmp_path / 'kept' / 'made' / name}: 12 units" for name in GAINS]
    assert size(tmp_path / "kept") < size(store) / 4
    for name in (store, tmp_path / "kept"):
        write_report([name], tmp_path / f"{name.name}-report")
    one, two = tmp_path / "runs-report", tmp_path / "kept-report"
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(two) for path in two.rglob("*") if path.is_file())
    assert [f for f in files if (one / f).read_bytes() != (two / f).read_bytes()] == []
    assert warnings(read_boards([tmp_path / "kept"])) == []


def test_a_pack_is_loaded_like_folders(store: Path, tmp_path: Path) -> None:
    pack([store], tmp_path / "kept")
    for table, order in (("items", ["key", "item"]), ("set", ["key"])):
        both = [bench.results.load(path, table) for path in (store, tmp_path / "kept")]  # type: ignore[arg-type]
        a, b = (one.sort_values(order).reset_index(drop=True) for one in both)
        pd.testing.assert_frame_equal(a, b)


def test_a_unit_that_lies_in_folder_and_pack_counts_once(store: Path, tmp_path: Path) -> None:
    pack([store], tmp_path / "kept")
    (alone,), (both,) = read_boards([store]), read_boards([store, tmp_path / "kept"])
    assert [len(e.plain) for e in both.entrants] == [len(e.plain) for e in alone.entrants]
    assert both.entrants[0].plain[0].repetitions == alone.entrants[0].plain[0].repetitions == 2


def test_an_edited_row_of_a_pack_is_named(store: Path, tmp_path: Path) -> None:
    pack([store], tmp_path / "kept")
    folder = tmp_path / "kept" / "made" / "good"
    edit(next(folder.glob("items-*.parquet")), "psnr", 2 * 12 + 5, 1.0)  # the third unit's sixth item
    (board,) = read_boards([tmp_path / "kept"])
    (left,) = [absent for absent in board.absent if absent[3] == "edited"]
    assert left[:3] == ("good", "r2", "none") and "row 5 (00002_1) of items.parquet" in left[4]


def test_an_edited_figure_of_a_pack_is_named(store: Path, tmp_path: Path) -> None:
    pack([store], tmp_path / "kept")
    edit(tmp_path / "kept" / "made" / "good" / PACK, "fd_squeeze", 0, -1000.0)
    (board,) = read_boards([tmp_path / "kept"])
    assert [absent[:4] for absent in board.absent] == [("good", "r1", "none", "edited")]


def test_an_edited_folder_is_not_packed(store: Path, tmp_path: Path, cli: Any) -> None:
    edit(next(store.rglob("r2-*/items.parquet")), "psnr", 3, 1.0)
    done = cli("pack", store, "--out", tmp_path / "kept")
    assert done.code == 2 and "cannot be packed: row 3 (00001_1)" in done.err
    assert not list((tmp_path / "kept").rglob("*.parquet"))


def test_what_was_measured_again_takes_the_place_of_the_older(store: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    pack([store], kept)
    before = bench.results.load(kept)
    newer = make_store(tmp_path / "newer", {"good": 2.0}, rates=3, scenes=6, weights_sha256="f" * 64)
    assert pack([newer], kept) == {kept / "made" / "balle2018": 12, kept / "made" / "good": 12}
    after = bench.results.load(kept)
    assert len(after) == len(before)
    assert set(after[after.weights_sha256 == "f" * 64].rate) == {"r1", "r2", "r3"}
    assert set(after[(after.method == "good") & (after.control == "none") & (after.repetition == 0)].rate) == {
        "r1", "r2", "r3", "r4",
    }  # fmt: skip
    assert len(list((kept / "made" / "good").iterdir())) == 2


def test_a_pack_cut_off_while_it_is_exchanged_is_the_old_one(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.store import pack as module

    kept = tmp_path / "kept"
    pack([store], kept)
    before = bench.results.load(kept)
    write = module.write_bytes

    def dying(path: Path, data: bytes) -> None:
        if path.name == PACK:
            raise KeyboardInterrupt
        write(path, data)

    monkeypatch.setattr(module, "write_bytes", dying)
    with pytest.raises(KeyboardInterrupt):
        pack([make_store(tmp_path / "newer", {"good": 2.0}, rates=4, scenes=6)], kept)
    pd.testing.assert_frame_equal(bench.results.load(kept), before)
    assert all(not unit.checked("items")[1] for unit in find_stored(kept))


def test_a_damaged_pack_is_named(store: Path, tmp_path: Path, cli: Any) -> None:
    pack([store], tmp_path / "kept")
    path = next((tmp_path / "kept" / "made" / "good").glob("items-*.parquet"))
    path.write_bytes(path.read_bytes()[:100])
    done = cli("report", "--store", tmp_path / "kept", "--out", tmp_path / "reports")
    assert done.code == 2 and done.err.count("\n") == 1 and str(path) in done.err
    path.unlink()
    with pytest.raises(BenchError, match="cannot be read as parquet"):
        read_boards([tmp_path / "kept"])
