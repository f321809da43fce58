"""LDMIC: independent encoders with a context model, joint context transfer between the views at the decoder."""

from pathlib import Path

from bench.recipe import method

METHOD = method(Path(__file__).parent / "recipe.toml", "methods.ldmic.codec:LDMICCodec")
