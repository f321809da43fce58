"""Ballé2018: the scale hyperprior, coding ``x`` without any side view."""

from pathlib import Path

from bench.recipe import method

METHOD = method(Path(__file__).parent / "recipe.toml", "methods.balle2018.codec:Balle2018Codec")
