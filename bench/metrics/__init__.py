"""Metrics of the frozen protocol on uint8 pictures. Importing this package imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.errors import BenchError, MissingWeights, NotInstalled
from bench.metrics.registry import METRICS, MetricSpec, resolve

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["METRICS", "MetricSpec", "resolve", "score_pairs"]


def score_pairs(
    reconstructions: Tensor,
    originals: Tensor,
    metrics: Sequence[str] = ("psnr", "ms_ssim"),
    device: str = "cpu",
    batch_size: int = 16,
) -> dict[str, Tensor]:
    """Score pairs with named metrics.

    Args:
        reconstructions: uint8 ``(N, 3, H, W)``, RGB.
        originals: The same shape.
        metrics: Names of ``METRICS``.
        device: Torch device that the networks run on.
        batch_size: Pictures in a batch on an accelerator.

    Returns:
        A float64 tensor a metric, on the CPU: ``(N,)`` for item metrics (NaN for a picture without the texture that
        the metric needs), ``()`` for set metrics.

    Raises:
        UnknownName: No such metric.
        MissingWeights: A network is not on this machine; the sentence names the command that fetches it.
        NotInstalled: A package is missing.
        BenchError: Another type or shape, or pictures too small or too few for a metric.
    """
    import torch

    from bench.metrics.engine import Engine

    if len(reconstructions) != len(originals):
        raise BenchError(f"There are {len(reconstructions)} reconstructions for {len(originals)} originals.")
    engine = Engine(list(metrics), device, batch_size)
    errors = {"no-weights": MissingWeights, "not-installed": NotInstalled}
    for name, status in engine.statuses.items():
        if status in errors:
            raise errors[status](engine.reasons[name])
    for start in range(0, len(originals), batch_size):
        stop = min(start + batch_size, len(originals))
        ids = [str(index) for index in range(start, stop)]
        engine.update(reconstructions[start:stop], originals[start:stop], ids)
    items, values = engine.finish()
    for name, status in engine.statuses.items():
        if status == "skipped" and name not in items:
            raise BenchError(engine.reasons[name])
    found = {name: torch.from_numpy(column) for name, column in items.items()}
    found |= {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}
    return {name: found[name] for name in engine.metrics}
