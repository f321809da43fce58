"""Keys and sizes of CompressAI's scale hyperprior, as in its model zoo (``bmshj2018_hyperprior``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.errors import BenchError
from methods.layers import density_keys
from methods.layers.checkpoint import Checkpoint
from methods.layers.official import COMPRESSAI_BUFFERS, Entry, KeyMap, compressai_density, plain

SIZES = ((128, 192), (192, 320), (192, 192))
"""Filters N and latent channels M: the zoo's qualities 1 to 5, its 6 to 8, and ours."""


def transform(official: str, ours: str) -> dict[str, Entry]:
    """Four convolutions with GDN between them."""
    entries: dict[str, Entry] = {}
    for i in range(0, 7, 2):
        entries |= plain(f"{official}.{i}", f"{ours}.{i}")
    for i in range(1, 7, 2):
        entries |= plain(f"{official}.{i}", f"{ours}.{i}", "gamma", "beta")
    return entries


def canonical() -> KeyMap:
    """The map of CompressAI's ``ScaleHyperprior``."""
    entries = transform("g_a", "g_a") | transform("g_s", "g_s")
    for i in range(0, 5, 2):
        entries |= plain(f"h_a.{i}", f"prior.down.{i + 1}") | plain(f"h_s.{i}", f"prior.up.{i}")
    entries |= compressai_density("entropy_bottleneck", "prior.latent.density")
    return KeyMap(entries, ignored=COMPRESSAI_BUFFERS, spell=density_keys.stored)


def sizes(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """Sizes that a checkpoint of the scale hyperprior has; empty where it is of something else.

    Raises:
        BenchError: It has sizes that neither the zoo nor this codec has.
    """
    first, last = (checkpoint.tensors.get(f"g_a.{i}.weight") for i in (0, 6))
    if first is None or last is None or not (first.dim() and last.dim()):
        return {}
    found = {"filters": first.shape[0], "latent": last.shape[0]}
    if tuple(found.values()) not in SIZES:
        raise BenchError(
            f"{checkpoint.label} has N, M = {first.shape[0]}, {last.shape[0]}; balle2018:canonical takes "
            f"{' or '.join(f'{n}, {m}' for n, m in SIZES)}, the sizes of CompressAI's zoo and its own."
        )
    return found
