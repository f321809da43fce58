"""Weights for the metric tests: the genuine ones beside the checkout, and seeded stand-ins of the right shapes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bench.metrics import weights


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


class TinyInception(nn.Module):
    """Answers like the Inception file: ``layers`` maps normalised (N, 3, 299, 299) to 2048 numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 2048, 32, stride=64), nn.ReLU(), nn.AdaptiveAvgPool2d(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


@pytest.fixture(scope="session")
def stand_in_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder with seeded networks of the right shapes and the table that accepts them."""
    import torchvision
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    folder = tmp_path_factory.mktemp("stand-ins")
    torch.manual_seed(7)
    alexnet = torchvision.models.alexnet(weights=None).features
    torch.save({f"features.{k}": v for k, v in alexnet.state_dict().items()}, folder / "alexnet-owt-7be5be79.pth")
    with torch.device("meta"):
        vgg = torchvision.models.vgg16(weights=None).features
    vgg = vgg.to_empty(device="cpu")
    for layer in vgg:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    torch.save({f"features.{k}": v for k, v in vgg.state_dict().items()}, folder / "vgg16-397923af.pth")
    own = {"alpha": torch.rand(1, 1475, 1, 1), "beta": torch.rand(1, 1475, 1, 1)}
    torch.save(own, folder / "DISTS_weights-f5e65c96.pth")
    torch.jit.script(TinyInception().eval()).save(str(folder / "inception-2015-12-05.pt"))
    config = SegformerConfig(num_labels=5, depths=[1] * 4, hidden_sizes=[8, 16, 24, 32], decoder_hidden_size=16)
    SegformerForSemanticSegmentation(config).save_pretrained(folder / "segformer")
    lines = ['[segformer]\ntitle="t"\nlicence="l"\nhub="nobody/nothing"\nfolder="segformer"\nsize=1\n']
    for name, file in (
        ("alexnet", "alexnet-owt-7be5be79.pth"),
        ("vgg16", "vgg16-397923af.pth"),
        ("dists", "DISTS_weights-f5e65c96.pth"),
        ("inception", "inception-2015-12-05.pt"),
    ):
        data = (folder / file).read_bytes()
        lines.append(
            f'[{name}]\ntitle="stand-in"\nlicence="none"\n[[{name}.files]]\nnames=["{file}"]\n'
            f'sha256="{hashlib.sha256(data).hexdigest()}"\nsize={len(data)}\n'
        )
    (folder / "table.toml").write_text("\n".join(lines))
    return folder


@pytest.fixture
def stand_ins(stand_in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-ins in force: the test's own table accepts them, the shipped one never would."""
    monkeypatch.setattr(weights, "TABLE", stand_in_folder / "table.toml")
    monkeypatch.setenv("BENCH_WEIGHTS_DIR", str(stand_in_folder))
    return stand_in_folder
