"""Keys of the authors' checkpoints: NDIC's on the factorised prior, and three cross-attention modules."""

from __future__ import annotations

from methods.layers.official import Entry, KeyMap, plain
from methods.ndic.official import PRIORS, factorized, views


def base() -> KeyMap:
    """The map of the authors' ``CADistributedAutoEncoder``."""
    entries = views() | factorized()
    for index in range(3):
        entries |= _attention(f"ca{index + 1}", f"attend.{index}")
    return KeyMap(entries, untailed=PRIORS)


def _attention(official: str, ours: str) -> dict[str, Entry]:
    """One cross-attention module; what cuts and folds patches has no parameters, hence the numbers."""
    return (
        plain(f"{official}.to_patch_embedding_x.1", f"{ours}.embed_x")
        | plain(f"{official}.to_patch_embedding_y.1", f"{ours}.embed_y")
        | plain(f"{official}.unpack_embedding_y.0", f"{ours}.unpack")
        | plain(f"{official}.norm", f"{ours}.norm")
        | plain(f"{official}.attn.to_qkv_x", f"{ours}.attn.to_qkv_x", "weight")
        | plain(f"{official}.attn.to_qkv_y", f"{ours}.attn.to_qkv_y", "weight")
        | plain(f"{official}.attn.to_out.0", f"{ours}.attn.to_out.0")
    )
