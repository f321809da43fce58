"""The reference implementation of each metric, used as its own documentation says."""

from __future__ import annotations

import contextlib
import io
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.metrics import weights
from bench.metrics.batch import Array

_CHUNK = 16


@dataclass(frozen=True)
class Reference:
    """One metric as another implementation computes it.

    Attributes:
        metric: Our name of it.
        name: The implementation.
        tolerance: Largest distance that is accepted; infinite where the reference itself is less precise than ours.
        relative: The distance is relative to the reference's value.
        compute: From reconstructions and originals, uint8 ``(N, 3, H, W)``, to ``(N,)`` values, or one of the set.
    """

    metric: str
    name: str
    tolerance: float
    relative: bool
    compute: Callable[[Tensor, Tensor], Array]


def _each(one: Callable[[Any, Any], float]) -> Callable[[Tensor, Tensor], Array]:
    """Values of pairs of pictures, uint8 ``(H, W, 3)`` arrays, one by one."""
    return lambda recon, orig: np.array([
        one(a.permute(1, 2, 0).numpy(), b.permute(1, 2, 0).numpy()) for a, b in zip(recon, orig, strict=True)
    ])  # fmt: skip


def _network(build: Callable[[], Callable[[Tensor, Tensor], Tensor]]) -> Callable[[Tensor, Tensor], Array]:
    """Values of a network that takes batches of uint8 pictures."""

    def compute(recon: Tensor, orig: Tensor) -> Array:
        with torch.no_grad():
            model = build()
            both = zip(torch.split(recon, _CHUNK), torch.split(orig, _CHUNK), strict=True)
            parts = [model(a, b) for a, b in both]
        return torch.cat([part.reshape(-1) for part in parts]).double().numpy()

    return compute


def _psnr(recon: Any, orig: Any) -> float:
    from skimage.metrics import peak_signal_noise_ratio

    return float(peak_signal_noise_ratio(orig, recon, data_range=255))  # type: ignore[no-untyped-call]


def _psnr_pooled(recon: Tensor, orig: Tensor) -> Array:
    from skimage.metrics import mean_squared_error

    return np.array([10 * np.log10(255.0**2 / mean_squared_error(orig.numpy(), recon.numpy()))])


def _ssim() -> Callable[[Tensor, Tensor], Tensor]:
    from torchmetrics.functional.image import structural_similarity_index_measure as reference

    return lambda a, b: torch.as_tensor(reference(a.double(), b.double(), data_range=255.0, reduction="none"))


def _ms_ssim(dtype: torch.dtype) -> Callable[[], Callable[[Tensor, Tensor], Tensor]]:
    def build() -> Callable[[Tensor, Tensor], Tensor]:
        from pytorch_msssim import ms_ssim

        options: Any = {"data_range": 255, "size_average": False, "win_size": 7}
        return lambda a, b: torch.as_tensor(ms_ssim(a.to(dtype), b.to(dtype), **options))

    return build


def library_lpips(net: str, unit_range: bool = False) -> Callable[[Tensor, Tensor], Tensor]:
    """The library's own network with the weights in force: from two uint8 ``(N, 3, H, W)`` to distances.

    Args:
        net: ``alex``, ``vgg`` or ``squeeze``.
        unit_range: Feed [0, 1] where [-1, 1] is meant.
    """
    import lpips

    from bench.metrics.backbones import read_state
    from bench.metrics.perceptual import BACKBONE

    model: Any = lpips.LPIPS(net=net, pnet_rand=True, verbose=False).requires_grad_(False)
    state = read_state(weights.require(BACKBONE[net], f"lpips_{net}"))
    for key, value in model.net.state_dict().items():
        value.copy_(state["features." + key.split(".", 1)[1]])
    scale, shift = (255.0, 0.0) if unit_range else (127.5, 1.0)
    return lambda a, b: torch.as_tensor(model(a.float() / scale - shift, b.float() / scale - shift))


def _dists() -> Callable[[Tensor, Tensor], Tensor]:
    from bench.metrics.pyiqa_adapter import library_dists

    return library_dists(weights.require("vgg16", "dists"), weights.require("dists", "dists"))


def _niqe() -> Callable[[Tensor, Tensor], Tensor]:
    from bench.metrics.pyiqa_adapter import library_niqe

    return library_niqe(weights.require("niqe", "niqe"))


def clean_features(pictures: Tensor) -> Array:
    """clean-fid's features ``(N, 2048)`` of uint8 ``(N, 3, H, W)`` written as PNG files."""
    from cleanfid.fid import get_files_features
    from cleanfid.inception_torchscript import InceptionV3W
    from PIL import Image

    model = InceptionV3W(str(weights.require("inception", "fid").parent), download=False)
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder) / f"{index:05d}.png") for index in range(len(pictures))]
        for file, picture in zip(files, pictures, strict=True):
            Image.fromarray(picture.permute(1, 2, 0).numpy()).save(file)
        found = get_files_features(files, model=model, num_workers=0, device=torch.device("cpu"), verbose=False)
    return np.asarray(found, dtype=np.float64)


def squeeze_features(pictures: Tensor) -> Array:
    """Torchvision's SqueezeNet on ImageNet's normalisation, averaged over space, ``(N, 512)``."""
    import torchvision

    from bench.metrics.backbones import read_state

    plain = torchvision.models.squeezenet1_1(weights=None).features.eval()
    state = read_state(weights.require("squeezenet1_1", "fd_squeeze"))
    plain.load_state_dict({key.removeprefix("features."): value for key, value in state.items()})
    mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    with torch.no_grad():
        parts = [
            plain(torchvision.transforms.functional.normalize(part.float() / 255, mean, deviation)).mean((2, 3))
            for part in torch.split(pictures, _CHUNK)
        ]
    return torch.cat(parts).double().numpy()


def _frechet(features: Callable[[Tensor], Array]) -> Callable[[Tensor, Tensor], Array]:
    def compute(recon: Tensor, orig: Tensor) -> Array:
        from cleanfid.fid import frechet_distance

        fits = [(f.mean(0), np.cov(f, rowvar=False)) for f in map(features, (recon, orig))]
        with contextlib.redirect_stdout(io.StringIO()):  # it prints that the product is singular
            return np.array([float(frechet_distance(*fits[0], *fits[1]))])

    return compute


def _kernel(features: Callable[[Tensor], Array]) -> Callable[[Tensor, Tensor], Array]:
    def compute(recon: Tensor, orig: Tensor) -> Array:
        from cleanfid.fid import kernel_distance

        first, second = features(recon), features(orig)
        return np.array([kernel_distance(first, second, num_subsets=1, max_subset_size=len(first))])

    return compute


REFERENCES = (
    Reference("psnr", "scikit-image", 1e-4, False, _each(_psnr)),
    Reference("psnr_pooled", "scikit-image, error of the whole set", 1e-4, False, _psnr_pooled),
    Reference("ms_ssim", "pytorch-msssim, float64", 1e-5, False, _network(_ms_ssim(torch.float64))),
    Reference("ms_ssim", "pytorch-msssim, float32", math.inf, False, _network(_ms_ssim(torch.float32))),
    Reference("ssim", "torchmetrics, float64", 1e-4, False, _network(_ssim)),
    Reference("lpips_alex", "lpips", 1e-4, False, _network(partial(library_lpips, "alex"))),
    Reference("lpips_vgg", "lpips", 1e-4, False, _network(partial(library_lpips, "vgg"))),
    Reference("lpips_squeeze", "lpips", 1e-4, False, _network(partial(library_lpips, "squeeze"))),
    Reference("dists", "pyiqa", 1e-4, False, _network(_dists)),
    Reference("niqe", "pyiqa", 1e-3, True, _network(_niqe)),
    Reference("fid", "clean-fid, PNG files", 1e-3, True, _frechet(clean_features)),
    Reference("kid", "clean-fid, PNG files, one subset of all", 1e-6, False, _kernel(clean_features)),
    Reference("fd_squeeze", "torchvision features, clean-fid's distance", 1e-3, True, _frechet(squeeze_features)),
    Reference("kd_squeeze", "torchvision features, clean-fid's distance", 1e-6, True, _kernel(squeeze_features)),
)
"""Metrics that others compute too. β, ρ and mIoU are ours alone: tests hold them against written-out formulas."""
