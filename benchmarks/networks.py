"""The same weights for all sides: the genuine files of this machine, seeded stand-ins of the full size for the rest.

The libraries find them where torchvision and clean-fid keep their downloads. A stand-in costs what the network costs;
the classifiers, which no metric computes with, are there as well, because torchvision reads them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import torchvision
from torch import Tensor, nn

from bench.metrics import weights
from bench.metrics.backbones import read_state
from bench.metrics.registry import METRICS

FILES = {
    "squeezenet1_1": "squeezenet1_1-b8a52dc0.pth",
    "alexnet": "alexnet-owt-7be5be79.pth",
    "vgg16": "vgg16-397923af.pth",
    "dists": "DISTS_weights-f5e65c96.pth",
    "inception": "inception-2015-12-05.pt",
}
GENUINE_ONLY = ("squeezenet1_1", "niqe")
"""Checked against known values at load, so that no stand-in passes."""


class Networks:
    """A folder of weights in the layout of torch's hub.

    Args:
        folder: An existing, empty folder.
        metrics: Names of metrics; those whose weights can be neither found nor stood in for are left out.
        seed: Of the stand-ins.

    Attributes:
        metrics: What is left.
        stood_in: Networks that are stand-ins.
        folder: Where the files are.
    """

    def __init__(self, folder: Path, metrics: Collection[str], seed: int = 7) -> None:
        self.home, self.folder = folder, folder / "hub" / "checkpoints"
        self.folder.mkdir(parents=True)
        self.metrics = [m for m in metrics if all(n not in GENUINE_ONLY or weights.find(n) for n in METRICS[m].needs)]
        self.stood_in: list[str] = []
        table = []
        for name in dict.fromkeys(need for metric in self.metrics for need in METRICS[metric].needs):
            found = weights.find(name)
            if found is None:
                self.stood_in.append(name)
                with torch.random.fork_rng([]):
                    torch.manual_seed(seed)
                    found = _STAND_INS[name](self.folder / FILES[name])
            elif name == "niqe":
                _matlab(found, self.folder / "niqe_modelparameters.mat")
            elif not (self.folder / FILES[name]).exists():
                _link(name, found, self.folder / FILES[name])
            table.append(_entry(name, found, self.folder))
        (folder / "table.toml").write_text("\n".join(table))

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Let the engine and the libraries find these weights and no others, and download nothing."""
        places = {"BENCH_WEIGHTS_DIR": str(self.folder), "TORCH_HOME": str(self.home)}
        with mock.patch.object(weights, "TABLE", self.home / "table.toml"), mock.patch.dict(os.environ, places):
            yield


class FullInception(nn.Module):
    """Answers like clean-fid's Inception file, with torchvision's layers: the same convolutions."""

    def __init__(self) -> None:
        super().__init__()
        network = torchvision.models.inception_v3(
            weights=None, aux_logits=False, transform_input=False, init_weights=False
        )
        unused = ("AuxLogits", "dropout", "fc")
        self.layers = nn.Sequential(*[layer for name, layer in network.named_children() if name not in unused])

    def forward(self, x: Tensor) -> Tensor:
        """Pooled features of normalised ``(N, 3, 299, 299)``."""
        found: Tensor = self.layers(x)
        return found


def _classifier(builder: Callable[..., nn.Module]) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        torch.save(builder(weights=None).state_dict(), path)
        return path

    return make


def _dists(path: Path) -> Path:
    torch.save({"alpha": torch.rand(1, 1475, 1, 1), "beta": torch.rand(1, 1475, 1, 1)}, path)
    return path


def _inception(path: Path) -> Path:
    scripted: Any = torch.jit.script(FullInception().eval().requires_grad_(False))
    scripted.save(str(path))
    return path


_STAND_INS: dict[str, Callable[[Path], Path]] = {
    "alexnet": _classifier(torchvision.models.alexnet),
    "vgg16": _classifier(torchvision.models.vgg16),
    "dists": _dists,
    "inception": _inception,
}


def _link(name: str, found: Path, target: Path) -> None:
    """Offer a genuine file under the library's name; a file of features alone gets a classifier to be read with."""
    if name != "squeezenet1_1" or found.suffix != ".safetensors":
        target.symlink_to(found.resolve())
        return
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict() | read_state(found), target)


def _matlab(source: Path, target: Path) -> None:
    """NIQE's model in the form that pyiqa reads."""
    from scipy.io import savemat

    with np.load(source) as data:
        savemat(target, {"mu_prisparam": data["mu_pris_param"], "cov_prisparam": data["cov_pris_param"]})


def _entry(name: str, path: Path, folder: Path) -> str:
    """The table's entry for a file, which is linked into the folder where it lies elsewhere."""
    if not (folder / path.name).exists():
        (folder / path.name).symlink_to(path.resolve())
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 22):
            digest.update(block)
    return (
        f'[{name}]\ntitle="{name}"\nlicence="none"\n[[{name}.files]]\nnames=["{path.name}"]\n'
        f'sha256="{digest.hexdigest()}"\nsize={path.stat().st_size}\n'
    )
