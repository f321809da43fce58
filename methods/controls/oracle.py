"""Disparity between both views by semi-global matching, as a section of bytes: one value a block, deflated."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.errors import BitstreamError
from methods.controls.warp import UNIT, warp

STEP = UNIT // 2
"""Sent disparities are multiples of half a pixel, from 0 to 127.5 px."""


def encode(x: Tensor, y: Tensor, block: int) -> bytes:
    """Match both views and code one disparity for each block of ``block`` × ``block`` pixels.

    Which of the views is the left one is found by trying both. Block values are medians of OpenCV's SGBM.

    Args:
        x: The view to predict, uint8 ``(3, H, W)``.
        y: The side view, the same shape.
        block: Side of a block in pixels.

    Returns:
        Direction (0: ``x`` is the left view) and the differences between neighbours, deflated.
    """
    height, width = x.shape[-2:]
    best: tuple[float, NDArray[np.uint8]] | None = None
    for direction in (0, 1):
        a, b = (_grey(view.flip(-1) if direction else view) for view in (x, y))
        full = _match(a, b)
        values = _blocks(full[:, ::-1] if direction else full, block)
        seen = warp(y, _spread(values, height, width, block) * (1 - 2 * direction))
        error = float(((seen.double() - x.double()) ** 2).mean())
        if best is None or error < best[0]:
            best = error, np.concatenate([[direction], _differences(values)]).astype(np.uint8)
    assert best is not None
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(best[1].tobytes()) + packer.flush()


def decode(data: bytes, height: int, width: int, block: int) -> Tensor:
    """Signed disparity of each pixel, int64 ``(height, width)``, tenths of a pixel.

    Raises:
        BitstreamError: The data do not hold one value a block.
    """
    rows, columns = -(-height // block), -(-width // block)
    size = rows * columns + 1
    unpacker = zlib.decompressobj(-15)
    try:
        raw = np.frombuffer(unpacker.decompress(data, size + 1), np.uint8)
    except zlib.error as error:
        raise BitstreamError("The disparity section is damaged.") from error
    if len(raw) != size or raw[0] > 1 or not unpacker.eof or unpacker.unused_data:
        raise BitstreamError("The disparity section is damaged: it does not hold one value a block.")
    steps = raw[1:].reshape(rows, columns).copy()
    steps[:, 0] = np.cumsum(steps[:, 0], dtype=np.uint8)
    values = np.cumsum(steps, axis=1, dtype=np.uint8)
    return _spread(values, height, width, block) * (1 - 2 * int(raw[0]))


def _grey(view: Tensor) -> NDArray[np.uint8]:
    weights = torch.tensor([77, 150, 29])[:, None, None]
    return ((view.to(torch.int64) * weights).sum(0) >> 8).to(torch.uint8).numpy()


def _match(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Disparity of the left view's pixels, float64 ``(H, W)``, pixels; gaps take the nearer side's background."""
    import cv2

    reach = 16 * max(1, -(-left.shape[1] // 64))
    matcher = cv2.StereoSGBM.create(
        minDisparity=0,
        numDisparities=reach,
        blockSize=5,
        P1=8 * 25,
        P2=32 * 25,
        disp12MaxDiff=1,
        uniquenessRatio=5,
        speckleWindowSize=50,
        speckleRange=2,
        mode=cv2.STEREO_SGBM_MODE_HH,
    )
    # The matcher leaves `reach` columns empty at the left border: let that be a repeated border.
    padded = [np.pad(view, ((0, 0), (reach, 0)), mode="edge") for view in (left, right)]
    found = np.asarray(matcher.compute(*padded), np.float64)[:, reach:] / 16
    found[found < 0] = np.nan
    return _filled(found)


def _filled(found: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fill gaps from the row's nearest values on both sides, the smaller (farther) one; an empty row from above."""
    filled = np.zeros_like(found)
    last = np.zeros(found.shape[1])
    for out, row in zip(filled, found, strict=True):
        known = np.flatnonzero(~np.isnan(row))
        if known.size:
            columns = np.arange(row.size)
            after = np.searchsorted(known, columns)
            right = row[known[np.minimum(after, known.size - 1)]]
            left = row[known[np.maximum(np.searchsorted(known, columns, side="right") - 1, 0)]]
            last = np.minimum(left, right)
        out[:] = last
    return filled


def _blocks(full: NDArray[np.float64], block: int) -> NDArray[np.uint8]:
    """Median of each block in steps, uint8 ``(⌈H/block⌉, ⌈W/block⌉)``."""
    height, width = full.shape
    padded = np.pad(full, ((0, -height % block), (0, -width % block)), mode="edge")
    tiles = padded.reshape(padded.shape[0] // block, block, -1, block).swapaxes(1, 2)
    medians = np.median(tiles.reshape(*tiles.shape[:2], -1), axis=2)
    return np.clip(np.rint(medians * UNIT / STEP), 0, 255).astype(np.uint8)


def _differences(values: NDArray[np.uint8]) -> NDArray[Any]:
    """Each value minus its left neighbour, the first column minus the one above, modulo 256, flat."""
    steps = np.diff(values, axis=1, prepend=np.uint8(0))
    steps[:, 0] = np.diff(values[:, 0], prepend=np.uint8(0))
    return steps.ravel()


def _spread(values: NDArray[np.uint8], height: int, width: int, block: int) -> Tensor:
    full = np.repeat(np.repeat(values, block, axis=0), block, axis=1)[:height, :width]
    return torch.from_numpy(full.astype(np.int64)) * STEP
