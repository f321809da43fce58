"""Leaderboards and plots from the toys' results."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from toypkg.codec import Toy

import bench.results
from bench.errors import BenchError
from bench.report import ranking
from bench.report.admit import refuse_mixture
from bench.report.board import Board, _differing, read_boards
from bench.report.ranking import judge
from bench.report.write import write_report

Sweep = Callable[..., Any]


@pytest.fixture
def store(sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Toy with controls and Blind, which is the anchor here."""
    monkeypatch.setattr(ranking, "ANCHOR", "blind")
    monkeypatch.setattr(ranking, "RANKED", ("psnr",))
    sweep("Toy", controls=True)
    sweep("Blind")
    return tmp_path / "runs"


def row_of(text: str, *cells: str) -> list[str]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    found = [row for row in rows if all(cell in row for cell in cells)]
    assert found, f"no row with {cells}"
    return found[0]


def test_the_page_holds_every_rate_point_with_the_stores_own_means(store: Path, tmp_path: Path) -> None:
    write_report([store], tmp_path / "reports")
    text = (tmp_path / "reports" / "toyset" / "leaderboard.md").read_text()
    items = bench.results.load(store)
    own = items[(items.method == "toy") & (items.rate == "r3") & (items.control == "none")]
    row = row_of(text, "toy", "r3")
    assert row[2] == f"{own.bits_file.sum() / (own.height * own.width).sum():.4f}"
    assert row[4].split()[0] == f"{own.psnr.mean():.2f}" and re.fullmatch(r"\d+\.\d\d \[\d+\.\d\d, \d+\.\d\d\]", row[4])
    assert "N = 8" in text and "`dic128-v1`" in text
    assert sum(line.startswith(("| toy | r", "| blind | r")) for line in text.splitlines()) >= 10
    assert "`fid` has no value: no-weights (`bench fetch inception`)" in text


def test_gain_and_loss_are_differences_of_the_controls(store: Path, tmp_path: Path) -> None:
    board = read_boards([store])[0]
    toy = next(entrant for entrant in board.entrants if entrant.label == "toy")
    mean = bench.results.load(store).query("method == 'toy'").groupby(["control", "rate"]).psnr.mean()
    one = judge(board, 500).of("toy")
    assert one.entrant is toy
    assert one.gain["psnr"].value == pytest.approx((mean["none"] - mean["blank-y"]).mean())
    assert (
        one.loss["psnr"].value == pytest.approx((mean["wrong-y"] - mean["none"]).mean()) and one.loss["psnr"].high < 0
    )


def test_the_anchor_is_at_zero_and_places_follow_the_bd_rate(store: Path) -> None:
    verdict = judge(read_boards([store])[0], 500)
    blind = verdict.of("blind").deltas["psnr"].bd_rate
    assert blind.value == pytest.approx(0.0, abs=1e-9) and blind.low == pytest.approx(0.0, abs=1e-9) == blind.high
    toy = verdict.of("toy").deltas["psnr"].bd_rate
    assert np.isnan(toy.value) and "share" in toy.reason
    assert [(one.entrant.label, one.place) for one in verdict.ranked] == [("blind", 1), ("toy", 0)]


def test_regeneration_gives_the_same_bytes(store: Path, tmp_path: Path) -> None:
    digests = []
    for name in ("a", "b"):
        files = write_report([store], tmp_path / name)
        digests.append([(p.relative_to(tmp_path / name), hashlib.sha256(p.read_bytes()).hexdigest()) for p in files])
    assert digests[0] == digests[1]
    assert {path.suffix for path, _ in digests[0]} == {".html", ".md", ".png", ".svg"}


def test_the_plot_has_one_panel_a_metric_with_an_arrow(store: Path, tmp_path: Path) -> None:
    write_report([store], tmp_path / "reports")
    svg = (tmp_path / "reports" / "toyset" / "rd.svg").read_text()
    assert "PSNR (dB) ↑ better" in svg and "PSNR of the pooled error" in svg and svg.count("bits per pixel") == 2


def test_an_encoder_that_sees_y_is_ranked_apart(store: Path, tmp_path: Path) -> None:
    frame = read_boards([store])[0]
    next(entrant for entrant in frame.entrants if entrant.label == "toy").encoder_sees_y = True
    from bench.report.markdown import page

    text = page(judge(frame, 100), {})
    above, _, below = text.partition("Upper bounds: the encoder sees y")
    assert "| blind |" in above and "| toy |" not in above
    assert row_of(below, "toy")[0] == "–"


def test_untrained_weights_are_barred(store: Path) -> None:
    from bench.report.markdown import page

    board = read_boards([store])[0]
    toy = next(entrant for entrant in board.entrants if entrant.label == "toy")
    toy.random_init = True
    verdict = judge(board, 100)
    assert verdict.of("toy").place == 0 and all("toy" not in band.places for band in verdict.bands)
    assert "toy has no place: its weights are untrained." in page(verdict, {})


def test_partial_sets_are_shown_apart_and_never_ranked(sweep: Sweep, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(ranking, "ANCHOR", "blind")
    sweep("Blind", limit=4)
    board = read_boards([tmp_path / "runs"])[0]
    assert board.partial and board.folder == "toyset-limit4" and board.n == 4
    assert [one.place for one in judge(board, 100).everyone] == [0]
    sweep("Blind")
    boards = read_boards([tmp_path / "runs"])
    assert [(b.partial, b.n) for b in boards] == [(False, 8)]
    assert "5 units measured under --limit are left out" in boards[0].notes[0]


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("protocol", ["dic128-v1", "dic128-v2"], "2 protocols (dic128-v1, dic128-v2)"),
        ("n", [32, 31], "2 values of N (31, 32)"),
        ("manifest", ["a" * 64, "b" * 64], "2 manifests (aaaaaaaaaaaa, bbbbbbbbbbbb)"),
        ("subset", ["test32", "test"], "2 subsets (test, test32)"),
    ],
)
def test_mixtures_are_refused_by_name(column: str, values: list[Any], words: str) -> None:
    rows = pd.DataFrame({"protocol": "p", "subset": "s", "n": 3, "manifest": "m"}, index=[0, 1])
    refuse_mixture(rows, "toyset")
    rows[column] = values
    with pytest.raises(BenchError) as caught:
        refuse_mixture(rows, "toyset")
    assert words in str(caught.value)


def test_a_store_of_two_manifests_is_refused(sweep: Sweep, tmp_path: Path, monkeypatch: Any) -> None:
    from toypkg import pairs

    sweep("Blind", rates=("r1",))
    old = pairs.Pairs.__init__

    def other(self: Any, *args: Any, **given: Any) -> None:
        old(self, *args, **given)
        self.manifest = "f" * 64

    monkeypatch.setattr(pairs.Pairs, "__init__", other)
    sweep("Toy", rates=("r1",))
    with pytest.raises(BenchError, match="mix 2 manifests"):
        write_report([tmp_path / "runs"], tmp_path / "reports")
    assert not (tmp_path / "reports").exists()


def test_failures_are_listed_with_their_reason_until_they_succeed(
    sweep: Sweep, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(Toy, "fail", "the sky fell")
    sweep("Toy", rates=("r1", "r2"))
    monkeypatch.setattr(Toy, "fail", "")
    sweep("Toy", rates=("r1",))
    board = read_boards([tmp_path / "runs"])[0]
    assert board.absent == [("toy", "r2", "none", "error", "ValueError: the sky fell")]
    assert [point.rate for point in board.entrants[0].plain] == ["r1"]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
@pytest.mark.parametrize("first", ["a", "b"])
def test_what_one_store_measured_no_failure_in_another_hides(
    sweep: Sweep, tmp_path: Path, monkeypatch: Any, order: tuple[str, str], first: str
) -> None:
    for store in (first, "b" if first == "a" else "a"):
        monkeypatch.setattr(Toy, "fail", "the sky fell" if store == "b" else "")
        sweep("Toy", rates=("r1",), out=tmp_path / store)
    board = read_boards([tmp_path / store for store in order])[0]
    assert board.absent == [] and [point.rate for point in board.entrants[0].plain] == ["r1"]


def test_repetitions_show_their_spread(sweep: Sweep, tmp_path: Path) -> None:
    sweep("Noisy", repetitions=3)
    point = read_boards([tmp_path / "runs"])[0].entrants[0].plain[0]
    means = bench.results.load(tmp_path / "runs").groupby("repetition").psnr.mean()
    assert point.repetitions == 3
    assert point.values["psnr"] == pytest.approx(means.mean()) and point.spread["psnr"] == pytest.approx(
        np.std(means, ddof=1)
    )
    apart = bench.results.load(tmp_path / "runs").groupby("repetition").psnr.std()
    assert point.apart["psnr"] == pytest.approx(apart.mean()) and point.apart["psnr"] != point.spread["psnr"]


def test_options_get_lines_of_their_own(sweep: Sweep, tmp_path: Path) -> None:
    sweep("Toy", rates=("r1",))
    sweep("Toy", rates=("r1",), options={"mix": 1.0})
    assert [e.label for e in read_boards([tmp_path / "runs"])[0].entrants] == ["toy mix=0.5", "toy mix=1.0"]
    assert _differing({'{"mix":1,"steps":2}', '{"mix":1,"steps":3}', '{"mix":1}'}) == {"steps"}


def test_a_curve_never_mixes_two_trainings(sweep: Sweep, tmp_path: Path) -> None:
    for name, rates in (("old", ("r1", "r2")), ("new", ("r1",))):
        (tmp_path / name).write_text(name)
        sweep("Toy", rates=rates, weights=tmp_path / name, controls=True)
    assert len(bench.results.load(tmp_path / "runs", "set")) == 12
    board = read_boards([tmp_path / "runs"])[0]
    points = board.entrants[0].points
    assert {control: [p.rate for p in own] for control, own in points.items()} == dict.fromkeys(points, ["r1"])
    assert len(points) == 4
    assert board.notes == ["toy: 4 units measured with older weights are left out; run the sweep again."]


def test_a_curve_of_two_encoder_versions_says_so(sweep: Sweep, tmp_path: Path, monkeypatch: Any) -> None:
    for version, rate in (("libtoy 1", "r1"), ("libtoy 1", "r2"), ("libtoy 2", "r3")):
        assert all("library" not in note for b in _boards(tmp_path) for note in b.notes)
        monkeypatch.setattr(Toy, "encoder_version", lambda self, version=version: version)
        sweep("Toy", rates=(rate,))
    assert _boards(tmp_path)[0].notes == ["toy: not all units were coded by the same library (libtoy 1; libtoy 2)."]


def _boards(place: Path) -> list[Board]:
    return read_boards([place / "runs"]) if (place / "runs").is_dir() else []


def test_an_empty_store_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no store at"):
        write_report([tmp_path / "nothing"], tmp_path / "reports")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchError, match="bench run --method"):
        write_report([tmp_path / "empty"], tmp_path / "reports")
