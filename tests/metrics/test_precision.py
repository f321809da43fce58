"""`bench precision`: distances are measured, those too large or no number are told, and the page is whole."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.metrics import pixels
from bench.metrics.precision.inputs import DISTORTIONS, distorted
from bench.metrics.precision.measure import Row, measure
from bench.metrics.precision.references import REFERENCES

from .conftest import pictures

PAGE = Path(__file__).parents[2] / "docs" / "precision.md"
BYTES = ["psnr", "psnr_pooled", "ms_ssim", "ssim"]


def rows_of(metrics: list[str], count: int = 2) -> dict[str, Row]:
    recon, orig = distorted(pictures(count))
    found: list[Row] = []
    assert measure(metrics, recon, orig, "genuine", found.append) == found
    return {row.metric: row for row in found if row.device == "cpu" and math.isfinite(row.tolerance)}


def test_distortions_change_a_picture_and_depend_on_nothing_else() -> None:
    recon, orig = distorted(pictures(2))
    alone, _ = distorted(pictures(2)[1:])
    assert recon.shape == orig.shape == (2 * len(DISTORTIONS), 3, 128, 256)
    assert (recon != orig).flatten(1).any(1).all()
    assert torch.equal(recon[1::2], alone)


def test_metrics_of_bytes_are_those_of_the_libraries() -> None:
    rows = rows_of(BYTES, 1)
    assert list(rows) == BYTES and all(row.within and row.weights == "" for row in rows.values())
    pictures_each = [row.values for row in rows.values()]
    assert pictures_each == [len(DISTORTIONS), 1, len(DISTORTIONS), len(DISTORTIONS)]


@pytest.mark.parametrize("metric", ["lpips_alex", "lpips_vgg", "dists"])
def test_networks_equal_their_libraries_with_the_same_weights(stand_ins: Path, metric: str) -> None:
    row = rows_of([metric], 1)[metric]
    assert row.within and row.largest < 1e-3 * row.typical


def test_genuine_weights(genuine: Path) -> None:
    rows = rows_of(["lpips_squeeze", "niqe", "kd_squeeze"])
    assert len(rows) == 3 and all(row.within for row in rows.values())


@pytest.mark.parametrize("wrong", [1e-3, float("nan")])
def test_a_metric_that_is_off_is_told(wrong: float, cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = pixels.ms_ssim
    monkeypatch.setattr(pixels, "ms_ssim", lambda recon, orig: right(recon, orig) + wrong)
    out = tmp_path / "precision.md"
    done = cli("precision", "--dataset", "synthdrive:test32", "--pairs", "1", "--metrics", "psnr,ms_ssim", "--out", out)
    assert done.code == 1 and done.out.strip() == str(out)
    words = [
        "yes",
        "**no**",
        "**no**" if math.isnan(wrong) else "yes",
    ]  # the third is a reference less precise than ours
    found = re.findall(r"\| `(\w+)` .*\| (\S+) \|\n", out.read_text())
    assert found == list(zip(["psnr", "ms_ssim", "ms_ssim"], words, strict=True))


def test_metrics_without_weights_or_stand_ins_are_left_out_by_name(cli: Any, tmp_path: Path) -> None:
    out = tmp_path / "precision.md"
    done = cli("precision", "--dataset", "synthdrive:test32", "--pairs", "1", "--metrics", "psnr,niqe", "--out", out)
    assert done.code == 0 and "Left out: niqe needs niqe" in done.err
    assert re.findall(r"\| `(\w+)` ", out.read_text()) == ["psnr"]


def test_a_value_that_is_missing_is_never_within() -> None:
    row = Row("psnr", "none", "cpu", "", 1, 30.0, float("nan"), 0.0, 1.0, False)
    assert not row.within and np.isnan(row.largest)


def test_the_page_holds_every_reference_and_every_one_is_within() -> None:
    table = re.findall(r"^\| `(\w+)` \|.*\| cpu \|.*\| (\S+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {name for name, _ in table} == {reference.metric for reference in REFERENCES}
    assert {word for _, word in table} == {"yes"}
