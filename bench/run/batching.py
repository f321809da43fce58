"""Batches at fixed item indices that halve when memory runs out, device choice, honest clocks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from bench.errors import BenchError
from bench.run.status import OutOfMemory, is_out_of_memory

PIXELS_CPU = 8 * 128 * 256
PIXELS_GPU = 32 * 128 * 256


def choose_device(wanted: str) -> str:
    """Resolve ``auto`` and check that a named device is there; imports torch.

    Raises:
        BenchError: CUDA is asked for and absent, or the name means nothing.
    """
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted.split(":")[0] == "cuda" and not torch.cuda.is_available():
        raise BenchError("--device cuda: no CUDA device is available here; leave --device out or give cpu.")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise BenchError(f"--device {wanted}: there is no such device; give auto, cpu or cuda.") from error
    if device.type not in ("cpu", "cuda") or (
        device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()
    ):
        raise BenchError(f"--device {wanted}: there is no such device here; give auto, cpu or cuda.")
    return wanted


def make_exact() -> None:
    """Turn off the switches that make float32 results depend on the GPU's mood."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def auto_batch(height: int, width: int, device: str) -> int:
    """Batch size for pictures of a size: a power of two within a budget of pixels."""
    budget = PIXELS_GPU if device.startswith("cuda") else PIXELS_CPU
    return int(2 ** max(0, (budget // (height * width)).bit_length() - 1))


def clock(device: str) -> float:
    """Seconds, with the device's queue run dry first."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize(device)
    return time.perf_counter()


def batches(start: int, stop: int, size: int, work: Callable[[list[int]], None]) -> Iterator[int]:
    """Call ``work`` on item indices in batches cut at multiples of ``size``; halve it when memory runs out.

    Args:
        start: First index; a multiple of ``size``.
        stop: End of the range.
        size: Batch size to begin with; halved for the rest of the range, never raised again.
        work: What to do; it must have no effect where it runs out of memory.

    Yields:
        The number of items of each batch that is done.

    Raises:
        OutOfMemory: One item alone does not fit.
    """
    while start < stop:
        end = min((start // size + 1) * size, stop)
        try:
            work(list(range(start, end)))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if size == 1:
                raise OutOfMemory(f"One item alone does not fit into memory: {' '.join(str(error).split())}") from error
            size //= 2
            release()
            continue
        yield end - start
        start = end


def release() -> None:
    """Give cached GPU memory back before a smaller attempt."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
