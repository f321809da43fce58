"""Validation: which pairs, and the loss over them at the quantisation that coding uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from bench.data.names import SPLITS, parse
from bench.errors import BenchError
from bench.train.batches import Pairs
from bench.train.loss import Distance, add_perceptual, batch_lambdas, losses_of
from bench.training import Training

_AT_ONCE = 4
"""Pairs a pass; the mean over items does not depend on it."""


def default_sets(data: str) -> str:
    """Name the split ``val`` of each set in ``data`` that has one, comma-separated.

    ``kitti:train`` gives ``kitti:val``, ``synthdrive:train1200`` gives ``synthdrive:val``. ``kitti-mini`` and
    ``folder:`` sets have none and add nothing.

    Raises:
        BenchError: None of the sets has a split ``val``.
    """
    datasets = dict.fromkeys(parse(name).dataset for name in data.split(","))
    found = [f"{dataset}:val" for dataset in datasets if "val" in SPLITS.get(dataset, ())]
    if not found:
        raise BenchError(
            f"This recipe needs a validation set and {data} has no split 'val'; name one with --val, such as "
            "synthdrive:val or a folder:LEFT:RIGHT whose pairs are in neither the training nor the test set."
        )
    return ",".join(found)


@torch.no_grad()
def validation_losses(
    model: nn.Module,
    sets: Sequence[Pairs],
    lambdas: Sequence[float],
    how: Training,
    device: torch.device,
    perceptual: Distance | None = None,
) -> dict[str, float]:
    """Mean loss, bits per pixel and mean squared error over whole pictures, every pair at every rate point.

    The network is in evaluation mode, so that latents are rounded, no noise is added and nothing is augmented.

    Args:
        model: The network; its mode is the same afterwards.
        sets: The pairs.
        lambdas: λ of each rate point that the weights cover.
        how: The recipe's training table.
        device: Where the network is.
        perceptual: The recipe's perceptual distance, if it has one.
    """
    was_training = model.training
    model.eval()
    sums: dict[str, float] = {}
    count = 0
    for x, y in _batches(sets):
        # A batch holds the rate points in turn: item i is at point i mod k.
        x, y = (part.to(device).float().div(255).repeat_interleave(len(lambdas), 0) for part in (x, y))
        rates = torch.arange(len(x), device=device) % len(lambdas)
        out = add_perceptual(model(x, y, rates), x, y, perceptual)
        items = losses_of(model, out, x, y, batch_lambdas(list(lambdas), rates), how)
        for name, value in items.items():
            sums[name] = sums.get(name, 0.0) + float(value.double().sum())
        count += len(x)
    model.train(was_training)
    return {name: value / count for name, value in sums.items()}


def _batches(sets: Sequence[Pairs]) -> Iterator[tuple[Tensor, Tensor]]:
    for pairs in sets:
        for start in range(0, len(pairs), _AT_ONCE):
            yield pairs.batch(range(start, min(start + _AT_ONCE, len(pairs))))
