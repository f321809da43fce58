"""Render in a process of its own: ``python -m bench.data.synthdrive OUT.npz DTYPE FIRST COUNT``; a line a pair."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from bench.data.synthdrive.render import render


def main(out: str, dtype: str, first: str, count: str) -> None:
    """Render ``count`` seeds from ``first`` on with one thread and save what ``Rendered`` holds."""
    torch.set_num_threads(1)
    done = render(range(int(first), int(first) + int(count)), getattr(torch, dtype), progress=_tell)
    np.savez(
        Path(out),
        left=done.left.numpy(),
        right=done.right.numpy(),
        disparity=done.disparity.numpy(),
        disparity_right=done.disparity_right.numpy(),
        labels=done.labels.numpy(),
        labels_right=done.labels_right.numpy(),
        captions=np.array(done.captions),
    )


def _tell(done: int) -> None:
    sys.stdout.write(f"{done}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:5])
