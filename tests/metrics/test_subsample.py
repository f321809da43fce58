"""Intervals of set distances by subsampling scenes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.metrics import distances, subsample


def draw(rng: np.random.Generator, scenes: int, d: int = 16) -> tuple[np.ndarray, np.ndarray, list[str]]:
    owner = np.repeat(np.arange(scenes), 2)
    x = 0.7 * rng.normal(size=(scenes, d))[owner] + 0.7 * rng.normal(size=(2 * scenes, d))
    return 0.8 * x + 0.3 * rng.normal(size=x.shape) + 0.05, x, [f"s{i}" for i in owner]


@pytest.mark.parametrize("d", [16, 40, 100])
def test_the_distances_of_subsets_are_those_of_their_features(d: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With fewer dimensions than pictures, than pictures of the set alone, and with more."""
    first, second, scenes = draw(np.random.default_rng(0), 30, d)
    seen: list[tuple[float, float]] = []

    def watch(drawn: Any, scenes: Any) -> None:
        direct = [distances.frechet, distances.kernel_distance][len(seen) // 2]
        draws = [np.arange(60), np.arange(0, 60, 3)]
        seen.extend((found, direct(first[own], second[own])) for found, own in zip(drawn(draws), draws, strict=True))

    monkeypatch.setattr(subsample, "_offsets", watch)
    subsample.frechet_interval(first, second, scenes)
    subsample.kernel_interval(first, second, scenes)
    assert len(seen) == 4
    for ours, theirs in seen:
        assert ours == pytest.approx(theirs, rel=1e-9)


def test_scaled_subsamples_of_a_mean_have_its_deviation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the distance is a mean, subsampling must give the textbook interval."""
    values = np.random.default_rng(1).normal(size=200)
    monkeypatch.setattr(subsample, "DRAWS", 4000)
    low, high = subsample._offsets(lambda draws: [values[own].mean() for own in draws], list(map(str, range(200)))) or (
        0,
        0,
    )
    assert high == -low == pytest.approx(1.972 * values.std(ddof=1) / np.sqrt(200), rel=0.05)


@pytest.mark.parametrize("name", ["frechet", "kernel"])
def test_intervals_cover_the_expected_distance_of_this_n(name: str) -> None:
    value = {"frechet": distances.frechet, "kernel": distances.kernel_distance}[name]
    interval = {"frechet": subsample.frechet_interval, "kernel": subsample.kernel_interval}[name]
    rng = np.random.default_rng(2)
    expected = np.mean([value(*draw(rng, 20)[:2]) for _ in range(400)])
    hits, widths, found = 0, [], []
    for _ in range(60):
        first, second, scenes = draw(rng, 20)
        low, high = interval(first, second, scenes) or (0.0, 0.0)
        found.append(value(first, second))
        hits += found[-1] + low <= expected <= found[-1] + high
        widths.append(high - low)
    assert hits >= 55
    assert np.median(widths) < 2 * 2 * 2.09 * np.std(found)  # and does not do so by being useless


def test_too_few_scenes_have_no_interval() -> None:
    first, second, _ = draw(np.random.default_rng(3), 10)
    assert subsample.frechet_interval(first, second, ["a"] * 10 + ["b"] * 10) is None
