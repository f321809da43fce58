"""Inception features for FID and KID, by clean-fid's resize and network (Parmar et al., 2022)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.errors import BenchError

SIDE, FEATURES = 299, 2048


class Inception:
    """The TorchScript Inception that clean-fid uses, loaded once.

    Args:
        path: Its checked weights file.
        device: Torch device.

    Raises:
        BenchError: The file is not that network, or the self-check fails.
    """

    def __init__(self, path: Path, device: str = "cpu") -> None:
        from cleanfid.inception_torchscript import InceptionV3W
        from cleanfid.resize import build_resizer

        self.device = torch.device(device)
        self._resize: Any = build_resizer("clean")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # the file is TorchScript, which torch deprecates
                model = InceptionV3W(str(path.parent), download=False, resize_inside=False)
            # Channels last: a quarter faster on the CPU, features equal to 1e-5.
            self.model: Any = model.to(self.device, memory_format=torch.channels_last).eval().requires_grad_(False)
        except (RuntimeError, AttributeError) as error:
            raise BenchError(f"{path} is not the Inception of clean-fid; run 'bench fetch inception'.") from error
        from bench.metrics.perceptual import golden_pair

        first, second = (self.features(picture) for picture in golden_pair())
        if not bool(torch.isfinite(first).all()) or torch.equal(first, second):
            raise BenchError(f"{path} does not tell two different pictures apart; run 'bench fetch inception'.")

    def features(self, picture: Tensor) -> Tensor:
        """Pooled features.

        Args:
            picture: uint8 ``(N, 3, H, W)``; the resize is Pillow's, so best in the host's memory.

        Returns:
            float64 ``(N, 2048)`` on the device.
        """
        features: Tensor = self.model(self.resized(picture).to(self.device))
        return features.double()

    def resized(self, picture: Tensor) -> Tensor:
        """What the network is given: float32 ``(N, 3, 299, 299)``, 0 to 255, channels last, in the host's memory."""
        rows = picture.cpu().permute(0, 2, 3, 1).numpy()
        return torch.from_numpy(np.stack([self._resize(row) for row in rows])).permute(0, 3, 1, 2)
