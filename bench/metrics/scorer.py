"""What the engine asks of a family of metrics.

A batch is measured by all families on the device before anything is moved: ``measure`` queues work and waits for
nothing, the engine moves all columns together, and ``collect`` gets them in the host's memory.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from torch import Tensor

from bench.metrics.batch import Array, Batch

Columns = dict[str, Tensor]
Arrays = dict[str, Array]


class Scorer(Protocol):
    """What the engine asks of a family of metrics.

    Attributes:
        wanted: Names of the family's metrics to compute; the engine narrows it where pictures are too small.
    """

    wanted: Collection[str]

    def measure(self, batch: Batch) -> Columns:
        """Return what is to be known of a batch, on the device."""

    def collect(self, batch: Batch, found: Arrays) -> Arrays:
        """Take what ``measure`` returned, as float64 arrays; return the item columns ``(N,)``."""

    def finish(self, scenes: Sequence[str]) -> dict[str, float]:
        """Return the set columns of everything since the last reset."""

    def reset(self) -> None:
        """Forget the set, keep networks and what was computed from originals."""


class ItemScorer:
    """A family whose columns are item columns, with nothing kept between batches."""

    def collect(self, batch: Batch, found: Arrays) -> Arrays:
        """Return the columns as they are."""
        return found

    def finish(self, scenes: Sequence[str]) -> dict[str, float]:
        """There is no set column."""
        return {}

    def reset(self) -> None:
        """Nothing is kept between batches."""
