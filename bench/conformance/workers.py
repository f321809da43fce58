"""The other side of ``decode_worker``: one process for each instruction set, started once and kept."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from typing import Any

AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
TIMEOUT_S = 300.0

_running: dict[str, subprocess.Popen[str]] = {}


def ask(job: dict[str, Any], isa: str = "native") -> dict[str, Any]:
    """Have a job done in another process.

    Args:
        job: See ``decode_worker``.
        isa: ``native``, or ``avx2`` for a process whose libraries use nothing newer.

    Raises:
        AssertionError: The job failed, the process died (a crash), or it took more than five minutes.
    """
    worker = _worker(isa)
    assert worker.stdin is not None and worker.stdout is not None
    alarm = threading.Timer(TIMEOUT_S, worker.kill)
    alarm.start()
    try:
        worker.stdin.write(json.dumps(job) + "\n")
        worker.stdin.flush()
        line = worker.stdout.readline()
    except BrokenPipeError:
        line = ""
    finally:
        alarm.cancel()
    if not line:
        code = worker.wait()
        del _running[isa]
        raise AssertionError(f"The decoding process died with exit code {code} over {job['target']['method']}.")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise AssertionError(f"The decoding process met {answer['error']}")
    return answer


def _worker(isa: str) -> subprocess.Popen[str]:
    if isa not in _running:
        # What the tests can import, plug-ins among it, the other process must find too.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        for name in AVX2:
            environment.pop(name, None)
        if isa == "avx2":
            environment.update(AVX2)
        _running[isa] = subprocess.Popen(
            [sys.executable, "-m", "bench.conformance.decode_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
    return _running[isa]


@atexit.register
def _close() -> None:
    for worker in _running.values():
        if worker.stdin is not None:
            worker.stdin.close()
        worker.wait(timeout=20)
