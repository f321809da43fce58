"""One scorer a family of metrics: holds its network, gives item columns at once and set columns last."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from torch import Tensor, from_numpy

from bench.metrics import pixels, weights
from bench.metrics.batch import Array, Batch
from bench.metrics.features import FeatureSets, Originals
from bench.metrics.scorer import Arrays, Columns, ItemScorer
from bench.protocol import PSNR_CLIP_DB


class Psnr:
    """``psnr``, ``psnr_pooled`` and the number of identical pictures."""

    def __init__(self, wanted: Collection[str], device: str) -> None:
        self.wanted = wanted
        self.reset()

    def measure(self, batch: Batch) -> Columns:
        error = pixels.mse(batch.recon, batch.orig)
        return {"error": error, "psnr": pixels.decibels(error)}

    def collect(self, batch: Batch, found: Arrays) -> Arrays:
        self._errors += found["error"].tolist()
        return {"psnr": found["psnr"]} if "psnr" in self.wanted else {}

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


class Structure(ItemScorer):
    """``ssim``, ``ms_ssim`` and ``ms_ssim_db``."""

    def __init__(self, wanted: Collection[str], device: str) -> None:
        self.wanted = wanted

    def measure(self, batch: Batch) -> Columns:
        columns: Columns = {}
        if "ssim" in self.wanted:
            columns["ssim"] = pixels.ssim(batch.recon, batch.orig)
        if {"ms_ssim", "ms_ssim_db"} & set(self.wanted):
            value = pixels.ms_ssim(batch.recon, batch.orig)
            both = {"ms_ssim": value, "ms_ssim_db": pixels.ms_ssim_decibels(value)}
            columns |= {name: column for name, column in both.items() if name in self.wanted}
        return columns


class Patches:
    """``beta`` and ``rho`` of each picture and pooled over the set."""

    def __init__(self, wanted: Collection[str], device: str) -> None:
        self.wanted = wanted
        self._sum: Array | None = None

    def measure(self, batch: Batch) -> Columns:
        moments = pixels.patch_moments(batch.recon, batch.orig)
        beta, rho = pixels.beta_rho(moments)
        return {"sum": moments.sum(0), "beta": beta, "rho": rho}

    def collect(self, batch: Batch, found: Arrays) -> Arrays:
        self._sum = found["sum"] if self._sum is None else self._sum + found["sum"]
        return {name: found[name] for name in ("beta", "rho") if name in self.wanted}

    def finish(self, scenes: Sequence[str]) -> dict[str, float]:
        if self._sum is None:
            return {}
        beta, rho = pixels.beta_rho(from_numpy(self._sum))
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

    def measure(self, batch: Batch) -> Columns:
        first, columns = self.network.features(batch.recon), Columns()
        if "lpips_squeeze" in self.wanted:
            columns["lpips_squeeze"] = self.network.distance(first, self._original(batch))
        if {"fd_squeeze", "kd_squeeze"} & set(self.wanted):
            columns["recon"] = self._pooled(first)
            if self._originals.lacks(batch.keys):
                columns["orig"] = self._pooled(self._original(batch))
        return columns

    def _original(self, batch: Batch) -> tuple[Tensor, ...]:
        return batch.held.get("squeeze", batch.keys, lambda: self.network.features(batch.orig))

    def collect(self, batch: Batch, found: Arrays) -> Arrays:
        if "orig" in found:
            self._originals.put(batch.keys, found["orig"])
        if "recon" in found:
            self._sets.add(found["recon"], self._originals.take(batch.keys))
        return {"lpips_squeeze": found["lpips_squeeze"]} if "lpips_squeeze" in found else {}

    def finish(self, scenes: Sequence[str]) -> dict[str, float]:
        return self._sets.finish(self.wanted, scenes)

    def reset(self) -> None:
        self._sets.reset()


class LpipsNet(ItemScorer):
    """LPIPS with one of the larger backbones; for VGG also on unscaled input."""

    def __init__(self, net: str, wanted: Collection[str], device: str) -> None:
        from bench.metrics import perceptual

        self.name, self.wanted = f"lpips_{net}", wanted
        self.network = perceptual.load(net, next(iter(wanted)), device)

    def measure(self, batch: Batch) -> Columns:
        columns: Columns = {}
        if self.name in self.wanted:
            first = self.network.features(batch.recon)
            second = batch.held.get(self.name, batch.keys, lambda: self.network.features(batch.orig))
            columns[self.name] = self.network.distance(first, second)
            if self.network.net == "vgg":
                batch.stem = first[0], second[0]
        if f"{self.name}_01" in self.wanted:
            first, second = (self.network.features(picture, unit_range=True) for picture in (batch.recon, batch.orig))
            columns[f"{self.name}_01"] = self.network.distance(first, second)
        return columns


class DistsNet(ItemScorer):
    """``dists``; takes VGG's first activations from LPIPS where it has just computed them."""

    def __init__(self, wanted: Collection[str], device: str) -> None:
        from bench.metrics import pyiqa_adapter

        self.wanted = wanted
        pyiqa_adapter.ensure_installed()
        self.network = pyiqa_adapter.Dists(weights.require("vgg16", "dists"), weights.require("dists", "dists"), device)

    def measure(self, batch: Batch) -> Columns:
        network = self.network
        recon_stem = batch.stem[0] if batch.stem else network.stem(batch.recon)
        first = (batch.recon / 255.0, recon_stem, *network.rest(recon_stem))
        second = (batch.orig / 255.0, *self._original(batch))
        return {"dists": network.distance(first, second)}

    def _original(self, batch: Batch) -> tuple[Tensor, ...]:
        """Activations of the original; the first are held once, by LPIPS where it is measured too."""
        stem = batch.stem[1] if batch.stem else None
        if stem is None:
            stem = batch.held.get("dists stem", batch.keys, lambda: (self.network.stem(batch.orig),))[0]
        return (stem, *batch.held.get("dists", batch.keys, lambda: self.network.rest(stem)))


class Niqe:
    """``niqe``, ``niqe_pooled`` and both for the originals."""

    def __init__(self, wanted: Collection[str], device: str) -> None:
        from bench.metrics import niqe, pyiqa_adapter

        pyiqa_adapter.ensure_installed()
        self.wanted, self._features = wanted, pyiqa_adapter.niqe_features
        self.pristine = niqe.Pristine(weights.require("niqe", next(iter(wanted))))
        self._originals = Originals()
        self.reset()

    def measure(self, batch: Batch) -> Columns:
        columns = {"recon": self._features(batch.recon)}
        if self._originals.lacks(batch.keys):
            columns["orig"] = self._features(batch.orig)
        return columns

    def collect(self, batch: Batch, found: Arrays) -> Arrays:
        if "orig" in found:
            self._originals.put(batch.keys, found["orig"])
        self._recon.extend(found["recon"])
        self._orig.extend(self._originals.take(batch.keys))
        if "niqe" not in self.wanted:
            return {}
        return {"niqe": np.array([self.pristine.distance(block) for block in found["recon"]])}

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

    def measure(self, batch: Batch) -> Columns:
        columns = {"recon": self.network.features(batch.recon_host)}
        if self._originals.lacks(batch.keys):
            columns["orig"] = self.network.features(batch.orig_host)
        return columns

    def collect(self, batch: Batch, found: Arrays) -> Arrays:
        if "orig" in found:
            self._originals.put(batch.keys, found["orig"])
        self._sets.add(found["recon"], self._originals.take(batch.keys))
        return {}

    def finish(self, scenes: Sequence[str]) -> dict[str, float]:
        return self._sets.finish(self.wanted, scenes)

    def reset(self) -> None:
        self._sets.reset()
