"""SPDIC: distributed compression whose decoder corrects the latent by a text-conditioned diffusion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench import recipe
from bench.codec import CodecInfo
from methods.foundation.options import on_foundation

_RECIPE = Path(__file__).parent / "recipe.toml"


def describe(variant: str, preset: str) -> CodecInfo:
    """Return what one (variant, preset) declares."""
    own = recipe.table(_RECIPE, variant, preset)["options"]
    return on_foundation(recipe.describe(_RECIPE, variant, preset), **own)


METHOD = replace(recipe.method(_RECIPE, "methods.spdic.codec:SPDICCodec"), describe=describe)
