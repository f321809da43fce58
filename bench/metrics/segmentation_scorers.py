"""The two kinds of ``miou``: agreement with the original, and with labels where the dataset has any."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from bench.errors import BenchError
from bench.metrics import segmentation, weights
from bench.metrics.batch import Array, Batch
from bench.metrics.scorer import Arrays, Columns


class _Segmentation:
    """Counts of pixels by right and seen class, summed over the set."""

    wanted: Collection[str]
    network: segmentation.Segmenter

    def collect(self, batch: Batch, found: Arrays) -> Arrays:
        """Add the counts; there is no item column."""
        for name, counts in found.items():
            self._counts[name] = self._counts[name] + counts if name in self._counts else counts
        return {}

    def finish(self, scenes: Sequence[str]) -> dict[str, float]:
        """Return mIoU of each sum."""
        return {name: segmentation.mean_iou(counts) for name, counts in self._counts.items()}

    def reset(self) -> None:
        """Forget the set."""
        self._counts: dict[str, Array] = {}

    def _confusion(self, right: Tensor, seen: Tensor) -> Tensor:
        return segmentation.confusion(right, seen, self.network.classes)

    def _original(self, batch: Batch) -> Tensor:
        """Classes that the network sees in the originals, uint8 ``(N, H, W)``."""
        compute = lambda: (self.network.labels(batch.orig).to(torch.uint8),)  # noqa: E731
        return batch.held.get("miou", batch.keys, compute)[0]


class Agreement(_Segmentation):
    """``miou`` on data without labels: right is what a SegFormer sees in the original."""

    def __init__(self, wanted: Collection[str], device: str) -> None:
        self.wanted = wanted
        self.network = segmentation.Segformer(weights.require("segformer", "miou"), device)
        self.reset()

    def measure(self, batch: Batch) -> Columns:
        """Compare what is seen in both pictures."""
        return {"miou": self._confusion(self._original(batch), self.network.labels(batch.recon))}


class Labelled(_Segmentation):
    """``miou`` on data with labels, which are right; ``miou_originals`` is what the originals reach."""

    def __init__(self, wanted: Collection[str], device: str) -> None:
        self.wanted = wanted
        self.network = segmentation.Streets(weights.require("street_segmenter", "miou"), device)
        self.reset()

    def measure(self, batch: Batch) -> Columns:
        """Compare labels with what is seen in either picture."""
        right = batch.labels
        if right is None:
            raise BenchError("Some pairs of this set have class labels and others have none; score them apart.")
        if int(right.max()) >= self.network.classes:
            raise BenchError(f"There is a label {int(right.max())}, and only {self.network.classes} classes.")
        return {
            "miou": self._confusion(right, self.network.labels(batch.recon)),
            "miou_originals": self._confusion(right, self._original(batch)),
        }
