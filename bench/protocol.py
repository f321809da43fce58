"""The frozen evaluation protocol: everything a number depends on, under one name."""

from __future__ import annotations

import hashlib

NAME = "dic128-v1"
HEIGHT = 128
WIDTH = 256
KITTI_CROP = (370, 740)
SCHEMA = 1
"""Version of the result columns; a store written by a newer schema is refused."""

PSNR_CLIP_DB = 100.0
"""PSNR given to a pair of identical pictures; such pairs are counted beside the mean."""


def item_seed(dataset: str, item: str, repetition: int) -> int:
    """Seed of the noise that a stochastic decoder may draw for one item.

    The first 64 bits of sha256 over protocol, dataset, item and repetition: the same for every method and rate
    point, so that two codecs compared on an item draw the same noise.
    """
    text = "\x1f".join((NAME, dataset, item, str(repetition)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
