"""Pictures side by side on the CPU, each on one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


@contextmanager
def one_thread() -> Iterator[int]:
    """Give torch's operators one thread, also in threads begun meanwhile: sums of float32 then keep their order.

    Yields:
        The number that there was, which is put back.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def side_by_side(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Call a function for each item, as many at a time as torch has threads, each with one thread for its operators.

    What does not divide well, such as filters and statistics, then keeps no processor waiting, and results do not
    depend on the number of threads.

    Args:
        function: May run several times at once; thread-local modes such as inference mode are its own affair.
        items: Its arguments.

    Returns:
        The results in the order of the items.
    """
    with one_thread() as threads:
        workers = min(threads, len(items))
        if workers < 2:
            return [function(item) for item in items]
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(function, items))
