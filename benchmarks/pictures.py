"""Real originals and what rate points make of them: the same pictures for all sides."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageFilter
from torch import Tensor

Bytes = npt.NDArray[np.uint8]


def _jpeg(quality: int) -> Callable[[Image.Image], Image.Image]:
    def distort(picture: Image.Image) -> Image.Image:
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=quality)
        return Image.open(stream).convert("RGB")

    return distort


DISTORTIONS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "jpeg10": _jpeg(10),
    "jpeg25": _jpeg(25),
    "jpeg60": _jpeg(60),
    "blur": lambda picture: picture.filter(ImageFilter.GaussianBlur(1.5)),
    "quarter": lambda picture: picture.resize((picture.width // 4, picture.height // 4)).resize(picture.size),
}
"""One for each rate point."""


def distorted(originals: Tensor, name: str) -> Tensor:
    """Distort uint8 ``(N, 3, H, W)``."""
    rows = [np.asarray(DISTORTIONS[name](Image.fromarray(row))) for row in _rows(originals)]
    return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2).contiguous()


def save(pictures: Tensor, folder: Path) -> Path:
    """Write PNG files, for the library that reads folders."""
    folder.mkdir()
    for index, row in enumerate(_rows(pictures)):
        Image.fromarray(row).save(folder / f"{index:04d}.png")
    return folder


def _rows(pictures: Tensor) -> Bytes:
    return np.ascontiguousarray(pictures.permute(0, 2, 3, 1).numpy())
