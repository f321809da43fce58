"""Two-symbol coding tables on a grid of log odds.

A symbol of a learned entropy model is coded as yes-or-no decisions (DSIN's centres, the bits of MDIC's indices). Each
decision's log odds are rounded to a grid so coarse that the last bits of float64 arithmetic, which differ between
processors, do not move them to another table; integer counts from unrounded probabilities would differ. Half a step of
0.1 costs below 0.05 % of the bits.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bench.coding import Tables, categorical_tables

STEP = 0.1
"""Distance of the grid's log odds, nats."""

REACH = 160
"""Tables on either side of even odds: up to 16 nats, one count in 2²⁴."""


def make_tables() -> dict[str, NDArray[np.int32]]:
    """Arrays of the tables, to be stored with the weights: row ``t`` is log odds ``(t − REACH)·STEP`` of a yes."""
    odds = STEP * np.arange(-REACH, REACH + 1)
    yes = 1 / (1 + np.exp(-odds))
    made = categorical_tables([np.array([1 - p, p]) for p in yes], np.zeros(len(yes), np.int32))
    return {f"decision.{key}": value for key, value in made.to_arrays().items()}


def read_tables(arrays: Mapping[str, NDArray[np.int32]]) -> Tables:
    """Restore what :func:`make_tables` gave.

    Raises:
        KeyError, ValueError: Tables are absent or unsound.
    """
    tables = Tables.from_arrays({key: arrays[f"decision.{key}"] for key in ("counts", "lengths", "offsets")})
    if len(tables) != 2 * REACH + 1:
        raise ValueError(f"{len(tables)} tables for {2 * REACH + 1} log odds")
    return tables


def table_of(odds: NDArray[np.float64]) -> NDArray[np.int32]:
    """Table of each decision's log odds."""
    return np.clip(np.rint(odds / STEP), -REACH, REACH).astype(np.int32) + np.int32(REACH)
