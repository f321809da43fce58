"""The cards agree with the codecs: every method has one, and the parameter counts on it are the networks'."""

from __future__ import annotations

from pathlib import Path

import pytest

import bench
from bench.registry import methods

ROOT = Path(__file__).resolve().parents[1]
LEARNED = [
    (name, variant, preset)
    for name in ("balle2018", "ndic", "ldmic")
    for variant in methods.get(name).variants
    for preset in methods.get(name).presets
]


def card(name: str) -> str:
    """Text of a method's card."""
    package = methods.get(name).target.split(".")[1]
    folder = name if (ROOT / "methods" / name).is_dir() else package
    return (ROOT / "methods" / folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [n for n in methods if methods.origin(n) == "dic-bench"])
def test_every_method_stands_on_a_card(name: str) -> None:
    assert name in card(name)


@pytest.mark.parametrize(("name", "variant", "preset"), LEARNED)
def test_parameters_and_rate_points_on_the_card(name: str, variant: str, preset: str) -> None:
    info = bench.codec_info(name, preset, variant)
    codec = bench.load_codec(name, preset, variant, rate="r1")
    assert f"{codec.parameters():,}" in card(name)
    points = next(line for line in card(name).splitlines() if line.startswith("| rate points"))
    assert any(cell.strip().startswith(f"{len(info.rates)}, ") for cell in points.split("|"))


@pytest.mark.parametrize("name", ["balle2018", "ndic", "ldmic"])
def test_learned_codecs_say_what_they_were_trained_on(name: str) -> None:
    text = card(name)
    for words in ("KITTI", "non-commercial", "CC BY-NC-SA 3.0", "Geiger", "Menze"):
        assert words in text
