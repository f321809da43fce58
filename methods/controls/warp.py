"""Shifting a view along its rows, in whole numbers so that every machine gives the same picture."""

from __future__ import annotations

import torch
from torch import Tensor

UNIT = 10
"""Disparities are whole tenths of a pixel."""

# fmt: off
PROFILE = (
    37, 37, 37, 37, 38, 38, 39, 39, 39, 40, 40, 40, 40, 41, 41, 41, 42, 42, 42, 42,
    43, 43, 43, 44, 44, 44, 44, 44, 44, 45, 45, 45, 45, 45, 46, 46, 46, 45, 45, 45,
    45, 45, 45, 45, 45, 45, 45, 45, 45, 45, 45, 45, 45, 45, 45, 46, 47, 48, 50, 52,
    55, 57, 59, 61, 63, 64, 66, 67, 68, 70, 71, 73, 74, 76, 78, 80, 82, 84, 86, 88,
    90, 92, 94, 96, 99, 101, 103, 106, 108, 111, 113, 116, 118, 121, 124, 126, 129, 132, 135, 137,
    140, 143, 146, 149, 152, 155, 158, 161, 164, 168, 171, 174, 177, 180, 183, 186, 189, 192, 196, 199,
    202, 205, 208, 212, 215, 218, 221, 224,
)
# fmt: on
"""Mean disparity of each of 128 rows at 256 columns, tenths of a pixel: synthdrive's training seeds 0 … 95."""


def row_disparity(height: int, width: int) -> Tensor:
    """Mean disparity of the rows of a picture of any size, int64 ``(height, width)``, tenths of a pixel."""
    rows = torch.arange(height) * len(PROFILE) // height
    return (torch.tensor(PROFILE)[rows] * width // 256)[:, None].expand(height, width)


def warp(y: Tensor, disparity: Tensor) -> Tensor:
    """Read ``y`` at column c − d for each pixel, linear between columns, the border repeated.

    Args:
        y: uint8 ``(..., H, W)``.
        disparity: int64 ``(H, W)``, tenths of a pixel; positive where the result is the left view of the pair.

    Returns:
        uint8, the shape of ``y``.
    """
    width = y.shape[-1]
    at = (torch.arange(width) * UNIT - disparity).clamp(0, (width - 1) * UNIT)
    left = at // UNIT
    share = at % UNIT
    index = left.expand(y.shape)
    near = torch.gather(y, -1, index).to(torch.int64)
    far = torch.gather(y, -1, (index + 1).clamp(max=width - 1)).to(torch.int64)
    return ((near * (UNIT - share) + far * share + UNIT // 2) // UNIT).to(torch.uint8)
