"""Eight small pairs in four scenes, drawn from a seed; and an engine with three metrics."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.errors import MissingData


class Pairs:
    """What ``bench.data.open_pairs`` returns, in memory."""

    def __init__(self, dataset: str = "toyset", split: str | None = None, limit: int | None = None, n: int = 8) -> None:
        base, _, subset = dataset.partition(":")
        self.dataset, self.slug = base, base
        self.split, self.subset = "test", subset or "test"
        self.height, self.width = 32, 64
        ids = [f"item{i:02d}" for i in range(n)]
        order = sorted(range(n), key=lambda i: hashlib.sha256(ids[i].encode()).hexdigest())[: limit or n]
        self.index = sorted(order)
        self.partial = limit is not None
        self.ids = [ids[i] for i in self.index]
        self.scenes = [f"scene{i // 2}" for i in self.index]
        self.manifest = hashlib.sha256(f"{base}{self.subset}".encode()).hexdigest()
        rng = np.random.default_rng(7)
        smooth = torch.nn.functional.interpolate(
            torch.from_numpy(rng.uniform(0, 255, (n, 3, 8, 16)).astype(np.float32)), scale_factor=4, mode="bilinear"
        )
        x = smooth + torch.from_numpy(rng.normal(0, 12, (n, 3, 32, 64)).astype(np.float32))
        self.x = x.clamp(0, 255).byte()
        self.y = (x + torch.from_numpy(rng.normal(0, 4, (n, 3, 32, 64)).astype(np.float32))).clamp(0, 255).byte()

    def __len__(self) -> int:
        return len(self.ids)

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        real = [self.index[i] for i in indices]
        return self.x[real], self.y[real]

    def wrong_side(self) -> list[int]:
        n = len(self.ids)
        return [(i + n // 2) % n for i in range(n)]


def open_pairs(dataset: str, split: str | None = None, limit: int | None = None) -> Pairs:
    if dataset == "absent":
        raise MissingData("absent is not prepared; run `bench data prepare absent`.")
    return Pairs(dataset, split, limit)


class Engine:
    """PSNR and its pooled form; every other metric has no weights."""

    updates = 0

    def __init__(self, metrics: Sequence[str], device: str = "cpu", batch_size: int = 16) -> None:
        self.metrics = tuple(metrics)
        self.statuses = {name: "ok" if name in ("psnr", "psnr_pooled", "ssim") else "no-weights" for name in metrics}
        self.reasons = {name: "" if s == "ok" else "not here" for name, s in self.statuses.items()}
        self.reset()

    def reset(self) -> None:
        self.mse: list[float] = []

    def update(self, recon: Tensor, orig: Tensor, ids: Sequence[str], labels: Tensor | None = None) -> None:
        Engine.updates += len(ids)
        assert recon.dtype == orig.dtype == torch.uint8
        self.mse += ((recon.double() - orig.double()) ** 2).mean(dim=(1, 2, 3)).tolist()

    def finish(self, scenes: Sequence[str]) -> tuple[dict[str, Any], dict[str, float]]:
        mse = np.maximum(np.array(self.mse), 1e-9)
        items = {"psnr": 10 * np.log10(255**2 / mse), "ssim": 1 / (1 + mse / 1000)}
        sets = {"psnr_pooled": float(10 * np.log10(255**2 / mse.mean()))}
        mine = self.metrics
        return {k: v for k, v in items.items() if k in mine}, {k: v for k, v in sets.items() if k in mine}
