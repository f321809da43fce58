"""Keys of the authors' checkpoints, which follow CompressAI's but for the joint context transfers."""

from __future__ import annotations

from methods.layers import density_keys
from methods.layers.official import COMPRESSAI_BUFFERS, Entry, KeyMap, compressai_density, plain


def ldmic() -> KeyMap:
    """The map of the authors' ``LDMIC`` and ``LDMIC_checkboard``; both have the same keys and shapes."""
    entries: dict[str, Entry] = {}
    for transform, layers in (("encoder", 7), ("decoder_1", 4), ("decoder_2", 3)):
        for i in range(layers):
            leaves = ("gamma", "beta") if i % 2 else ("weight", "bias")
            entries |= plain(f"{transform}.{i}", f"{transform}.{i}", *leaves)
    for i in (0, 2, 4):
        entries |= plain(f"hyperprior.hyper_encoder.{i}", f"prior.down.{i}")
        entries |= plain(f"hyperprior.hyper_decoder.{i}", f"prior.up.{i}")
        entries |= plain(f"entropy_parameters.{i}", f"prior.entropy_parameters.{i}")
    entries |= plain("context_prediction", "prior.context_prediction")
    entries |= compressai_density("hyperprior.entropy_bottleneck", "prior.latent.density")
    entries |= _transfer("atten_3") | _transfer("atten_4")
    return KeyMap(entries, rf"{COMPRESSAI_BUFFERS}|context_prediction\.mask", density_keys.stored)


def _transfer(module: str) -> dict[str, Entry]:
    """One joint context transfer: two residual blocks, linear attention, two residual blocks that join."""
    entries: dict[str, Entry] = {}
    blocks = {"rb1": "features.0", "rb2": "features.1", "refine.0": "join.0", "refine.1": "join.1"}
    for official, ours in blocks.items():
        entries |= plain(f"{module}.{official}.conv1", f"{module}.{ours}.conv1")
        entries |= plain(f"{module}.{official}.conv2", f"{module}.{ours}.conv2")
    entries |= plain(f"{module}.refine.0.skip", f"{module}.join.0.skip")
    for part in ("keys", "queries", "values", "reprojection"):
        entries |= plain(f"{module}.attn.{part}", f"{module}.attention.{part}")
    return entries
