"""DSIN: deep image compression with a side view that the decoder searches for matching patches."""

from pathlib import Path

from bench.recipe import method

METHOD = method(Path(__file__).parent / "recipe.toml", "methods.dsin.codec:DsinCodec")
