"""DICM: CDC with the side view's pyramid added to that of the decoded latent."""

from pathlib import Path

from bench.recipe import method

METHOD = method(Path(__file__).parent / "recipe.toml", "methods.dicm.codec:DICMCodec")
