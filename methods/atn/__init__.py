"""ATN: NDIC's common information joined by cross-attention between the two views' decoders."""

from pathlib import Path

from bench.recipe import method

METHOD = method(Path(__file__).parent / "recipe.toml", "methods.atn.codec:ATNCodec")
