"""Judged boards on made-up stores: intervals, bands, shared places, and what may not be ranked."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from synthetic import make_store

from bench.errors import BenchError
from bench.report.board import read_boards
from bench.report.cells import interval
from bench.report.markdown import page
from bench.report.ranking import judge
from bench.report.verdict import BANDS, Verdict
from bench.report.write import warnings, write_report
from bench.results import load
from bench.stats.bd import bd_rate

GAINS = {"balle2018": 0.0, "good": 1.0, "near": 0.98, "poor": -1.0}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("made") / "runs", GAINS, controls=("none", "blank-y", "wrong-y"))


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    import shutil

    return Path(shutil.copytree(whole, tmp_path / "runs"))


def verdict_of(store: Path, replicates: int = 2000) -> Verdict:
    (board,) = read_boards([store])
    return judge(board, replicates)


def unit(store: Path, method: str, rate: str, control: str = "none") -> Path:
    rows = load(store, "set").query(f"method == '{method}' and rate == '{rate}' and control == '{control}'")
    return next(store.rglob(f"{rate}-{rows.key.iloc[0][:12]}"))


def rewrite(path: Path, change: Any) -> None:
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


def test_values_agree_with_means_taken_by_hand(whole: Path) -> None:
    verdict, items = verdict_of(whole), load(whole).query("control == 'none'")
    mean = (
        items.assign(bpp=items.bits_file / 32768).groupby(["method", "rate"])[["bpp", "psnr", "lpips_squeeze"]].mean()
    )
    good, base = mean.loc["good"], mean.loc["balle2018"]
    for metric, up in (("psnr", True), ("lpips_squeeze", False)):
        found = verdict.of("good").deltas[metric].bd_rate
        assert found.value == pytest.approx(bd_rate(base.bpp, base[metric], good.bpp, good[metric], up).value)
        assert found.low < found.value < found.high < 0 and found.high - found.low < 8
    point = verdict.of("good").entrant.plain[2]
    assert point.values["psnr"] == pytest.approx(good.psnr["r3"]) and point.bpp == pytest.approx(good.bpp["r3"])
    assert point.intervals["psnr"].low < point.values["psnr"] < point.intervals["psnr"].high
    assert point.intervals["bpp"].low < point.bpp < point.intervals["bpp"].high


def test_places_are_shared_and_follow_each_metrics_own_direction(whole: Path) -> None:
    verdict = verdict_of(whole)
    assert {one.entrant.label: one.place for one in verdict.ranked} == {"good": 1, "near": 1, "balle2018": 3, "poor": 4}
    for metric in ("psnr", "lpips_squeeze"):
        (band,) = [band for band in verdict.bands if band.metric == metric and band.rate == 0.1]
        assert band.places["balle2018"] == 3 and band.places["poor"] == 4
        assert {band.places["good"], band.places["near"]} <= {1, 2}


def test_bands_hold_the_value_at_their_upper_rate(whole: Path) -> None:
    verdict = verdict_of(whole)
    one = verdict.of("good")
    points = one.entrant.plain
    for rate in BANDS:
        below, above = (p for p in zip(points, points[1:], strict=False) if p[0].bpp <= rate < p[1].bpp).__next__()
        value = one.at["psnr", rate]
        assert below.values["psnr"] < value.value < above.values["psnr"] and value.low < value.value < value.high
    assert one.ends == set()
    text = page(verdict, {})
    assert f"| good | side view | 1 | {interval(one.at['psnr', 0.05], 2)} |" in text


def test_a_short_curve_holds_its_last_value_and_says_so(tmp_path: Path) -> None:
    make_store(tmp_path / "runs", {"balle2018": 0.0, "good": 1.0}, rates=4)  # ends at 0.147 bpp
    verdict = verdict_of(tmp_path / "runs", 500)
    one = verdict.of("good")
    assert one.ends == {0.2} and one.at["psnr", 0.2].value == pytest.approx(one.entrant.plain[-1].values["psnr"])
    assert f"{interval(one.at['psnr', 0.2], 2)} †" in page(verdict, {})


def test_gain_and_loss_have_intervals(whole: Path) -> None:
    one = verdict_of(whole).of("good")
    assert one.gain["psnr"].value == pytest.approx(3.0, abs=0.1) and one.gain["psnr"].low > 2.8
    assert one.loss["psnr"].high < -2.8 and one.loss["lpips_squeeze"].low > 0


def test_figures_of_the_whole_set_are_indicative(whole: Path) -> None:
    verdict = verdict_of(whole)
    delta = verdict.of("good").deltas["fd_squeeze"].bd_rate
    assert delta.value < 0 and not delta.has_interval
    assert all(band.metric != "fd_squeeze" for band in verdict.bands)


def test_an_edited_row_is_named_and_its_unit_left_out(store: Path) -> None:
    folder = unit(store, "good", "r3")
    rewrite(folder / "items.parquet", lambda rows: rows[4].update(psnr=99.0))
    verdict = verdict_of(store, 200)
    (absent,) = verdict.board.absent
    assert absent == ("good", "r3", "none", "edited", "row 4 (00002_0) of items.parquet is not what the run wrote")
    assert verdict.of("good").place == 0 and all("good" not in band.places for band in verdict.bands)
    text = page(verdict, {})
    assert "good has no place: r3 is missing from its curve." in text and "**without r3**" in text
    assert any("good r3 (none) is left out: row 4 (00002_0)" in line for line in warnings([verdict.board]))


def spoil(rows: list[dict[str, Any]]) -> None:
    for row in rows[:5]:
        row["bits_file"] = 1


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("items", spoil, "rows 0 (00000_0), 1 (00000_1), 2 (00001_0) and 2 more"),
        ("items", lambda rows: rows.pop(), "has 39 rows, the run wrote 40"),
        ("set", lambda rows: rows[0].update(fd_squeeze=0.0), "the row of set.parquet is not what the run wrote"),
    ],
)
def test_every_kind_of_edit_is_named(store: Path, name: str, change: Any, words: str) -> None:
    rewrite(unit(store, "good", "r3") / f"{name}.parquet", change)
    (absent,) = read_boards([store])[0].absent
    assert absent[3] == "edited" and words in absent[4]


def test_a_file_written_anew_with_the_same_rows_is_no_edit(store: Path) -> None:
    path = unit(store, "good", "r3") / "items.parquet"
    before = path.read_bytes()
    rewrite(path, lambda rows: None)
    assert path.read_bytes() != before and read_boards([store])[0].absent == []


def test_absent_digests_are_counted(store: Path) -> None:
    path = unit(store, "good", "r3") / "run.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "digests"}))
    board = read_boards([store])[0]
    assert board.unsealed == 1 and board.absent == []
    assert "1 units carry no digests" in page(judge(board, 100), {})
    assert warnings([board]) == ["made: 1 units carry no digests; an edit in them would not be noticed"]


@pytest.mark.parametrize("rate", ["r1", "r3", "r6"])
@pytest.mark.parametrize("declared", [True, False])
def test_a_removed_rate_point_costs_the_place(store: Path, rate: str, declared: bool) -> None:
    if not declared:  # rows of before rate points were recorded: what the controls have is expected of the plain run
        for path in store.rglob("run.json"):
            path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "rates"}))
    (unit(store, "good", rate) / "run.json").unlink()
    verdict = verdict_of(store, 200)
    assert verdict.of("good").entrant.missing == (rate,) and verdict.of("good").place == 0
    assert f"good has no place: {rate} is missing from its curve." in page(verdict, {})
    assert f"made: good has no place: {rate} is missing from its curve" in warnings([verdict.board])


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"protocol": "dic128-v0"}, "mix 2 protocols"),
        ({"manifest": "other"}, "mix 2 manifests"),
        ({"subset": "test32", "manifest": "other"}, ""),
    ],
)
def test_mixtures_are_refused_or_kept_apart(store: Path, columns: dict[str, Any], words: str) -> None:
    make_store(store, {"other": 0.0}, seed=1, **columns)
    if words:
        with pytest.raises(BenchError, match=words):
            read_boards([store])
    else:
        assert sorted(board.name for board in read_boards([store])) == ["made", "made:test32"]


def test_another_n_is_refused(store: Path) -> None:
    make_store(store, {"other": 0.0}, scenes=19, seed=1)
    with pytest.raises(BenchError, match=r"mix 2 values of N \(38, 40\)"):
        read_boards([store])


def test_other_pictures_under_the_same_manifest_are_left_out(store: Path) -> None:
    make_store(store, {"other": 0.0}, scenes=10, per_scene=4, seed=1)
    board = read_boards([store])[0]
    assert {entry[0] for entry in board.absent} == {"other"}
    assert {entry[4] for entry in board.absent} == {"its items are not those of the other units"}


def test_estimated_bits_are_ranked_apart(store: Path) -> None:
    for rate in range(1, 7):
        folder = unit(store, "good", f"r{rate}")

        def forget(rows: list[dict[str, Any]]) -> None:
            for row in rows:
                row.update(bits_estimated=float(row["bits_file"]), bits_file=None, bits_payload=None)

        rewrite(folder / "items.parquet", forget)
        run = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps({**run, "digests": {}}))
    verdict = verdict_of(store, 200)
    (one,) = verdict.estimated
    assert one.entrant.label == "good" and one.place == 0 and one.deltas["psnr"].bd_rate.value < 0
    text = page(verdict, {})
    assert "Estimated bits only" in text and "**estimated bits**" in text
    assert all("good" not in band.places for band in verdict.bands)


def test_repetitions_widen_no_interval_and_stand_apart(tmp_path: Path) -> None:
    make_store(tmp_path / "runs", {"balle2018": 0.0}, repetitions=3)
    verdict = verdict_of(tmp_path / "runs", 500)
    point = verdict.of("balle2018").entrant.plain[0]
    assert (
        point.repetitions == 3 and 0 < point.spread["psnr"] < point.intervals["psnr"].high - point.intervals["psnr"].low
    )
    text = page(verdict, {})
    assert "## Spread between repetitions" in text and f"| balle2018 | r1 | 3 | {point.spread['psnr']:.3f} |" in text
    assert "## Spread between pictures" in text and f"| balle2018 | r1 | 3 | {point.apart['psnr']:.3f} |" in text


def test_one_scene_gives_values_without_intervals(tmp_path: Path) -> None:
    make_store(tmp_path / "runs", {"balle2018": 0.0, "good": 1.0}, scenes=1, per_scene=4)
    verdict = verdict_of(tmp_path / "runs")
    assert verdict.replicates == 0 and not verdict.of("good").deltas["psnr"].bd_rate.has_interval
    assert not math.isnan(verdict.of("good").deltas["psnr"].bd_rate.value)
    assert "There are no intervals: the set has one scene." in page(verdict, {})


def test_the_index_and_the_page_are_the_same_bytes_every_time(whole: Path, tmp_path: Path) -> None:
    texts = [
        [p.read_bytes() for p in write_report([whole], tmp_path / name) if p.name == "leaderboard.md"]
        for name in ("a", "b")
    ]
    assert texts[0] == texts[1] and len(texts[0]) == 2
