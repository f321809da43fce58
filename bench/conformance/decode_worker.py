"""``python -m bench.conformance.decode_worker``: decodes files in a process that never had the originals.

Reads one JSON job a line from standard input and answers with one JSON line on standard output. A job names the codec
(``target``, ``rate``), container ``files``, the side views (``side``, .npy, uint8 ``(N, 3, H, W)``), ``noise`` seeds or
null, ``threads``, and either ``batch`` and ``out`` (.npy to write) or, without ``out``, asks how each file ends.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from bench.conformance.target import Target
from bench.container import unpack
from bench.errors import BitstreamError


def main() -> None:
    """Serve jobs until standard input ends."""
    # Libraries may print; the answers keep a channel of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    codecs: dict[tuple[str, str], Any] = {}
    for line in sys.stdin:
        job = json.loads(line)
        try:
            answer = _work(job, codecs)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _work(job: dict[str, Any], codecs: dict[tuple[str, str], Any]) -> dict[str, Any]:
    import numpy as np
    import torch

    torch.set_num_threads(job["threads"])
    target = Target(**job["target"])
    key = (json.dumps(job["target"], sort_keys=True), job["rate"])
    if key not in codecs:
        codecs[key] = target.load(job["rate"])
    codec = codecs[key]
    files = [Path(name).read_bytes() for name in job["files"]]
    side = torch.from_numpy(np.load(job["side"]))
    noise = job["noise"]
    if job["out"] is None:
        return {"outcomes": [_outcome(codec, f, side[:1], noise and noise[:1]) for f in files]}
    parts = []
    for start in range(0, len(files), job["batch"]):
        here = slice(start, start + job["batch"])
        payloads = [unpack(file, codec.info).payload for file in files[here]]
        parts.append(codec.decode(payloads, side[here], noise and noise[here]))
    np.save(job["out"], torch.cat(parts).numpy())
    return {"capability": torch.backends.cpu.get_cpu_capability(), "threads": torch.get_num_threads()}


def _outcome(codec: Any, file: bytes, side: Any, noise: list[int] | None) -> str:
    """How a damaged file ends: ``BitstreamError``, ``picture``, or what went wrong."""
    try:
        seen = codec.decode([unpack(file, codec.info).payload], side, noise)
    except BitstreamError:
        return "BitstreamError"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    right = tuple(seen.shape) == tuple(side.shape) and str(seen.dtype) == "torch.uint8"
    return "picture" if right else f"{seen.dtype} {tuple(seen.shape)}"


if __name__ == "__main__":
    main()
