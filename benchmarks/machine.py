"""The machine that a time was measured on, without names or paths, and the clock."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.store.provenance import device_state, versions

RESULTS = Path(__file__).parent / "results"
_PACKAGES = (
    "python",
    "dic-bench",
    "torch",
    "numpy",
    "scipy",
    "lpips",
    "pyiqa",
    "clean-fid",
    "pytorch-msssim",
    "pillow",
)


@dataclass
class Clock:
    """Time spent in one way of doing something.

    Attributes:
        wall: Seconds passed.
        cpu: Seconds of this process on its cores; other programs on the machine disturb it less.
    """

    wall: float = 0.0
    cpu: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Add the time of a block."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu


def describe() -> dict[str, Any]:
    """Return processor, threads and versions."""
    state = device_state("cpu")
    known = versions()
    kept = ("machine", "system", "cpus", "threads", "cpu_capability")
    return {
        "processor": _processor(),
        **{name: state[name] for name in kept},
        "versions": {name: known[name] for name in _PACKAGES if name in known},
    }


def _processor() -> str:
    """The processor's model, where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()
