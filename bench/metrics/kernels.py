"""Sums over kernel matrices, block by block: the matrices themselves would outgrow the features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

ROWS = 256
"""Rows of a kernel matrix that are there at a time."""


def unbiased(first: Array, second: Array, own_first: Array, own_second: Array) -> Array:
    """Unbiased MMD squared between subsets of two sets (Bińkowski et al., 2018).

    Args:
        first: Features ``(N, d)``.
        second: Features ``(M, d)``.
        own_first: 1 where a row of ``first`` is in a subset, else 0, ``(N, k)``; two rows or more in each.
        own_second: The same for ``second``, ``(M, k)``.

    Returns:
        One value a subset, ``(k,)``.
    """
    n, m = own_first.sum(0), own_second.sum(0)
    within = _sums(first, None, own_first, own_first) / (n * (n - 1))
    within += _sums(second, None, own_second, own_second) / (m * (m - 1))
    return np.asarray(within - 2.0 * _sums(first, second, own_first, own_second) / (n * m))


def leave_out(first: Array, second: Array, scene: npt.NDArray[np.intp]) -> Array:
    """Unbiased MMD squared with one scene left out of both sets, for each scene.

    Args:
        first: Features ``(N, d)``.
        second: Features ``(N, d)``, row by row of the same items.
        scene: Number of each item's scene, ``(N,)``; two items or more are left without any of them.
    """
    left = len(scene) - np.bincount(scene)
    within = (_without(first, None, scene) + _without(second, None, scene)) / (left * (left - 1))
    return np.asarray(within - 2.0 * _without(first, second, scene) / left**2)


def _blocks(first: Array, second: Array | None) -> Iterator[tuple[slice, Array]]:
    """Rows of KID's kernel (degree 3, gamma 1/d, coefficient 1); within one set (``second`` None) the diagonal is 0."""
    for start in range(0, len(first), ROWS):
        rows = slice(start, min(start + ROWS, len(first)))
        values = np.asarray(first[rows] @ (first if second is None else second).T)
        values /= first.shape[1]
        values += 1.0
        np.multiply(np.square(values), values, out=values)
        if second is None:
            within = np.arange(len(values))
            values[within, rows.start + within] = 0.0
        yield rows, values


def _sums(first: Array, second: Array | None, own_first: Array, own_second: Array) -> Array:
    """Sum of a kernel matrix over the rows and columns of each subset."""
    total = np.zeros(own_first.shape[1])
    for rows, values in _blocks(first, second):
        total += ((values @ own_second) * own_first[rows]).sum(0)
    return total


def _without(first: Array, second: Array | None, scene: npt.NDArray[np.intp]) -> Array:
    """Sum of a kernel matrix without one scene's rows and columns, for each scene."""
    row, own, column = np.zeros(len(scene)), np.zeros(len(scene)), np.zeros(len(scene))
    for rows, values in _blocks(first, second):
        row[rows] = values.sum(1)
        own[rows] = np.where(scene[rows, None] == scene[None], values, 0.0).sum(1)
        column += values.sum(0)
    return np.asarray(row.sum() - np.bincount(scene, row) - np.bincount(scene, column) + np.bincount(scene, own))
