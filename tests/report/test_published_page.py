"""``published.md`` and the measured conventions: real pictures in, effects of the right size and sign out."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from bench.report.published.measure import _from_pictures, _row
from bench.report.published.page import WORDS, change, published_page, span
from bench.report.published.table import EFFECTS

FOLDER = Path(__file__).parents[2] / "results" / "published"


def test_the_committed_effects_are_on_the_page() -> None:
    rows = json.loads((FOLDER / EFFECTS).read_text(encoding="utf-8"))["rows"]
    page = published_page(FOLDER)
    assert {row["effect"] for row in rows} == set(WORDS)
    for row in rows:
        assert change(row) in page
        expected = row["other"] - row["ours"] if row["kind"] == "dB" else row["other"] / row["ours"] - 1
        assert row["change"] == pytest.approx(expected, abs=2e-3)
    assert all(
        row["change"] == pytest.approx(math.log(2) - 1, abs=1e-3) for row in rows if row["effect"] == "bits-nats"
    )
    assert all(-0.35 < row["change"] < -0.05 for row in rows if row["effect"] == "lpips-range")
    assert "Measured here: " in page and "79 of KITTI's 790" in page


def test_a_span_runs_from_the_smallest_to_the_largest() -> None:
    rows = [{"effect": "lpips-range", "change": c, "kind": "ratio"} for c in (-0.2, -0.13, -0.17)]
    assert span(rows) == "−20.0 % to −13.0 %" and span(rows[:1]) == "−20.0 %"
    assert change({"effect": "psnr-pooled", "change": -0.5, "kind": "dB"}) == "−0.500 dB"
    assert _row("bits-estimated", 3, 2.0, 1.9, "ratio")["change"] == pytest.approx(-0.05)


def test_effects_of_the_pixel_boundary(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.metrics import perceptual

    class Network:
        def features(self, picture: torch.Tensor, unit_range: bool) -> torch.Tensor:
            return picture.double() * (0.5 if unit_range else 1.0)

        def distance(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return (a - b).abs().flatten(1).mean(1)

    monkeypatch.setattr(perceptual, "load", lambda *given: Network())
    generator = torch.Generator().manual_seed(5)
    exact = torch.rand((4, 3, 64, 64), generator=generator) * 1.1 - 0.05
    x = (exact + 0.05 * torch.randn(exact.shape, generator=generator)).clamp(0, 1).mul(255).round().byte()
    pictures = exact.clamp(0, 1).mul(255).round().byte()
    found = {row["effect"]: row["change"] for row in _from_pictures(x, pictures, exact)}
    assert found["psnr-unclamped"] < found["psnr-truncated"] < 0 < found["psnr-unrounded"] < 0.02
    assert found["lpips-range"] == pytest.approx(-0.5)
    assert {row["effect"] for row in _from_pictures(x, pictures, None)} == {"lpips-range"}
