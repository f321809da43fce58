"""The only file that imports pyiqa, whose licence is PolyForm Noncommercial: NIQE's features, and DISTS.

pyiqa would download its own weights; both are built here from files that ``weights.py`` has checked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any
from unittest import mock

import torch
from lpips.lpips import ScalingLayer
from torch import Tensor

from bench.errors import BenchError, NotInstalled
from bench.metrics.backbones import features_state, fill, pretrained_free, read_state
from bench.metrics.perceptual import golden_pair
from bench.metrics.tiles import positions, tiles

NIQE_BLOCK = 96
_PATCHING = Lock()


def ensure_installed() -> None:
    """Raise where pyiqa is absent.

    Raises:
        NotInstalled: pyiqa is not installed.
    """
    if find_spec("pyiqa") is None:
        raise NotInstalled("pyiqa (PolyForm Noncommercial licence) is not installed: run 'pip install pyiqa'.")


def niqe_features(picture: Tensor) -> Tensor:
    """NIQE's features of each whole 96-pixel block at two scales (Mittal et al., 2013; pyiqa's variant, luma of YIQ).

    Args:
        picture: uint8 ``(N, 3, H, W)``, at least 96 rows and columns.

    Returns:
        float64 ``(N, blocks, 36)``; NaN where a block has no texture at all.
    """
    ensure_installed()
    from pyiqa.archs import niqe_arch
    from pyiqa.archs.func_util import normalize_img_with_gauss
    from pyiqa.matlab_utils import blockproc, imresize
    from pyiqa.utils.color_util import to_y_channel

    height, width = (math.floor(s / NIQE_BLOCK) * NIQE_BLOCK for s in picture.shape[2:])
    luma = to_y_channel(picture.float() / 255.0, 255, "yiq").double()[..., :height, :width]
    scales = []
    for scale in (1, 2):
        block = NIQE_BLOCK // scale
        normal = normalize_img_with_gauss(luma, padding="replicate")
        # Half of the time went into its table. The lock: two threads would put back each other's replacement.
        with _PATCHING, mock.patch.object(niqe_arch, "estimate_aggd_param", aggd):
            scales.append(blockproc(normal, [block, block], fun=niqe_arch.compute_feature))
        if scale == 1:
            luma = imresize(luma / 255.0, scale=0.5, antialiasing=True) * 255.0
    return torch.cat(scales, dim=-1)


@lru_cache(maxsize=4)
def _shapes(device: torch.device) -> tuple[Tensor, Tensor]:
    """Shapes of a generalised Gaussian, as finely as pyiqa tries them, and the ratio of moments that each gives."""
    alpha = torch.arange(0.2, 10.001, 0.001).to(device, torch.float64)
    return alpha, (2 * torch.lgamma(2 / alpha) - torch.lgamma(1 / alpha) - torch.lgamma(3 / alpha)).exp()


def aggd(block: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Fit asymmetric generalised Gaussians by their moments (Lasmar et al., 2009), the table of shapes made once.

    Args:
        block: float64 ``(N, 1, H, W)``.

    Returns:
        Shape, left and right scale, ``(N, 1)`` each; NaN where a block has values of one sign alone.
    """
    alphas, ratios = _shapes(block.device)
    values = block.flatten(2)
    left, right = (
        (side.square().sum(2) / (side != 0).sum(2)).sqrt() for side in (values.clamp(max=0.0), values.clamp(min=0.0))
    )
    skew = left / right
    wanted = values.abs().mean(2).square() / values.square().mean(2)
    wanted = wanted * (skew**3 + 1) * (skew + 1) / (skew**2 + 1).square()
    alpha = alphas[(ratios - wanted).abs().argmin(1, keepdim=True)]
    scale = (torch.lgamma(1 / alpha) - torch.lgamma(3 / alpha)).exp().sqrt()
    return alpha, left * scale, right * scale


class Dists:
    """DISTS (Ding et al., 2020) without any resize, loaded once.

    Args:
        vgg: VGG16's checked weights file.
        alpha_beta: DISTS' checked weights file.
        device: Torch device.

    Raises:
        NotInstalled: pyiqa is not installed.
        BenchError: A file does not hold the weights, or the self-check fails.
    """

    def __init__(self, vgg: Path, alpha_beta: Path, device: str = "cpu") -> None:
        self.device = torch.device(device)
        model: Any = _build_dists(vgg, alpha_beta)
        self.model = model.to(self.device, memory_format=torch.channels_last)
        self._scale: Any = ScalingLayer().to(self.device)
        first, second = (self.taps(picture) for picture in golden_pair())
        same, other = self.distance(first, first).item(), self.distance(first, second).item()
        if abs(same) > 1e-6 or not 0.0 < other < 1.0:
            raise BenchError(f"DISTS gives {same:.2e} for equal and {other:.3f} for unequal pictures; reinstall pyiqa.")

    def stem(self, picture: Tensor) -> Tensor:
        """First activations (relu1_2) of uint8 ``(N, 3, H, W)``; also LPIPS-VGG's, from the same weights.

        Normalised as LPIPS does: ImageNet's mean and deviation on [0, 1] are the same map, but for rounding, and DISTS
        must not depend on whether LPIPS was there to compute this for it.
        """
        x = self._scale(picture.to(self.device).float() / 255.0 * 2.0 - 1.0)
        return torch.as_tensor(self.model.stage1(x.contiguous(memory_format=torch.channels_last)))

    def rest(self, stem: Tensor) -> tuple[Tensor, ...]:
        """Activations of the four later stages: DISTS' own, as it pools by L2 where LPIPS takes the maximum."""
        taps = []
        for stage in (self.model.stage2, self.model.stage3, self.model.stage4, self.model.stage5):
            stem = stage(stem)
            taps.append(stem)
        return tuple(taps)

    def taps(self, picture: Tensor) -> tuple[Tensor, ...]:
        """The picture in [0, 1] and the activations of all five stages."""
        stem = self.stem(picture)
        return (picture.to(self.device).float() / 255.0, stem, *self.rest(stem))

    def distance(self, first: tuple[Tensor, ...], second: tuple[Tensor, ...]) -> Tensor:
        """DISTS from two pictures' ``taps``, float64 ``(N,)``; 0 for identical pictures (eqs. 4 to 7)."""
        channels = [level.shape[1] for level in first]
        total = (self.model.alpha.sum() + self.model.beta.sum()).double()
        weights = (torch.split(w.flatten().double() / total, channels) for w in (self.model.alpha, self.model.beta))
        score = torch.ones(len(first[0]), dtype=torch.float64, device=first[0].device)
        for level_x, level_y, alpha, beta in zip(first, second, *weights, strict=True):
            x, y = positions(level_x), positions(level_y)
            x_mean, y_mean = x.mean(1, keepdim=True), y.mean(1, keepdim=True)
            a, b = x_mean[:, 0].double(), y_mean[:, 0].double()
            x_var, y_var, both = torch.zeros(3, *a.shape, dtype=torch.float64, device=a.device)
            for s, t in tiles(x, y):
                s, t = s - x_mean, t - y_mean
                both += (s * t).sum(1)
                x_var += s.square_().sum(1)
                y_var += t.square_().sum(1)
            x_var, y_var, both = (value / x.shape[1] for value in (x_var, y_var, both))
            score -= ((2 * a * b + 1e-6) / (a * a + b * b + 1e-6)) @ alpha
            score -= ((2 * both + 1e-6) / (x_var + y_var + 1e-6)) @ beta
        return score


def _build_dists(vgg: Path, alpha_beta: Path) -> torch.nn.Module:
    ensure_installed()
    from pyiqa.archs import dists_arch

    # The constructor asks torchvision for pretrained weights by name; it gets the bare network instead.
    bare = dists_arch.models.vgg16
    with mock.patch.object(dists_arch.models, "vgg16", lambda **_: bare(weights=None)):
        model: Any = pretrained_free(dists_arch.DISTS, pretrained=False)
    for index, (stage, channels) in enumerate(((2, 64), (3, 128), (4, 256), (5, 512))):
        position = str((4, 9, 16, 23)[index])
        setattr(getattr(model, f"stage{stage}"), position, dists_arch.L2pooling(channels=channels))
    model.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, -1, 1, 1))
    model.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, -1, 1, 1))
    keys = model.state_dict()
    source = {key: "features." + key.split(".", 1)[1] for key in keys if key.endswith((".weight", ".bias"))}
    backbone = features_state(vgg, list(source.values()))
    state = {key: backbone[name] for key, name in source.items()}
    own = read_state(alpha_beta)
    state.update({key: own[key].float() for key in ("alpha", "beta") if key in own})
    state.update({key: value for key, value in keys.items() if key not in state and not value.is_meta})
    return fill(model, state, alpha_beta)


def library_dists(vgg: Path, alpha_beta: Path) -> Callable[[Tensor, Tensor], Tensor]:
    """Pyiqa's own DISTS with given weights, to compare with: from two uint8 ``(N, 3, H, W)`` to ``(N,)``."""
    import torchvision
    from pyiqa.archs import dists_arch

    bare = torchvision.models.vgg16(weights=None)
    state = read_state(vgg)
    bare.features.load_state_dict({k.removeprefix("features."): v for k, v in state.items() if "features." in k})
    with mock.patch.object(dists_arch.models, "vgg16", lambda **_: bare):
        model: Any = dists_arch.DISTS(pretrained=False)
    own = read_state(alpha_beta)
    model.alpha.data, model.beta.data = own["alpha"], own["beta"]
    return lambda a, b: torch.as_tensor(model(a.float() / 255, b.float() / 255))


def library_niqe(pristine: Path) -> Callable[[Tensor, Tensor], Tensor]:
    """Pyiqa's own NIQE with a given model, to compare with: of the first of two uint8 ``(N, 3, H, W)``, ``(N,)``."""
    import numpy as np
    from pyiqa.archs.niqe_arch import calculate_niqe

    with np.load(pristine) as held:
        mean, spread = (torch.from_numpy(held[f"{name}_pris_param"]) for name in ("mu", "cov"))
    return lambda a, _: torch.as_tensor(
        calculate_niqe(a.float() / 255, mu_pris_param=mean.reshape(-1), cov_pris_param=spread)
    )
