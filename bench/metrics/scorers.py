"""One scorer a family of metrics: holds its network, takes batches, gives item columns at once and set columns last."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from bench.metrics import pixels, weights
from bench.metrics.features import FeatureSets, Key, Originals
from bench.protocol import PSNR_CLIP_DB

Columns = dict[str, Tensor]


class Scorer(Protocol):
    """What the engine asks of a family of metrics.

    Attributes:
        wanted: Names of the family's metrics to compute; the engine narrows it where pictures are too small.
    """

    wanted: Collection[str]

    def update(self, recon: Tensor, orig: Tensor, keys: Sequence[Key]) -> Columns:
        """Take uint8 ``(N, 3, H, W)`` pairs and digests of the originals; return float64 ``(N,)`` item columns."""

    def finish(self, scenes: Sequence[str]) -> dict[str, float]:
        """Return the set columns of everything since the last reset."""

    def reset(self) -> None:
        """Forget the set, keep networks and what was computed from originals."""


class Psnr:
    """``psnr``, ``psnr_pooled`` and the number of identical pictures."""

    def __init__(self, wanted: Collection[str], device: str) -> None:
        self.wanted = wanted
        self.reset()

    def update(self, recon: Tensor, orig: Tensor, keys: Sequence[Key]) -> Columns:
        error = pixels.mse(recon, orig)
        self._errors += error.tolist()
        return {"psnr": pixels.decibels(error)} if "psnr" in self.wanted else {}

    def finish(self, scenes: Sequence[str]) -> dict[str, float]:
        values: dict[str, float] = {}
        if "psnr" in self.wanted:
            values["psnr_identical"] = float(sum(error == 0.0 for error in self._errors))
        if "psnr_pooled" in self.wanted:
            mean = float(np.mean(self._errors))
            values["psnr_pooled"] = min(10.0 * np.log10(255.0**2 / mean), PSNR_CLIP_DB) if mean > 0 else PSNR_CLIP_DB
        return values

    def reset(self) -> None:
        self._errors: list[float] = []


class Structure:
    """``ssim``, ``ms_ssim`` and ``ms_ssim_db``."""

    def __init__(self, wanted: Collection[str], device: str) -> None:
        self.wanted = wanted

    def update(self, recon: Tensor, orig: Tensor, keys: Sequence[Key]) -> Columns:
        columns: Columns = {}
        if "ssim" in self.wanted:
            columns["ssim"] = pixels.ssim(recon, orig)
        if {"ms_ssim", "ms_ssim_db"} & set(self.wanted):
            value = pixels.ms_ssim(recon, orig)
            both = {"ms_ssim": value, "ms_ssim_db": pixels.ms_ssim_decibels(value)}
            columns |= {name: column for name, column in both.items() if name in self.wanted}
        return columns

    def finish(self, scenes: Sequence[str]) -> dict[str, float]:
        return {}

    def reset(self) -> None:
        """Nothing is kept between batches."""


class Patches:
    """``beta`` and ``rho`` of each picture and pooled over the set."""

    def __init__(self, wanted: Collection[str], device: str) -> None:
        self.wanted = wanted
        self._sum: Tensor | None = None

    def update(self, recon: Tensor, orig: Tensor, keys: Sequence[Key]) -> Columns:
        moments = pixels.patch_moments(recon, orig)
        self._sum = moments.sum(0).cpu() if self._sum is None else self._sum + moments.sum(0).cpu()
        beta, rho = pixels.beta_rho(moments)
        return {name: column for name, column in (("beta", beta), ("rho", rho)) if name in self.wanted}

    def finish(self, scenes: Sequence[str]) -> dict[str, float]:
        if self._sum is None:
            return {}
        beta, rho = pixels.beta_rho(self._sum)
        pooled = {"beta": beta.item(), "rho": rho.item()}
        return {f"{name}_pooled": value for name, value in pooled.items() if name in self.wanted}

    def reset(self) -> None:
        self._sum = None


class Squeeze:
    """``lpips_squeeze``, ``fd_squeeze`` and ``kd_squeeze`` from one pass through SqueezeNet."""

    def __init__(self, wanted: Collection[str], device: str) -> None:
        from bench.metrics import perceptual

        self.wanted, self._pooled = wanted, perceptual.pooled
        self.network = perceptual.load("squeeze", next(iter(wanted)), device)
        self._sets, self._originals = FeatureSets("fd_squeeze", "kd_squeeze"), Originals()

    def update(self, recon: Tensor, orig: Tensor, keys: Sequence[Key]) -> Columns:
        first, columns = self.network.features(recon), Columns()
        second = self.network.features(orig) if "lpips_squeeze" in self.wanted else None
        if second is not None:
            columns["lpips_squeeze"] = self.network.distance(first, second)
        if {"fd_squeeze", "kd_squeeze"} & set(self.wanted):
            held = self._originals.get(keys, lambda: self._pooled(second or self.network.features(orig)))
            self._sets.add(self._pooled(first), held)
        return columns

    def finish(self, scenes: Sequence[str]) -> dict[str, float]:
        return self._sets.finish(self.wanted, scenes)

    def reset(self) -> None:
        self._sets.reset()


class LpipsNet:
    """LPIPS with one of the larger backbones; for VGG also on unscaled input."""

    def __init__(self, net: str, wanted: Collection[str], device: str) -> None:
        from bench.metrics import perceptual

        self.name, self.wanted = f"lpips_{net}", wanted
        self.network = perceptual.load(net, next(iter(wanted)), device)

    def update(self, recon: Tensor, orig: Tensor, keys: Sequence[Key]) -> Columns:
        columns: Columns = {}
        for name, unit_range in ((self.name, False), (f"{self.name}_01", True)):
            if name in self.wanted:
                first, second = (self.network.features(picture, unit_range) for picture in (recon, orig))
                columns[name] = self.network.distance(first, second)
        return columns

    def finish(self, scenes: Sequence[str]) -> dict[str, float]:
        return {}

    def reset(self) -> None:
        """Nothing is kept between batches."""


class DistsNet:
    """``dists``."""

    def __init__(self, wanted: Collection[str], device: str) -> None:
        from bench.metrics import pyiqa_adapter

        self.wanted = wanted
        pyiqa_adapter.ensure_installed()
        self.network = pyiqa_adapter.Dists(weights.require("vgg16", "dists"), weights.require("dists", "dists"), device)

    def update(self, recon: Tensor, orig: Tensor, keys: Sequence[Key]) -> Columns:
        return {"dists": self.network(recon, orig)}

    def finish(self, scenes: Sequence[str]) -> dict[str, float]:
        return {}

    def reset(self) -> None:
        """Nothing is kept between batches."""


class Niqe:
    """``niqe``, ``niqe_pooled`` and both for the originals."""

    def __init__(self, wanted: Collection[str], device: str) -> None:
        from bench.metrics import niqe, pyiqa_adapter

        pyiqa_adapter.ensure_installed()
        self.wanted, self._features = wanted, pyiqa_adapter.niqe_features
        self.pristine = niqe.Pristine(weights.require("niqe", next(iter(wanted))))
        self._originals = Originals()
        self.reset()

    def update(self, recon: Tensor, orig: Tensor, keys: Sequence[Key]) -> Columns:
        from torch import from_numpy

        blocks = self._features(recon).cpu().numpy()
        self._recon.extend(blocks)
        self._orig.extend(self._originals.get(keys, lambda: self._features(orig)))
        if "niqe" not in self.wanted:
            return {}
        return {"niqe": from_numpy(np.array([self.pristine.distance(block) for block in blocks]))}

    def finish(self, scenes: Sequence[str]) -> dict[str, float]:
        values: dict[str, float] = {}
        if "niqe" in self.wanted:
            values["niqe_originals"] = float(np.mean([self.pristine.distance(block) for block in self._orig]))
        if "niqe_pooled" in self.wanted:
            values["niqe_pooled"] = self.pristine.distance(np.concatenate(self._recon))
            values["niqe_pooled_originals"] = self.pristine.distance(np.concatenate(self._orig))
        return values

    def reset(self) -> None:
        self._recon: list[Any] = []
        self._orig: list[Any] = []


class InceptionNet:
    """``fid`` and ``kid``."""

    def __init__(self, wanted: Collection[str], device: str) -> None:
        from bench.metrics import inception

        self.wanted = wanted
        self.network = inception.Inception(weights.require("inception", next(iter(wanted))), device)
        self._sets, self._originals = FeatureSets("fid", "kid"), Originals()

    def update(self, recon: Tensor, orig: Tensor, keys: Sequence[Key]) -> Columns:
        held = self._originals.get(keys, lambda: self.network.features(orig))
        self._sets.add(self.network.features(recon), held)
        return {}

    def finish(self, scenes: Sequence[str]) -> dict[str, float]:
        return self._sets.finish(self.wanted, scenes)

    def reset(self) -> None:
        self._sets.reset()


class Segmentation:
    """``miou`` between reconstruction and original."""

    def __init__(self, wanted: Collection[str], device: str) -> None:
        from bench.metrics import segmentation

        self.wanted, self._mean_iou = wanted, segmentation.mean_iou
        self.network = segmentation.Segmenter(weights.require("segformer", "miou"), device)
        self._counts: Any = None

    def update(self, recon: Tensor, orig: Tensor, keys: Sequence[Key]) -> Columns:
        counts = self.network.confusion(recon, orig)
        self._counts = counts if self._counts is None else self._counts + counts
        return {}

    def finish(self, scenes: Sequence[str]) -> dict[str, float]:
        return {} if self._counts is None else {"miou": self._mean_iou(self._counts)}

    def reset(self) -> None:
        self._counts = None
