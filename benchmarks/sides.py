"""The sides of the comparison, timed in turns on the same pictures, so that a busy machine disturbs all alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.errors import BenchError
from bench.metrics.distances import frechet
from bench.metrics.engine import Engine
from bench.metrics.scorers import InceptionNet
from benchmarks.bare import Passes
from benchmarks.libraries import REBUILT, SETS, CleanFid, builders
from benchmarks.machine import Clock
from benchmarks.networks import Networks
from benchmarks.pictures import distorted, save

TURN = 4
"""Pairs that one side scores before the next has its turn."""
WARM_UPS = 3
"""TorchScript optimises a network at its second pass."""
ROOT = "FID's square root"
COMPARED = ("lpips_squeeze", "lpips_alex", "lpips_vgg", "dists", "niqe", "ms_ssim")
"""Metrics whose numbers must agree; SSIM's border and FID's estimate differ by definition."""


def _features(name: str) -> str:
    """The clock of a set metric's features."""
    return f"{name} features (clean-fid)"


class Sides:
    """Networks of all sides, built once and warm.

    Args:
        networks: Weights in force.
        warm: One original, uint8 ``(1, 3, H, W)``; not one of the scored.
        scratch: Folder for pictures of the library that reads folders.
    """

    def __init__(self, networks: Networks, warm: Tensor, scratch: Path) -> None:
        metrics = networks.metrics
        self.scratch, self.weights = scratch, networks.folder
        self.engine, self.passes = Engine(metrics), Passes(metrics)
        if self.engine.reasons:
            raise BenchError(" ".join(self.engine.reasons.values()))
        self.builders = {name: build for name, build in builders(networks.folder).items() if name in metrics}
        self.pairwise = {name: build() for name, build in self.builders.items()}
        self.sets = CleanFid(networks.folder) if set(SETS) & set(metrics) else None
        self.clocks = {name: Clock() for name in ("bare", "engine", "engine finish", ROOT, *self.pairwise)}
        self.clocks |= {_features(name): Clock() for name in SETS if name in metrics}
        self.agreement = dict.fromkeys((name for name in COMPARED if name in self.pairwise), 0.0)
        self._warm(warm)

    def _warm(self, warm: Tensor) -> None:
        folder = save(warm, self.scratch / "warm")
        for index in range(WARM_UPS):
            self.engine.update(warm, warm.flip(3), [str(index)])
            self.passes.run(self.passes.inputs(warm))
            for function in self.pairwise.values():
                function(warm, warm.flip(3))
            if self.sets:
                self.sets.features(folder)
        self.engine.reset()
        self.engine.reset()  # twice: what a set did not ask for is let go, so nothing of the warm-up is held

    def score(self, originals: Tensor, rates: list[str]) -> None:
        """Score every rate point by every side, in turns."""
        folder = save(originals, self.scratch / "originals")
        for index, rate in enumerate(rates):
            recon = distorted(originals, rate)
            columns: dict[str, list[float]] = {name: [] for name in self.pairwise}
            for start in range(0, len(originals), TURN):
                pair = recon[start : start + TURN], originals[start : start + TURN]
                self._bare(torch.cat(pair) if index == 0 else pair[0])
                with self.clocks["engine"].running():
                    self.engine.update(*pair, [f"{start + k}" for k in range(len(pair[0]))])
                for name, function in self.pairwise.items():
                    with self.clocks[name].running():
                        columns[name] += [function(r[None], o[None]) for r, o in zip(*pair, strict=True)]
            if self.sets:
                picture_folder = save(recon, self.scratch / rate)
                for clock in (self.clocks[_features(name)] for name in SETS if _features(name) in self.clocks):
                    with clock.running():
                        self.sets.features(picture_folder)
                        self.sets.features(folder)
            with self.clocks["engine finish"].running():
                items = self.engine.finish()[0]
            self._root()
            for name in self.agreement:
                distance = max(abs(a - b) for a, b in zip(columns[name], items[name], strict=True))
                self.agreement[name] = max(self.agreement[name], float(distance))
            self.engine.reset()

    def _bare(self, pictures: Tensor) -> None:
        inputs = self.passes.inputs(pictures)
        with self.clocks["bare"].running():
            self.passes.run(inputs)

    def rebuilt(self, originals: Tensor, rate: str) -> dict[str, Any]:
        """Seconds a pair where LPIPS and DISTS are built anew for each picture, as evaluation scripts of the field do.

        Inception is built once a call of clean-fid's functions, which are called once a rate point: ``inception_wall``
        and ``inception_cpu`` are the seconds of that.
        """
        recon, clock, inception = distorted(originals, rate), Clock(), Clock()
        for index in range(len(originals)):
            with clock.running():
                for build in (build for name, build in self.builders.items() if name in REBUILT):
                    build()(recon[index : index + 1], originals[index : index + 1])
        if self.sets:
            with inception.running():
                CleanFid(self.weights)
        count = len(originals)
        return {
            "pairs": count, "wall": clock.wall / count, "cpu": clock.cpu / count,
            "inception_wall": inception.wall, "inception_cpu": inception.cpu,
        }  # fmt: skip

    def _root(self) -> None:
        """Time FID's distance alone, its square root included, on the features of the scored set."""
        for sets in (scorer._sets for scorer, _ in self.engine._scorers if isinstance(scorer, InceptionNet)):
            recon, orig = np.stack(sets.recon), np.stack(sets.orig)
            if len(recon) > 1:
                with self.clocks[ROOT].running():
                    frechet(recon, orig)
