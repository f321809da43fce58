"""Prepared stereo pairs: open them, prepare them, list what this machine has."""

from bench.data.catalog import available, open_pairs
from bench.data.pairs import PairSet

__all__ = ["PairSet", "available", "open_pairs"]
