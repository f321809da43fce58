"""Ballé2017: the factorised prior on a 9×9 stack, coding ``x`` without any side view."""

from pathlib import Path

from bench.recipe import method

METHOD = method(Path(__file__).parent / "recipe.toml", "methods.balle2017.codec:Balle2017Codec")
