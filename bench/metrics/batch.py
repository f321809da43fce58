"""One batch of pairs as all metrics see it, and what is kept of originals from one rate point to the next."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Array = npt.NDArray[np.float64]
Key = bytes
Taps = tuple[Tensor, ...]

HOLD_BYTES = 2 << 30
"""Room for activations of originals: 70 of them at 128x256 with all networks."""


class Held:
    """Activations of originals, kept on the device by a digest of their pixels until their room is full; thread-safe.

    A sweep scores the same originals once a rate point. What came first stays and the rest is computed each time: with
    more originals than fit, replacing the oldest would find none of them again. What one set did not ask for is let go
    at the next, so that another dataset finds room.

    Args:
        room: Bytes; None is ``HOLD_BYTES``, but no more than an eighth of the machine's memory.
    """

    def __init__(self, room: int | None = None) -> None:
        self.room = min(HOLD_BYTES, _memory() // 8) if room is None else room
        self.used = 0
        self._lock = Lock()
        self._taps: dict[tuple[str, Key], Taps] = {}
        self._asked: set[tuple[str, Key]] = set()

    def get(self, network: str, keys: Sequence[Key], compute: Callable[[], Taps]) -> Taps:
        """Return the activations of a batch, calling ``compute`` where one of its pictures is not held.

        Args:
            network: What computes them.
            keys: One a picture.
            compute: Gives activations ``(N, C, H, W)``.
        """
        names = [(network, key) for key in keys]
        self._asked.update(names)
        if all(name in self._taps for name in names):
            rows = [self._taps[name] for name in names]
            return rows[0] if len(rows) == 1 else tuple(torch.cat(level) for level in zip(*rows, strict=True))
        taps = compute()
        size = sum(level.nbytes for level in taps) // len(keys)
        for index, name in enumerate(names):
            with self._lock:
                if name not in self._taps and self.used + size <= self.room:
                    # A row of a larger batch is a view that would keep the whole batch.
                    self._taps[name] = taps if len(names) == 1 else tuple(t[index : index + 1].clone() for t in taps)
                    self.used += size
        return taps

    def next_set(self) -> None:
        """Let go of what the last set did not ask for."""
        if self._asked:
            self._taps = {name: taps for name, taps in self._taps.items() if name in self._asked}
            self.used = sum(level.nbytes for taps in self._taps.values() for level in taps)
        self._asked = set()

    def release(self) -> None:
        """Let go of everything and keep nothing from now on: memory ran out."""
        self._taps, self.used, self.room = {}, 0, 0


@dataclass
class Batch:
    """Pairs that go through the networks together.

    Attributes:
        recon, orig: uint8 ``(N, 3, H, W)`` on the device.
        recon_host, orig_host: The same in the host's memory.
        labels: Class labels of the originals, uint8 ``(N, H, W)`` on the device, where the dataset has any.
        keys: Digest of each original's pixels.
        held: What is kept of originals.
        stem: First activations of VGG16 of reconstructions and originals, left by LPIPS for DISTS.
    """

    recon: Tensor
    orig: Tensor
    recon_host: Tensor
    orig_host: Tensor
    keys: list[Key]
    held: Held
    labels: Tensor | None = None
    stem: tuple[Tensor, Tensor] | None = field(default=None)

    @classmethod
    def of(cls, recon: Tensor, orig: Tensor, device: torch.device, held: Held, labels: Tensor | None = None) -> Batch:
        """Move a batch to the device, once for all metrics."""
        recon_host, orig_host = recon.cpu(), orig.cpu()
        keys = [_digest(picture) for picture in orig_host]
        labels = labels.to(device) if labels is not None else None
        return cls(recon.to(device), orig.to(device), recon_host, orig_host, keys, held, labels)


def to_host(found: Sequence[dict[str, Tensor]]) -> list[dict[str, Array]]:
    """Move the columns of all families in one transfer: each transfer waits for the device.

    Args:
        found: Columns of any shape on one device, one dictionary a family.

    Returns:
        The same as float64 arrays of their own.
    """
    columns = [column for family in found for column in family.values()]
    if not columns:
        return [{} for _ in found]
    flat = torch.cat([column.double().reshape(-1) for column in columns]).cpu().numpy()
    parts = iter(np.split(flat, np.cumsum([column.numel() for column in columns])[:-1]))
    return [
        {name: np.array(next(parts), dtype=np.float64).reshape(column.shape) for name, column in family.items()}
        for family in found
    ]


def _digest(picture: Tensor) -> Key:
    return hashlib.blake2b(picture.contiguous().numpy().tobytes(), digest_size=16).digest()


def _memory() -> int:
    """Bytes of memory of this machine; where it does not tell, as if there were enough."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 8 * HOLD_BYTES
