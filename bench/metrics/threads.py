"""Pictures side by side on the CPU, each on one thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Call a function for each item, as many at a time as torch has threads, each with one thread for its operators.

    What does not divide well, such as filters and statistics, then keeps no processor waiting, and sums of float32
    are taken in the same order whatever the number of threads.

    Args:
        function: May run several times at once; thread-local modes such as inference mode are its own affair.
        items: At least one.

    Returns:
        The results in the order of the items.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # a new thread starts with what was set last, so this holds for the workers too
    try:
        if min(threads, len(items)) == 1:
            return [function(item) for item in items]
        with ThreadPoolExecutor(min(threads, len(items))) as pool:
            return list(pool.map(function, items))
    finally:
        torch.set_num_threads(threads)
