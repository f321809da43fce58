"""What a number was made with: versions, source, device, switches, command, time."""

from __future__ import annotations

import hashlib
import inspect
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import bench

PACKAGES = (
    "torch", "torchvision", "torchmetrics", "pytorch-msssim", "lpips", "pyiqa", "clean-fid", "compressai", "diffusers",
    "transformers", "safetensors", "constriction", "numpy", "scipy", "pillow", "pillow-heif", "opencv-python-headless",
    "pandas", "pyarrow", "scikit-image",
)  # fmt: skip


def utc_now() -> str:
    """The time as ISO 8601 in UTC, to the millisecond: the newest of two units is known by it."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Version of each package that a number may depend on; absent ones are left out."""
    found = {"python": platform.python_version(), "dic-bench": bench.__version__}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@lru_cache(maxsize=1)
def git_state() -> dict[str, Any]:
    """Commit and dirty flag of the checkout that this package lies in; nulls outside one."""
    root = Path(bench.__file__).parents[1]
    out: dict[str, Any] = {"sha": None, "dirty": None}
    if not (root / ".git").exists():
        return out
    try:
        sha = _git(root, "rev-parse", "HEAD")
        out = {"sha": sha, "dirty": bool(_git(root, "status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        pass
    return out


def _git(root: Path, *words: str) -> str:
    command = ["git", "-C", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()


@lru_cache(maxsize=64)
def source_sha256(cls: type) -> str:
    """Digest of the Python files of the package that a codec class lives in."""
    file = Path(inspect.getfile(cls))
    files = sorted(file.parent.rglob("*.py")) if (file.parent / "__init__.py").exists() else [file]
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(file.parent).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def device_state(device: str) -> dict[str, Any]:
    """Name, driver and switches of the device that decoded; imports torch."""
    import torch

    cudnn_version: Callable[[], int | None] = torch.backends.cudnn.version
    state: dict[str, Any] = {
        "device": device,
        "machine": platform.machine(),
        "system": platform.system(),
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "tf32_matmul": torch.backends.cuda.matmul.allow_tf32,
        "tf32_cudnn": torch.backends.cudnn.allow_tf32,
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "cudnn_deterministic": torch.backends.cudnn.deterministic,
    }
    if device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(device)
        state |= {
            "name": properties.name,
            "memory": properties.total_memory,
            "cuda": torch.version.cuda,
            "cudnn": cudnn_version(),
            "peak_memory": torch.cuda.max_memory_allocated(device),
            "driver": _driver(),
        }
    return state


@lru_cache(maxsize=1)
def _driver() -> str | None:
    """Version of the NVIDIA driver, where nvidia-smi tells it."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.splitlines()[0].strip() if done.stdout.strip() else None


def argv() -> list[str]:
    """The command, with the program's own path left out."""
    return ["bench", *sys.argv[1:]]
