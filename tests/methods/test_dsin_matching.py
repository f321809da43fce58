"""DSIN's matcher: patches of the side view found by correlation, whatever the picture's size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dsin_samples import smooth

from methods.dsin import matching
from methods.dsin.matching import opponent, side_synthesis


def naive(x: np.ndarray, y: np.ndarray, patch: tuple[int, int]) -> list[tuple[int, int]]:
    """The published search, written as loops: correlation of all values of a patch times the Gaussian prior."""
    height, width = y.shape[1:]
    found = []
    for top in range(0, height, patch[0]):
        for left in range(0, width, patch[1]):
            a = x[:, top : top + patch[0], left : left + patch[1]].ravel()
            best, where = -np.inf, (0, 0)
            for row in range(height - patch[0] + 1):
                for column in range(width - patch[1] + 1):
                    b = y[:, row : row + patch[0], column : column + patch[1]].ravel()
                    score = np.corrcoef(a, b)[0, 1] * np.exp(
                        -4 * np.log(2) * (((row - top) / (0.5 * height)) ** 2 + ((column - left) / (0.5 * width)) ** 2)
                    )
                    if score > best:
                        best, where = score, (row, column)
            found.append(where)
    return found


@pytest.mark.parametrize("chunk", [1, 1 << 24])
def test_search_agrees_with_the_double_loop(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "_CHUNK", chunk)
    x = opponent(smooth(2, 24, 40).double())
    y = opponent(smooth(2, 24, 40, seed=8).double())
    y[0] = x[0].roll((2, -5), (1, 2)) + 0.3 * y[0]
    rows, columns = matching.search(x, y, (8, 10))
    for item in range(2):
        expected = naive(x[item].numpy(), y[item].numpy(), (8, 10))
        assert list(zip(rows[item].tolist(), columns[item].tolist(), strict=True)) == expected
    assert len({tuple(p) for p in expected}) > 4  # the search moves


def test_refining_takes_the_best_of_nine() -> None:
    x = opponent(smooth(1, 32, 64).double())
    y = x.roll((1, 3), (2, 3))
    start = matching.search(x, y, (16, 16))
    for shift in ((1, 0), (0, -1), (-1, 1)):
        rows = (start[0] + shift[0]).clamp(0, 16)
        columns = (start[1] + shift[1]).clamp(0, 48)
        again = matching.refine(x, y, (16, 16), rows, columns)
        assert torch.equal(again[0], start[0]) and torch.equal(again[1], start[1])


@pytest.mark.parametrize("reduction", [1, 2, 4])
def test_a_shifted_view_is_put_back(reduction: int) -> None:
    x = smooth(1)
    y = x.roll((3, 13), (2, 3))
    found = side_synthesis(x, y, y, (16, 16), reduction)
    wrong = (found != x).any(1)[:, 16:-16, 16:-16].float().mean()
    assert wrong < 0.02
    assert float((x != y).any(1).float().mean()) > 0.9


@pytest.mark.parametrize(("height", "width", "patch"), [(104, 176, (16, 16)), (16, 24, (16, 16)), (128, 256, (20, 24))])
def test_sizes_that_do_not_tile_are_continued_and_cut(height: int, width: int, patch: tuple[int, int]) -> None:
    """The rule: last row and column are repeated up to multiples of the patch, and the result is cut to size."""
    x = smooth(1, height, width)
    reduction = 4 if patch == (16, 16) else 1
    found = side_synthesis(x, x, x, patch, reduction)
    assert found.shape == x.shape and torch.equal(found, x)


def test_patches_come_from_the_original_side_view_and_carry_no_gradient() -> None:
    x = smooth(1, 32, 64).requires_grad_()
    found = side_synthesis(x, x, 7 + 0 * x, (16, 16))
    assert not found.requires_grad and bool((found == 7).all())


def test_flat_pictures_match_without_nan() -> None:
    flat = torch.full((1, 3, 32, 64), 0.25)
    assert torch.equal(side_synthesis(flat, flat, flat, (16, 16), 4), flat)
