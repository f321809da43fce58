"""The synthetic side view: each patch of the decoded picture is replaced by the best matching patch of ``y``.

Ayzik and Avidan, "Deep image compression using decoder side information", ECCV 2020, section 3.2.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_FLOOR = 1e-6
"""Variance a pixel, of normalised pictures, below which a patch counts as flat: no noise is ever matched."""

_CHUNK = 1 << 24
"""Values of the score maps that are held at a time."""

Patch = tuple[int, int]


def opponent(picture: Tensor) -> Tensor:
    """The matcher's colour space R + G, R − G, (R + B) / 2 of normalised pictures ``(N, 3, H, W)``."""
    red, green, blue = picture.unbind(1)
    return torch.stack([red + green, red - green, 0.5 * (red + blue)], 1)


def tiles(picture: Tensor, patch: Patch) -> Tensor:
    """Non-overlapping patches ``(N, P, C, ph, pw)``, row by row, of pictures whose sides divide by the patch's."""
    count, channels, height, width = picture.shape
    rows, columns = height // patch[0], width // patch[1]
    cut = picture.reshape(count, channels, rows, patch[0], columns, patch[1])
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(count, rows * columns, channels, *patch)


def prior(positions: Tensor, home: Tensor, size: int) -> Tensor:
    """One axis of the Gaussian prior: full width at half maximum of half the picture's side ``size``.

    Args:
        positions: Candidate positions.
        home: The patch's own position; both broadcast, in pixels.
        size: Height or width of the picture.
    """
    return torch.exp(-4 * torch.log(torch.tensor(2.0)) * ((positions - home) / (0.5 * size)).square())


def _homes(height: int, width: int, patch: Patch, like: Tensor) -> tuple[Tensor, Tensor]:
    """First row and first column of every tile, each ``(P,)``."""
    rows = torch.arange(0, height, patch[0], device=like.device)
    columns = torch.arange(0, width, patch[1], device=like.device)
    return rows.repeat_interleave(len(columns)), columns.repeat(len(rows))


def standard(patches: Tensor) -> Tensor:
    """Patches ``(N, P, C, ph, pw)`` without their mean and of unit energy, so that products sum to a correlation."""
    patches = patches - patches.mean((2, 3, 4), keepdim=True)
    scale = (patches.square().mean((2, 3, 4), keepdim=True) + _FLOOR).rsqrt()
    return patches * scale / patches[0, 0].numel()


def inverse_spread(y: Tensor, patch: Patch) -> Tensor:
    """One over the standard deviation of every patch of ``y``, ``(N, 1, H − ph + 1, W − pw + 1)``, by box sums."""
    moments = torch.stack([y.mean(1), y.square().mean(1)], 1)
    boxes = F.avg_pool2d(F.avg_pool2d(moments, (patch[0], 1), 1), (1, patch[1]), 1)
    mean, power = boxes.split(1, 1)
    return ((power - mean.square()).clamp_min(0) + _FLOOR).rsqrt()


def search(x: Tensor, y: Tensor, patch: Patch) -> tuple[Tensor, Tensor]:
    """Best position in ``y`` of every tile of ``x`` among all where a whole patch fits.

    The score is the correlation coefficient over all three channels of a patch, times the Gaussian prior. One
    convolution correlates all tiles with all positions.

    Args:
        x: Pictures in the matcher's colour space, ``(N, 3, H, W)``, sides that divide by the patch's.
        y: Side views alike.
        patch: Height and width of a patch.

    Returns:
        First row and first column of the best patch, int64 ``(N, P)`` each.
    """
    count, _, height, width = y.shape
    spread = inverse_spread(y, patch)
    rows, columns = spread.shape[-2:]
    home_rows, home_columns = _homes(height, width, patch, y)
    near_row = prior(torch.arange(rows, device=y.device), home_rows[:, None], height).to(y.dtype)
    near_column = prior(torch.arange(columns, device=y.device), home_columns[:, None], width).to(y.dtype)
    folded, found = y.reshape(1, -1, height, width), []
    for part in torch.arange(len(home_rows), device=y.device).split(max(1, _CHUNK // (count * rows * columns))):
        kernels = standard(tiles(x, patch)[:, part]).flatten(0, 1)
        score = F.conv2d(folded, kernels, groups=count).view(count, len(part), rows, columns)
        score = score * spread * near_row[part, :, None] * near_column[part, None, :]
        found.append(score.flatten(2).argmax(2))
    best = torch.cat(found, 1)
    return best // columns, best % columns


def refine(x: Tensor, y: Tensor, patch: Patch, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Move positions by up to one pixel either way to the best score of :func:`search`; arguments as there."""
    height, width = y.shape[-2:]
    # The frame only keeps the indices inside: no candidate outside the picture is ever taken.
    windows = _gather(F.pad(y, (1, 1, 1, 1)), rows, columns, (patch[0] + 2, patch[1] + 2))
    patches, spread = standard(tiles(x, patch)), inverse_spread(y, patch)[:, 0]
    item = torch.arange(len(y), device=y.device)[:, None]
    home_rows, home_columns = _homes(height, width, patch, y)
    scores, moves = [], [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    for down, right in moves:
        row, column = rows + down, columns + right
        inside = (row >= 0) & (row <= height - patch[0]) & (column >= 0) & (column <= width - patch[1])
        window = windows[..., 1 + down : 1 + down + patch[0], 1 + right : 1 + right + patch[1]]
        near = (prior(row, home_rows, height) * prior(column, home_columns, width)).to(y.dtype)
        there = spread[item, row.clamp(0, height - patch[0]), column.clamp(0, width - patch[1])]
        scores.append(((window * patches).sum((2, 3, 4)) * there * near).masked_fill(~inside, -torch.inf))
    best = torch.stack(scores, 2).argmax(2)
    shift = torch.tensor(moves, device=y.device)[best]
    return rows + shift[..., 0], columns + shift[..., 1]


def _gather(y: Tensor, rows: Tensor, columns: Tensor, patch: Patch) -> Tensor:
    """Patches ``(N, P, C, ph, pw)`` of ``y`` that start at the given rows and columns, ``(N, P)`` each."""
    down = rows[..., None] + torch.arange(patch[0], device=y.device)
    right = columns[..., None] + torch.arange(patch[1], device=y.device)
    item = torch.arange(len(y), device=y.device)[:, None, None, None]
    picked = y.permute(0, 2, 3, 1)[item, down[..., :, None], right[..., None, :]]
    return picked.permute(0, 1, 4, 2, 3)


def _reduced(picture: Tensor, by: int) -> Tensor:
    return F.avg_pool2d(picture, by) if by > 1 else picture


@torch.no_grad()
def side_synthesis(x_dec: Tensor, y_dec: Tensor, y: Tensor, patch: Patch, reduction: int = 1) -> Tensor:
    """Rebuild ``x`` from patches of the original side view, found by matching the decoded pictures.

    Any size works: all three pictures are continued by their last row and column to multiples of the patch, and the
    result is cut to size again. No gradient passes.

    Args:
        x_dec: Decoded pictures, normalised, ``(N, 3, H, W)``.
        y_dec: Side views after the same codec, alike.
        y: Original side views, alike.
        patch: Height and width of a patch.
        reduction: A power of 2 that divides the patch's sides: search on pictures averaged over squares of this side,
            then refine from one resolution to the next. 1 searches every position, as published.

    Returns:
        The synthetic side view, ``(N, 3, H, W)``.
    """
    height, width = y.shape[-2:]
    margin = (0, -width % patch[1], 0, -height % patch[0])
    x_dec, y_dec, y = (F.pad(picture, margin, mode="replicate") for picture in (x_dec, y_dec, y))
    left, right = opponent(x_dec), opponent(y_dec)
    small = (patch[0] // reduction, patch[1] // reduction)
    with torch.autocast(y.device.type, enabled=False):  # the best match is a jump: bfloat16 would find another
        rows, columns = search(_reduced(left, reduction), _reduced(right, reduction), small)
    while reduction > 1:
        reduction //= 2
        small = (patch[0] // reduction, patch[1] // reduction)
        rows, columns = refine(_reduced(left, reduction), _reduced(right, reduction), small, 2 * rows, 2 * columns)
    found = _gather(y, rows, columns, patch)
    across = y.shape[-1] // patch[1]
    grid = found.unflatten(1, (-1, across)).permute(0, 3, 1, 4, 2, 5)
    return grid.reshape(y.shape)[..., :height, :width]
