"""The passes through networks that cannot be avoided: each picture once through each network, nothing else.

Inputs are scaled and resized beforehand, no distance is computed. VGG16's first stage counts once for LPIPS and DISTS;
an original counts once, however many rate points there are.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor

from bench.metrics import inception, perceptual, pyiqa_adapter, weights
from bench.metrics.threads import side_by_side


class Passes:
    """The engine's own networks, in the layout that the engine gives them.

    Args:
        metrics: Names of metrics.
    """

    def __init__(self, metrics: Collection[str]) -> None:
        self.nets = {net: perceptual.load(net, f"lpips_{net}") for net in _nets(metrics)}
        self.dists: pyiqa_adapter.Dists | None = None
        self.inception: inception.Inception | None = None
        if "dists" in metrics:
            self.dists = pyiqa_adapter.Dists(weights.require("vgg16", "dists"), weights.require("dists", "dists"))
        if {"fid", "kid"} & set(metrics):
            self.inception = inception.Inception(weights.require("inception", "fid"))

    def inputs(self, pictures: Tensor) -> list[tuple[Tensor, Tensor | None]]:
        """What the networks are given of each picture of uint8 ``(N, 3, H, W)``."""
        with torch.inference_mode():
            resized = [self.inception.resized(p[None]) if self.inception else None for p in pictures]
            return list(zip([self._scaled(p[None]) for p in pictures], resized, strict=True))

    def run(self, inputs: list[tuple[Tensor, Tensor | None]]) -> None:
        """Pass each picture through every network, on a thread of its own as in the engine."""
        side_by_side(self._passes, inputs)

    @torch.inference_mode()
    def _passes(self, inputs: tuple[Tensor, Tensor | None]) -> None:
        scaled, resized = inputs
        taps = {net: network.model.net(scaled) for net, network in self.nets.items()}
        if self.dists is not None:
            stem = taps["vgg"][0] if "vgg" in taps else self.dists.model.stage1(scaled)
            self.dists.rest(stem)
        if self.inception is not None:
            self.inception.model(resized)

    def _scaled(self, picture: Tensor) -> Tensor:
        from lpips.lpips import ScalingLayer

        layer: Any = ScalingLayer()
        scaled: Tensor = layer(picture.float() / 127.5 - 1.0)
        return scaled.contiguous(memory_format=torch.channels_last)


def _nets(metrics: Collection[str]) -> list[str]:
    return [net for net in ("squeeze", "alex", "vgg") if f"lpips_{net}" in metrics]
