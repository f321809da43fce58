"""Training of ``StreetNet`` on the renderer's labels: cross entropy, left and right swapped at random, seeds fixed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from bench.data import open_pairs
from bench.data.pairs import PairSet
from bench.data.synthdrive import CLASSES
from bench.errors import BenchError
from bench.metrics.segmentation import confusion
from bench.metrics.streets.network import StreetNet
from bench.store.atomic import write_bytes

SEED, BATCH, RATE, DECAY = 0, 4, 2e-3, 1e-2


def train(data: str, steps: int, tell: Callable[[str], None]) -> StreetNet:
    """Train from seeded random values.

    Args:
        data: Training pairs that have labels, such as ``synthdrive:train1200``.
        steps: Batches of ``BATCH``; the learning rate falls to zero over them, by a cosine.
        tell: Called with a line every hundred steps.

    Raises:
        BenchError: The dataset has no labels.
    """
    pictures, labels = _all(open_pairs(data))
    torch.manual_seed(SEED)
    network = StreetNet().to(memory_format=torch.channels_last).train()
    share = torch.bincount(labels.flatten().long(), minlength=len(CLASSES)).double() / labels.numel()
    loss = nn.CrossEntropyLoss(weight=share.clamp(1e-4).rsqrt().float())  # between equal pixels and equal classes
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps, pct_start=0.1)
    sums = 0.0
    for step in range(1, steps + 1):
        rows = torch.randint(len(pictures), (BATCH,))
        x, target = pictures[rows], labels[rows].long()
        if torch.rand(()) < 0.5:
            x, target = x.flip(-1), target.flip(-1)
        optimiser.zero_grad(set_to_none=True)
        value = loss(network(x), target)
        value.backward()
        optimiser.step()
        schedule.step()
        sums += value.item()
        if step % 100 == 0:
            tell(f"step {step} of {steps}: loss {sums / 100:.4f}")
            sums = 0.0
    return network.eval()


def accuracy(network: nn.Module, data: str) -> npt.NDArray[np.int64]:
    """Pixels of a dataset's first views by label (rows) and by the network's class (columns)."""
    pictures, labels = _all(open_pairs(data))
    total = np.zeros((len(CLASSES), len(CLASSES)), dtype=np.int64)
    with torch.inference_mode():
        for picture, label in zip(pictures, labels, strict=True):
            seen = network(picture[None]).argmax(1)
            total += confusion(label[None], seen, len(CLASSES)).numpy()
    return total


def save(network: nn.Module, path: Path) -> None:
    """Write the weights in float16."""
    from safetensors.torch import save as packed

    kept: dict[str, Any] = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in network.state_dict().items()
    }
    write_bytes(path, packed(kept))


def _all(pairs: PairSet) -> tuple[Tensor, Tensor]:
    rows = list(range(len(pairs)))
    labels = pairs.labels(rows)
    if labels is None:
        raise BenchError(f"{pairs.dataset}:{pairs.subset} has no class labels; use synthdrive:trainN.")
    return pairs.batch(rows)[0], labels
