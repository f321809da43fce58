"""Feature vectors of a set and of its originals, and the distances between them. Memory grows by features alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from bench.metrics import distances, subsample
from bench.metrics.batch import Array, Key


class Originals:
    """Feature vectors of originals, kept by a digest of their pixels across rate points and codecs."""

    def __init__(self) -> None:
        self._held: dict[Key, Array] = {}

    def lacks(self, keys: Sequence[Key]) -> bool:
        """Whether one of these was not put yet."""
        return any(key not in self._held for key in keys)

    def put(self, keys: Sequence[Key], rows: Array) -> None:
        """Keep one row a key."""
        self._held.update(zip(keys, rows, strict=True))

    def take(self, keys: Sequence[Key]) -> list[Array]:
        """Return one row a key."""
        return [self._held[key] for key in keys]


class FeatureSets:
    """Two sets of feature vectors, filled batch by batch.

    Args:
        frechet: Name of the Fréchet distance's column.
        kernel: Name of the kernel distance's column.
    """

    def __init__(self, frechet: str, kernel: str) -> None:
        self.frechet, self.kernel = frechet, kernel
        self.recon: list[Array] = []
        self.orig: list[Array] = []

    def add(self, recon: Array, orig: Sequence[Array]) -> None:
        """Take features of reconstructions ``(N, d)`` and of their originals."""
        self.recon.extend(recon)
        self.orig.extend(orig)

    def reset(self) -> None:
        """Forget both sets."""
        self.recon, self.orig = [], []

    def finish(self, wanted: Collection[str], scenes: Sequence[str]) -> dict[str, float]:
        """Return the distances asked for; fewer than two items give none.

        Args:
            wanted: Names of metrics.
            scenes: Scene of each item, for the jackknife below 500 items.
        """
        if len(self.recon) < 2:
            return {}
        recon, orig = np.stack(self.recon), np.stack(self.orig)
        self.recon = list(recon)  # rows of the new array in place of the old rows
        values: dict[str, float] = {}
        if self.frechet in wanted:
            values[self.frechet] = distances.frechet(recon, orig)
            values |= _ends(self.frechet, values[self.frechet], subsample.frechet_interval(recon, orig, scenes))
        if self.kernel in wanted:
            values[self.kernel] = distances.kernel_distance(recon, orig)
            values |= _ends(self.kernel, values[self.kernel], subsample.kernel_interval(recon, orig, scenes))
            if len(recon) >= distances.SUBSETS_FROM:
                mean, sd = distances.kernel_subsets(recon, orig)
                values[f"{self.kernel}_sub_mean"], values[f"{self.kernel}_sub_sd"] = mean, sd
            else:
                spread = distances.kernel_jackknife(recon, orig, scenes)
                if np.isfinite(spread):
                    values[f"{self.kernel}_jackknife_sd"] = spread
        return values


def _ends(name: str, value: float, offsets: tuple[float, float] | None) -> dict[str, float]:
    """Columns of an interval; empty without one."""
    return {} if offsets is None else {f"{name}_low": value + offsets[0], f"{name}_high": value + offsets[1]}
