"""The cards agree with the codecs: every method has one, and the parameter counts on it are the networks'."""

from __future__ import annotations

from pathlib import Path

import pytest

import bench
from bench.registry import import_target, methods

ROOT = Path(__file__).resolve().parents[1]
LEARNED = [
    (name, variant, preset)
    for name in ("balle2017", "balle2018", "ndic", "ldmic", "dsin", "cdc", "dicm")
    for variant in methods.get(name).variants
    for preset in methods.get(name).presets_of(variant)
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
    points = [line for line in card(name).splitlines() if line.startswith("| rate points")]
    points = [line for line in points if ("ms-ssim" in line) == variant.endswith("ms-ssim")]
    assert any(cell.strip().startswith(f"{len(info.rates)}, ") for line in points for cell in line.split("|"))


@pytest.mark.parametrize("name", ["balle2017", "balle2018", "ndic", "ldmic", "dsin", "cdc", "dicm", "spdic", "mdic"])
def test_learned_codecs_say_what_they_were_trained_on(name: str) -> None:
    text = card(name)
    for words in ("KITTI", "non-commercial", "CC BY-NC-SA 3.0", "Geiger", "Menze"):
        assert words in text


@pytest.mark.parametrize(
    ("name", "variant"), [(n, v) for n in methods for v in methods.get(n).variants if methods.get(n).recipe]
)
def test_variants_of_the_published_size_alone_are_named(name: str, variant: str) -> None:
    """A variant without small preset runs only on request, so its card is where it is found."""
    if methods.get(name).presets_of(variant) == ("paper",):
        assert f"`{variant}`" in card(name)


def test_codecs_with_a_map_stand_in_the_guide_to_official_checkpoints() -> None:
    guide = (ROOT / "docs" / "official-checkpoints.md").read_text(encoding="utf-8")
    rows = [line for line in guide.splitlines() if line.startswith("| ")]
    for name in methods:
        method = methods.get(name)
        if method.recipe is not None and getattr(import_target(method.target), "reads_official", False):
            assert any(f"`{name}" in row for row in rows), name
