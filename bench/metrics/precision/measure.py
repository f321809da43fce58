"""Measuring the distances: our engine and the references on the same pictures, with the same weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from bench.errors import NotInstalled
from bench.metrics import METRICS, engine, score_pairs, weights
from bench.metrics.batch import Array
from bench.metrics.precision.references import REFERENCES, Reference


@dataclass(frozen=True)
class Row:
    """One metric on one device.

    Attributes:
        metric, reference: What was compared.
        device: ``cpu``, ``cuda`` or ``cuda, TF32``.
        weights: ``genuine``, ``stand-in`` or empty.
        values: How many values.
        typical: Mean of the reference's values.
        largest, mean: Distances; relative ones where ``relative``.
        tolerance: What is accepted.
        relative: See ``Reference``.
    """

    metric: str
    reference: str
    device: str
    weights: str
    values: int
    typical: float
    largest: float
    mean: float
    tolerance: float
    relative: bool

    @property
    def within(self) -> bool:
        """The largest distance is accepted; one that is no number never is."""
        return self.largest <= self.tolerance


def lacks_weights(metric: str) -> bool:
    """A network of the metric is not on this machine."""
    return any(weights.find(name, verify=False) is None for name in METRICS[metric].needs)


def measure(metrics: Sequence[str], recon: Tensor, orig: Tensor, kind: str, report: Callable[[Row], None]) -> list[Row]:
    """Compare metrics on the CPU and, where there is one, on the accelerator with TF32 off and on.

    Args:
        metrics: Names; those without a reference are passed over.
        recon: Reconstructions, uint8 ``(N, 3, H, W)``.
        orig: Originals.
        kind: What is said of the weights of those metrics that need any: ``genuine`` or ``stand-in``.
        report: Called with each row.

    Raises:
        NotInstalled: The package of a reference is missing.
    """
    rows = []
    for reference in (one for one in REFERENCES if one.metric in metrics):
        try:
            expected = reference.compute(recon, orig)
        except ModuleNotFoundError as error:
            raise NotInstalled(
                f"{reference.metric} is compared with a package that is not installed: run 'pip install {error.name}'."
            ) from error
        said = kind if METRICS[reference.metric].needs else ""
        for name, device, tf32 in _devices():
            with mock.patch.object(engine, "_inference", _with_tf32) if tf32 else nullcontext():
                found = score_pairs(recon, orig, [reference.metric], device)[reference.metric]
            rows.append(_row(reference, np.atleast_1d(found.numpy()), expected, name, said))
            report(rows[-1])
    return rows


def _row(reference: Reference, found: Array, expected: Array, device: str, kind: str) -> Row:
    distances = np.abs(found - expected) / (np.abs(expected) if reference.relative else 1.0)
    largest = float(distances.max()) if np.isfinite(distances).all() and found.shape == expected.shape else math.nan
    return Row(reference.metric, reference.name, device, kind, len(expected), float(expected.mean()), largest,
               float(distances.mean()), reference.tolerance, reference.relative)  # fmt: skip


@contextmanager
def _with_tf32(device: torch.device) -> Iterator[None]:
    """What the engine does not do: TF32 allowed on an accelerator."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=True):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def _devices() -> list[tuple[str, str, bool]]:
    """Name, torch device, TF32."""
    cuda = [("cuda", "cuda", False), ("cuda, TF32", "cuda", True)] if torch.cuda.is_available() else []
    return [("cpu", "cpu", False), *cuda]
