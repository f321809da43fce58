"""Result files: whole or absent, typed, refused when newer."""

from __future__ import annotations

import errno
import math
from pathlib import Path
from typing import Any

import pytest

import bench.results
from bench.errors import BenchError
from bench.protocol import SCHEMA
from bench.store import atomic
from bench.store.schema import ITEM, NULL, SET
from bench.store.stored import load
from bench.store.table import read, write


def rows(n: int = 2, **given: Any) -> dict[str, list[Any]]:
    made = {column.name: [NULL[column.type]] * n for column in ITEM}
    return {**made, "schema": [SCHEMA] * n, **{k: list(v) for k, v in given.items()}}


def unit(folder: Path, schema: int = SCHEMA, **given: Any) -> None:
    write(folder / "items.parquet", "items", rows(**given))
    one = {column.name: [NULL[column.type]] for column in SET} | {"schema": [schema]}
    write(folder / "set.parquet", "set", one)
    atomic.write_json(folder / "run.json", {"schema": schema, "status": "ok"})


def test_every_column_is_documented_once() -> None:
    for columns in (ITEM, SET):
        names = [column.name for column in columns]
        assert len(set(names)) == len(names) and all(column.doc for column in columns)
    wanted = (
        "method variant preset rate dataset split item repetition control status reason height width bits_file "
        "bits_payload bits_estimated encode_ms decode_ms protocol manifest subset n scene y_item options "
        "weights_sha256 key schema encoder_version bits_native side_ms"
    )
    assert set(wanted.split()) <= {column.name for column in ITEM}


def test_values_come_back_and_missing_ones_are_null(tmp_path: Path) -> None:
    unit(tmp_path / "a", item=["p", "q"], bits_file=[800, 816], psnr=[30.125, math.nan], bits_estimated=[1.5, None])
    frame = load(tmp_path)
    assert list(frame["item"]) == ["p", "q"] and list(frame.bits_file) == [800, 816]
    assert frame.psnr[0] == 30.125 and math.isnan(frame.psnr[1]) and math.isnan(frame.bits_estimated[1])
    assert str(frame.psnr.dtype) == "float64"
    assert read(tmp_path / "a" / "items.parquet")["psnr"].to_pylist()[1] is None


def test_units_with_other_metrics_stand_in_one_frame(tmp_path: Path) -> None:
    unit(tmp_path / "a", psnr=[1.0, 2.0])
    unit(tmp_path / "b", ssim=[0.5, 0.6])
    frame = bench.results.load(tmp_path)
    assert len(frame) == 4 and frame.psnr.notna().sum() == 2 and frame.ssim.notna().sum() == 2


def test_a_unit_without_run_json_does_not_count(tmp_path: Path) -> None:
    unit(tmp_path / "a")
    unit(tmp_path / "b")
    (tmp_path / "b" / "run.json").unlink()
    assert len(load(tmp_path)) == 2


def test_a_newer_schema_is_refused_in_one_sentence(tmp_path: Path) -> None:
    unit(tmp_path / "a", schema=SCHEMA + 1)
    with pytest.raises(BenchError, match=rf"result schema {SCHEMA + 1}.*update dic-bench"):
        load(tmp_path)


def test_a_newer_file_is_refused_even_alone(tmp_path: Path) -> None:
    write(tmp_path / "items.parquet", "items", rows(schema=[SCHEMA + 5] * 2))
    with pytest.raises(BenchError, match="update dic-bench"):
        load(tmp_path / "items.parquet")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    unit(tmp_path / "a")
    (tmp_path / "a" / "items.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(BenchError, match=r"items\.parquet cannot be read"):
        load(tmp_path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    atomic.write_json(path, {"old": 1})

    def break_off() -> None:
        with atomic.replacing(path) as handle:
            handle.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert path.read_text() == '{\n "old": 1\n}\n'
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(BenchError, match="No space left on the disk"):
        atomic.write_bytes(tmp_path / "a", b"x")
    assert list(tmp_path.iterdir()) == []


def test_canonical_json_has_one_form() -> None:
    assert atomic.canonical_json({"b": 1, "a": [1.5, "ü"]}) == '{"a":[1.5,"\\u00fc"],"b":1}'
    assert atomic.canonical_json({"a": 1, "b": 2}) == atomic.canonical_json({"b": 2, "a": 1})


def test_a_small_unit_is_a_small_file(tmp_path: Path) -> None:
    write(tmp_path / "items.parquet", "items", rows(n=32, schema=[SCHEMA] * 32))
    assert (tmp_path / "items.parquet").stat().st_size < 8000
