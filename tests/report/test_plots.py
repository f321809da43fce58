"""Plots: one look for a codec everywhere, labels apart, the same bytes every time, published points hollow."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from synthetic import make_store

from bench.errors import BenchError
from bench.registry import methods
from bench.report.board import read_boards
from bench.report.colours import COLOURS, DASHES, MARKERS, PREFERRED, look_of
from bench.report.plots import draw_board, draw_boards
from bench.report.plots.canvas import spread
from bench.report.plots.sections import share
from bench.report.published.table import PublishedPoint
from bench.report.ranking import judge

Sweep = Callable[..., Any]


def test_a_look_depends_on_the_name_alone() -> None:
    assert look_of("ndic", "b18") == look_of("ndic", "b18")
    assert look_of("ndic", "b18").colour == look_of("ndic", "b17").colour
    assert look_of("ndic", "b18") != look_of("ndic", "b17") != look_of("ndic", "b17", "(paper)")
    assert look_of("of-a-plug-in", "base") == look_of("of-a-plug-in", "base")
    for look in (look_of(name, "base") for name in [*methods, "plug-in", "Ünïcode"]):
        assert look.colour < len(COLOURS) and look.marker < len(MARKERS) and look.dash < len(DASHES)


def test_codecs_that_ship_look_different() -> None:
    learned = {name for name in PREFERRED if methods.get(name).recipe is not None}
    colours = {name: PREFERRED[name][0] for name in PREFERRED}
    assert len(learned) >= 10 and len({colours[name] for name in learned}) == len(learned)
    assert not {colours[name] for name in learned} & {colours[name] for name in PREFERRED if name not in learned}
    with_points = [name for name in PREFERRED if name not in ("copy-y", "warp-y")]  # those two are lines without marks
    looks = [look_of(name, variant) for name in with_points for variant in methods.get(name).variants]
    assert len(set(looks)) == len(looks)


@pytest.mark.parametrize("wanted", [[0.5, 0.5, 0.5], [0.0, 0.01, 0.9], [0.98, 0.99, 1.0], [0.2]])
def test_labels_are_pushed_apart_and_stay_inside(wanted: list[float]) -> None:
    places = spread(wanted, 0.1)
    assert all(b - a > 0.099 for a, b in zip(places, places[1:], strict=False))
    assert min(places) >= -1e-9 and max(places) <= 1 + 1e-9


def point(metric: str, value: float, bpp: float) -> PublishedPoint:
    return PublishedPoint(
        "Paper", "toyset", "128x256", metric, "as told", bpp, "estimated", value, "MSE", "a-source", "table", "exact"
    )


def test_every_plot_is_drawn_and_drawn_again_alike(sweep: Sweep, tmp_path: Path) -> None:
    sweep("Toy", controls=True)
    sweep("Blind")
    verdict = judge(read_boards([tmp_path / "runs"])[0], 200)
    published = [point("psnr", 20.0, 0.1), point("psnr", 22.0, 0.4), point("fid", 9.0, 0.1)]
    digests = []
    for name in ("a", "b"):
        made = draw_board(verdict, tmp_path / name, published)
        files = [file for pair in made.values() for file in pair]
        digests.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in files])
    assert digests[0] == digests[1] and len(digests[0]) == 2 * len(made)
    assert list(made) == [
        "Rate-distortion curves",
        "Side-information controls",
        "Where the bits go",
        "Published points",
    ]
    text = {file.stem: file.read_text() for pair in made.values() for file in pair if file.suffix == ".svg"}
    assert "another scene's y" in text["controls"] and "grey y" in text["controls"]
    assert "container" in text["sections"] and "means" in text["sections"]
    assert "a-source: PSNR (dB) ↑ better" in text["published"] and "FID" not in text["published"]
    assert len(re.findall("Paper", text["published"])) == 1


def test_parts_of_the_file_add_up(sweep: Sweep, tmp_path: Path) -> None:
    sweep("Toy")
    for own in read_boards([tmp_path / "runs"])[0].entrants[0].plain:
        pixels = 32 * 64
        assert sum(own.parts.values()) == pytest.approx(own.bpp * pixels)
        assert own.parts["means"] == pytest.approx(own.bpp_payload * pixels)
        assert share(own, "container") + share(own, "means") == pytest.approx(100)


def test_boards_drawn_beside_are_those_drawn_here(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_store(tmp_path / "runs", {"balle2018": 0.0, "good": 1.0}, 4, 6, 2, name)
    verdicts = [judge(board, 200) for board in read_boards([tmp_path / "runs"])]
    made = draw_boards(((v, tmp_path / "made" / v.board.folder) for v in verdicts), len(verdicts), [])
    assert [verdict for verdict, _ in made] == verdicts
    for verdict, plots in made:
        here = draw_board(verdict, tmp_path / "here" / verdict.board.folder)
        assert list(plots) == list(here) != []
        for title, files in plots.items():
            assert [f.read_bytes() for f in files] == [f.read_bytes() for f in here[title]]


def test_what_fails_beside_is_told_here(tmp_path: Path) -> None:
    make_store(tmp_path / "runs", {"balle2018": 0.0}, 4, 6, 2)
    verdict = judge(read_boards([tmp_path / "runs"])[0], 200)
    (tmp_path / "taken").write_text("a file where a folder should be")
    with pytest.raises(BenchError, match="taken"):
        draw_boards([(verdict, tmp_path / "taken")], 2, [])
