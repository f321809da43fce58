"""The foundation of the small latent-diffusion codecs, trained by this project."""

from __future__ import annotations

from pathlib import Path

from bench.recipe import method

METHOD = method(Path(__file__).parent / "recipe.toml", "methods.synth_ldm.foundation:SynthLDM")
