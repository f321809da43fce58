"""Memory does not grow with the number of items, but for features."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SIDE, FEATURES = 64, 512
ROOM = 8 << 20
"""Bytes for originals' activations: full long before the smaller set ends, as it is in earnest."""

CODE = f"""
import sys, torch
from bench.metrics.engine import Engine
count = int(sys.argv[1])
torch.set_num_threads(1)
engine = Engine(["psnr", "psnr_pooled", "ssim", "beta", "rho", "lpips_squeeze", "fd_squeeze", "kd_squeeze"],
                hold_bytes={ROOM})
assert set(engine.statuses.values()) == {{"ok"}}, engine.reasons
generator = torch.Generator().manual_seed(0)
for start in range(0, count, 20):
    orig = torch.randint(0, 256, (20, 3, {SIDE}, {SIDE}), generator=generator, dtype=torch.uint8)
    engine.update(orig // 2, orig, [str(start + k) for k in range(20)])
scored = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
items, values = engine.finish([str(k % 4) for k in range(count)])
assert len(items["lpips_squeeze"]) == count and values["fd_squeeze"] > 0
finished = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(int(scored) * 1024, int(finished) * 1024)
"""


def _peaks(count: int) -> tuple[int, int]:
    """Bytes at most in use until everything is scored, and until the distances are computed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-c", CODE, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    scored, finished = done.stdout.split()
    return int(scored), int(finished)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the system does not tell the peak of memory")
def test_two_thousand_items_need_the_memory_of_two_hundred_and_features(genuine: Path) -> None:
    few, many = _peaks(200), _peaks(2000)
    features = 1800 * 2 * FEATURES * 8
    assert many[0] <= 1.1 * few[0] + features
    assert many[1] <= 1.1 * few[1] + features  # one square matrix of 2,000 takes as much as all their features
