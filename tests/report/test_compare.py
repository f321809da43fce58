"""``bench compare`` and ``bench report --check``: tables and exit codes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from synthetic import make_store

from bench.cli.compare import HEAD
from bench.errors import BenchError
from bench.report.compare import compare_methods, compare_stores


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("stores")
    make_store(root / "a", {"balle2018": 0.0, "good": 1.0})
    make_store(root / "worse", {"balle2018": 0.0, "good": 0.7})
    shutil.copytree(root / "a", root / "copy")
    return root


def test_a_store_against_its_copy_is_the_same(stores: Path, cli: Any) -> None:
    ended = cli("compare", stores / "a", stores / "copy")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert lines[0].split() == list(HEAD)
    assert len(lines) == 1 + 2 * 6 * 4 and all(line.endswith("same") for line in lines[1:])


def test_a_certain_loss_gives_exit_code_1(stores: Path, cli: Any) -> None:
    rows, notes = compare_stores(stores / "a", stores / "worse", replicates=1000)
    own = [row for row in rows if row.codec == "good"]
    assert {row.verdict for row in own if row.metric == "psnr"} == {"worse"} and notes == []
    for row in own:
        if row.metric == "psnr":
            assert row.difference.value == pytest.approx(row.second - row.first) and row.difference.high < 0
        if row.metric == "lpips_squeeze":  # lower is better: a rise is a loss
            assert row.difference.low > 0 and row.verdict == "worse"
        if row.metric == "fd_squeeze":
            assert row.verdict == "no interval"
    assert cli("compare", stores / "a", stores / "worse").code == 1
    assert cli("compare", stores / "worse", stores / "a").code == 0  # an improvement is none
    assert cli("compare", stores / "a", stores / "worse", "--tolerance", 0.9).code == 0
    assert cli("compare", stores / "a", stores / "worse", "--metric", "bpp").code == 0


def test_two_codecs_are_compared_by_their_curves(stores: Path, cli: Any) -> None:
    rows, _ = compare_methods([stores / "a"], "balle2018", "good", ["psnr"], replicates=1000)
    assert [row.what for row in rows] == ["BD-rate %", "at 0.05 bpp", "at 0.1 bpp", "at 0.2 bpp"]
    assert {row.verdict for row in rows} == {"better"}
    assert rows[0].difference.high < 0 < rows[1].difference.low
    assert cli("compare", "balle2018", "good", "--store", stores / "a").code == 0
    ended = cli("compare", "good", "balle2018", "--store", stores / "a", "--metric", "psnr")
    assert ended.code == 1 and "balle2018 against good" in ended.out and "4 comparisons: 0 better, 4 worse" in ended.err


def test_what_only_one_store_holds_is_said(stores: Path, tmp_path: Path) -> None:
    shutil.copytree(stores / "a", tmp_path / "b")
    shutil.rmtree(next((tmp_path / "b" / "made" / "good").glob("r6-*")))
    _, notes = compare_stores(stores / "a", tmp_path / "b", replicates=50)
    assert notes == [f"only {stores / 'a'} holds good:base r6 on made"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nowhere/a", "nowhere/b"), "no store at nowhere/a"),
        (("balle2018", "goood", "--store", "{a}"), "did you mean good"),
        (("{a}", "good"), "no store at good"),
        (("{a}", "{a}", "--metric", "psnrr"), "no metric 'psnrr'"),
        (("{a}", "{other}"), "share no rate point"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    stores: Path, tmp_path: Path, cli: Any, words: tuple[str, ...], says: str
) -> None:
    make_store(tmp_path / "other", {"good": 0.0}, rates=1, scenes=2, dataset="elsewhere")
    ended = cli("compare", *(word.format(a=stores / "a", other=tmp_path / "other") for word in words))
    assert ended.code == 2 and says in ended.err and len(ended.err.splitlines()) == 1


def test_boards_that_hold_only_one_codec_are_noted(stores: Path, tmp_path: Path) -> None:
    make_store(tmp_path / "more", {"good": 0.0}, rates=1, scenes=2, dataset="elsewhere")
    _, notes = compare_methods([stores / "a", tmp_path / "more"], "balle2018", "good", ["psnr"], replicates=50)
    assert notes == ["elsewhere holds only one of them"]
    make_store(tmp_path / "third", {"balle2018": 0.0}, rates=1, scenes=2, dataset="third")
    with pytest.raises(BenchError, match="No board holds both"):
        compare_methods([tmp_path / "more", tmp_path / "third"], "balle2018", "good", replicates=50)


def test_a_stale_report_is_found(stores: Path, tmp_path: Path, cli: Any) -> None:
    out = tmp_path / "reports"
    words = ("--store", stores / "a", "--out", out)
    assert cli("report", *words, "--check").code == 1
    assert not out.exists()  # a check writes nothing
    assert cli("report", *words).code == 0
    ended = cli("report", *words, "--check")
    assert ended.code == 0 and "is what the stores give" in ended.out
    page = out / "made" / "leaderboard.md"
    page.write_text(page.read_text().replace("good", "best"))
    shutil.copytree(out / "made", out / "gone")
    (out / "made" / "rd.png").unlink()
    ended = cli("report", *words, "--check")
    assert ended.code == 1 and f"bench report --store {stores / 'a'} --out {out}" in ended.err
    assert ended.out.splitlines() == [
        f"{page.with_name('rd.png')} is missing.",
        f"{out / 'gone'} is of a board that the stores no longer hold.",
        f"{page} is not what the stores give.",
    ]
    assert cli("report", "--store", stores / "worse", "--out", out, "--check").code == 1
