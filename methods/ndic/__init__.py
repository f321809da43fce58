"""NDIC: distributed compression with common information computed from the side view at the decoder."""

from pathlib import Path

from bench.recipe import method

METHOD = method(Path(__file__).parent / "recipe.toml", "methods.ndic.codec:NDICCodec")
