"""MDIC: indices of a quantised latent, and a text-conditioned latent diffusion that the side view guides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench import recipe
from bench.codec import CodecInfo
from methods.foundation.options import on_foundation

_RECIPE = Path(__file__).parent / "recipe.toml"


def describe(variant: str, preset: str) -> CodecInfo:
    """Return what one (variant, preset) declares; a rate point is a grid and a codebook size."""
    found = recipe.table(_RECIPE, variant, preset)
    info = recipe.describe(_RECIPE, variant, preset)
    points = zip(info.rates, found["ratios"], found["codes"], strict=True)
    settings = [{**point.setting, "ratios": ratio, "codes": codes} for point, ratio, codes in points]
    rates = tuple(replace(point, setting=setting) for point, setting in zip(info.rates, settings, strict=True))
    return on_foundation(replace(info, rates=rates), **found["options"])


METHOD = replace(recipe.method(_RECIPE, "methods.mdic.codec:MDICCodec"), describe=describe)
