"""The examples of docs/reading-results.md do what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import bench.results

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reading-results.md").read_text(encoding="utf-8")


def code(word: str) -> str:
    """The page's Python example that holds a word."""
    return next(block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if word in block)


def test_the_pandas_example_gives_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    place: dict[str, object] = {}
    exec(code("groupby").replace('"runs"', '"results"'), place)
    curve = place["curve"]
    assert {"bpp", "psnr", "lpips_squeeze"} == set(curve.columns) and ("jpeg", "base", "r1") in curve.index  # type: ignore[attr-defined]


def test_duckdb_reads_the_store_as_pandas_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    place: dict[str, object] = {}
    exec(code("duckdb"), place)
    items = bench.results.load("results/kitti-mini").query("control == 'none' and status == 'ok'")
    items = items.assign(pixels=items.height * items.width)
    own = items.groupby(["method", "variant", "rate"]).agg(
        n=("psnr", "size"), bits=("bits_file", "sum"), pixels=("pixels", "sum"), psnr=("psnr", "mean")
    )
    theirs = place["curves"].set_index(["method", "variant", "rate"])  # type: ignore[attr-defined]
    assert len(theirs) == len(own)
    joined = own.join(theirs, rsuffix="_duckdb")
    assert (joined.n == joined.n_duckdb).all()
    assert (joined.bits / joined.pixels - joined.bpp).abs().max() < 1e-9
    assert (joined.psnr - joined.psnr_duckdb).abs().max() < 1e-5
