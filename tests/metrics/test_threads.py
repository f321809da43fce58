"""Pictures side by side: the same figures on any number of threads, and nothing left changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.metrics.engine import Engine
from bench.metrics.threads import side_by_side

from .conftest import blurred, pictures


@pytest.fixture
def threads() -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield 3
    torch.set_num_threads(before)


def test_items_keep_their_order_and_run_at_once_on_one_thread_each(threads: int) -> None:
    meeting = threading.Barrier(threads, timeout=60)  # broken unless all three are there at once

    def visit(item: int) -> tuple[int, int]:
        if item < threads:
            meeting.wait()
        return item, torch.get_num_threads()

    assert side_by_side(visit, range(7)) == [(item, 1) for item in range(7)]
    assert side_by_side(visit, []) == []
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("count", [1, 4])
def test_the_number_of_threads_is_put_back_after_an_error(threads: int, count: int) -> None:
    def fail(item: int) -> None:
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match="item 0"):
        side_by_side(fail, range(count))
    assert torch.get_num_threads() == threads


def _same_on_one_thread(names: list[str], threads: int) -> None:
    orig = pictures(3)
    found = []
    for number in (threads, 1):
        torch.set_num_threads(number)
        engine = Engine(names)
        assert set(engine.statuses.values()) == {"ok"}
        engine.update(blurred(orig), orig, list("abc"))
        found.append(engine.finish())
    for name, column in found[0][0].items():
        np.testing.assert_array_equal(column, found[1][0][name], err_msg=name)
    assert found[0][1] == found[1][1]


def test_figures_do_not_depend_on_the_threads(stand_ins: Path, threads: int) -> None:
    _same_on_one_thread(["psnr", "ms_ssim", "ssim", "beta", "lpips_alex", "lpips_vgg", "dists", "fid"], threads)


def test_niqe_does_not_depend_on_the_threads_and_leaves_its_library_as_it_was(genuine: Path, threads: int) -> None:
    niqe_arch = pytest.importorskip("pyiqa.archs.niqe_arch")
    library = niqe_arch.estimate_aggd_param
    _same_on_one_thread(["niqe", "niqe_pooled", "lpips_squeeze", "fd_squeeze"], threads)
    assert niqe_arch.estimate_aggd_param is library
