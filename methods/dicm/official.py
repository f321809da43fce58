"""Keys of DICM's checkpoints: CDC's ε release with two compressors more."""

from __future__ import annotations

from methods.cdc import official
from methods.layers.official import Entry, KeyMap

COMPRESSORS = ("context_fn", "context_fn_cor", "encode_w")


def dicm() -> KeyMap:
    """The map of the authors' ``DICM``, whose weights were not published."""
    entries: dict[str, Entry] = official.unet("denoise_fn")
    for name in COMPRESSORS:
        entries |= official.compressor(name, slots=True)
    return KeyMap(entries, official.IGNORED, untailed=tuple(f"{name}.prior.latent" for name in COMPRESSORS))
