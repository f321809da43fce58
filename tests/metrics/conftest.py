"""Weights for the metric tests: the genuine ones beside the checkout, and seeded stand-ins of the right shapes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bench.metrics.stand_ins import in_force, make


def pictures(count: int, height: int = 128, width: int = 256, seed: int = 0) -> Tensor:
    """Smooth random pictures with texture at several scales, uint8 (N, 3, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(count, 3, height, width)
    for cell in (2, 8, 32):
        small = torch.randn(count, 3, -(-height // cell) + 1, -(-width // cell) + 1, generator=generator)
        big = torch.nn.functional.interpolate(small, scale_factor=cell, mode="bilinear", align_corners=False)
        total += big[..., :height, :width] * cell**0.5
    return (128 + 18 * total).clamp(0, 255).round().to(torch.uint8)


def blurred(picture: Tensor) -> Tensor:
    """4x4 box averages, upsampled again and rounded."""
    small = torch.nn.functional.avg_pool2d(picture.float(), 4)
    return small.repeat_interleave(4, 2).repeat_interleave(4, 3).round().to(torch.uint8)


@pytest.fixture(autouse=True)
def _no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's own weights."""
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("BENCH_WEIGHTS_DIR", raising=False)
    monkeypatch.delenv("BENCH_OFFLINE", raising=False)


@pytest.fixture
def genuine(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SqueezeNet, NIQE's model and DISTS' alpha and beta as published."""
    monkeypatch.setenv("BENCH_WEIGHTS_DIR", str(shared / "weights"))
    return shared / "weights"


@pytest.fixture(scope="session")
def stand_in_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder with seeded networks of the right shapes and the table that accepts them."""
    return make(tmp_path_factory.mktemp("stand-ins"))


@pytest.fixture
def stand_ins(stand_in_folder: Path) -> Iterator[Path]:
    """The stand-ins in force: their own table accepts them, the shipped one never would."""
    with in_force(stand_in_folder):
        yield stand_in_folder
