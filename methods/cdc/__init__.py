"""CDC: conditional diffusion in pixels, without side view; ε- and x-parameterisation."""

from pathlib import Path

from bench.recipe import method

METHOD = method(Path(__file__).parent / "recipe.toml", "methods.cdc.codec:CDCCodec")
