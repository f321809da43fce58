"""Pictures that precision is measured on: originals, and each under distortions of different kinds."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def _jpeg(quality: int) -> Callable[[Tensor], Tensor]:
    def coded(picture: Tensor) -> Tensor:
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(buffer, "JPEG", quality=quality)
        return torch.from_numpy(np.asarray(Image.open(buffer)).copy()).permute(2, 0, 1)

    return coded


def _blur(picture: Tensor) -> Tensor:
    from torchvision.transforms.functional import gaussian_blur

    return torch.as_tensor(gaussian_blur(picture, [13, 13], [2.0, 2.0]))


def _noise(picture: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(int(picture.sum()))
    noisy = picture + 12.0 * torch.randn(picture.shape, generator=generator)
    return noisy.clamp(0, 255).round().to(torch.uint8)


def _one_pixel(picture: Tensor) -> Tensor:
    changed = picture.clone()
    changed[:, 5, 7] = 255 - changed[:, 5, 7]
    return changed


DISTORTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "JPEG, quality 10": _jpeg(10),
    "JPEG, quality 75": _jpeg(75),
    "Gaussian blur, σ 2": _blur,
    "noise, σ 12": _noise,
    "three columns aside": lambda picture: picture.roll(3, 2),
    "darker by a fifth": lambda picture: (picture.float() * 0.8).round().to(torch.uint8),
    "one pixel inverted": _one_pixel,
}
"""What is done to a picture, uint8 ``(3, H, W)``; noise depends on the picture alone."""


def distorted(originals: Tensor) -> tuple[Tensor, Tensor]:
    """Every picture under every distortion, beside itself.

    Args:
        originals: uint8 ``(N, 3, H, W)``.

    Returns:
        Distorted pictures and their originals, uint8 ``(N·D, 3, H, W)`` each.
    """
    made = [torch.stack([change(picture) for picture in originals]) for change in DISTORTIONS.values()]
    return torch.cat(made), originals.repeat(len(made), 1, 1, 1)
