"""Seeded stand-ins for networks whose weights are not here: the right shapes, meaningless values.

They prove that an implementation and its reference compute the same, and measure what it costs. No figure of a codec
ever comes from them: the shipped table of weights refuses such files.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor, nn

from bench.metrics import weights

NAMES = ("alexnet", "vgg16", "dists", "inception", "segformer")
"""Networks that there are stand-ins for."""
_FILES = {
    "alexnet": "alexnet-owt-7be5be79.pth",
    "vgg16": "vgg16-397923af.pth",
    "dists": "DISTS_weights-f5e65c96.pth",
    "inception": "inception-2015-12-05.pt",
}


class _TinyInception(nn.Module):
    """Answers like the Inception file: ``layers`` maps normalised (N, 3, 299, 299) to 2048 numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 2048, 32, stride=64), nn.ReLU(), nn.AdaptiveAvgPool2d(1))

    def forward(self, x: Tensor) -> Tensor:
        """Features before the last squeeze."""
        found: Tensor = self.layers(x)
        return found


def make(folder: Path, seed: int = 7) -> Path:
    """Write stand-ins for AlexNet, VGG16, DISTS, Inception and SegFormer, and the table that accepts them.

    Args:
        folder: An existing folder.
        seed: Seed of the values.

    Returns:
        The folder, for ``in_force``.
    """
    import torchvision
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        alexnet = torchvision.models.alexnet(weights=None).features
        torch.save({f"features.{k}": v for k, v in alexnet.state_dict().items()}, folder / _FILES["alexnet"])
        with torch.device("meta"):
            vgg = torchvision.models.vgg16(weights=None).features
        vgg = vgg.to_empty(device="cpu")
        for layer in vgg:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        torch.save({f"features.{k}": v for k, v in vgg.state_dict().items()}, folder / _FILES["vgg16"])
        own = {"alpha": torch.rand(1, 1475, 1, 1), "beta": torch.rand(1, 1475, 1, 1)}
        torch.save(own, folder / _FILES["dists"])
        torch.jit.script(_TinyInception().eval()).save(str(folder / _FILES["inception"]))  # type: ignore[no-untyped-call]
        config = SegformerConfig(num_labels=5, depths=[1] * 4, hidden_sizes=[8, 16, 24, 32], decoder_hidden_size=16)
        SegformerForSemanticSegmentation(config).save_pretrained(folder / "segformer")
    lines = ['[segformer]\ntitle="stand-in"\nlicence="none"\nhub="nobody/nothing"\nfolder="segformer"\nsize=1\n']
    for name, file in _FILES.items():
        data = (folder / file).read_bytes()
        lines.append(
            f'[{name}]\ntitle="stand-in"\nlicence="none"\n[[{name}.files]]\nnames=["{file}"]\n'
            f'sha256="{hashlib.sha256(data).hexdigest()}"\nsize={len(data)}\n'
        )
    kept = weights.get("street_segmenter")  # trained by this project, and always here
    lines.append(
        f'[{kept.name}]\ntitle="{kept.title}"\nlicence="{kept.licence}"\n[[{kept.name}.files]]\n'
        f'names=["{kept.files[0].names[0]}"]\nsha256="{kept.files[0].sha256}"\nsize={kept.files[0].size}\n'
    )
    (folder / "table.toml").write_text("\n".join(lines))
    return folder


@contextmanager
def in_force(folder: Path) -> Iterator[None]:
    """Let the stand-ins of ``make`` be the only weights that are found."""
    with (
        mock.patch.object(weights, "TABLE", folder / "table.toml"),
        mock.patch.dict(os.environ, {"BENCH_WEIGHTS_DIR": str(folder)}),
    ):
        yield
