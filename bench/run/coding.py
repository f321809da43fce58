"""The first stage: pictures to files, files and side views to pictures.

The decoder gets what the container unpacks to and ``y``, nothing else. One ``Job`` is all that a worker needs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import container
from bench.codec import Codec, Payload
from bench.errors import BenchError
from bench.loading import load_codec
from bench.protocol import item_seed
from bench.run.batching import batches, clock
from bench.run.shards import Decoded, Floats, Streams
from bench.run.status import UnitTimeout

if TYPE_CHECKING:
    from torch import Tensor

    from bench.data import PairSet

GREY = 128
Advance = Callable[[int], None]


@dataclass
class Job:
    """One codec at one rate point over one set of pairs; everything in it can be sent to a worker.

    Attributes:
        spec, preset, rate, weights, options: What ``load_codec`` takes.
        dataset, split, limit: What ``open_pairs`` takes.
        device: Where networks run.
        batch_size: Items a batch, to begin with.
        timeout: Seconds for a unit, or None.
    """

    spec: str
    preset: str
    rate: str
    weights: Path | None
    options: dict[str, Any]
    dataset: str
    split: str | None
    limit: int | None
    device: str
    batch_size: int
    timeout: float | None = None
    _pairs: PairSet | None = field(default=None, repr=False)
    _codec: Codec | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """Workers open pairs and codec themselves."""
        return {**self.__dict__, "_pairs": None, "_codec": None}

    @property
    def pairs(self) -> PairSet:
        """The pairs, opened once."""
        if self._pairs is None:
            from bench.data import open_pairs

            self._pairs = open_pairs(self.dataset, self.split, self.limit)
        return self._pairs

    @property
    def codec(self) -> Codec:
        """The codec, prepared once, and run once so that the first batch is not timed cold."""
        if self._codec is None:
            codec = load_codec(self.spec, self.preset, rate=self.rate, weights=self.weights, **self.options)
            codec = codec.prepare(self.device)
            x, y = self.pairs.batch([0])
            payloads = codec.encode(x, y if codec.info.encoder_sees_y else None)
            codec.decode(payloads, y, [0] if codec.info.stochastic else None)
            self._codec = codec
        return self._codec


def encode_part(job: Job, start: int, stop: int, advance: Advance = lambda n: None) -> Streams:
    """Encode the items ``start`` to ``stop``: containers, sizes, estimates, times.

    Raises:
        UnitTimeout: The job's time is over; checked between batches.
        OutOfMemory: One item alone does not fit.
    """
    codec, pairs, n = job.codec, job.pairs, stop - start
    gaps, nans = np.full((2, n), -1, np.int64), np.full((2, n), np.nan)
    out = Streams([], [], gaps[0], gaps[1], nans[0], nans[1], np.zeros(n, np.int64))

    def work(indices: list[int]) -> None:
        x, y = pairs.batch(indices)
        began = clock(job.device)
        payloads = codec.encode(x, y if codec.info.encoder_sees_y else None)
        took = clock(job.device) - began
        if len(payloads) != len(indices):
            raise BenchError(f"{codec.info.full_name} made {len(payloads)} payloads of {len(indices)} pictures.")
        estimates = codec.estimate_bits(x).double().cpu().numpy() if codec.info.estimates else np.nan
        here = slice(indices[0] - start, indices[-1] + 1 - start)
        files = [container.pack(codec.info, codec.rate, payload, x.shape[2], x.shape[3]) for payload in payloads]
        out.payload_bits[here] = [payload.bits for payload in payloads]
        out.native_bits[here] = [-1 if p.native_bytes is None else 8 * p.native_bytes for p in payloads]
        out.estimated_bits[here] = estimates
        out.encode_ms[here] = took * 1e3 / len(indices)
        out.batch[here] = len(indices)
        out.files.extend(files)
        for name, bits in file_parts(codec, x, payloads, files).items():
            out.parts.setdefault(name, np.zeros(n))[here] = bits

    _drive(job, start, stop, work, advance)
    out.ids = [pairs.ids[i] for i in range(start, stop)]
    out.meta = {"encoder_version": codec.encoder_version()}
    return out


def file_parts(codec: Codec, x: Tensor, payloads: list[Payload], files: list[bytes]) -> dict[str, Floats]:
    """Bits of the container, of each section, and of what shares the first one, ``(N,)`` each; they sum to the file."""
    whole = np.array([8.0 * len(file) for file in files])
    parts = {"container": whole - [payload.bits for payload in payloads]}
    for name in codec.info.sections:
        parts[name] = np.array([8.0 * len(payload.sections.get(name, b"")) for payload in payloads])
    for name, bits in codec.split_bits(x).items():
        own = np.minimum(bits.double().cpu().numpy(), parts[codec.info.sections[0]])
        parts[name] = own
        parts[codec.info.sections[0]] = parts[codec.info.sections[0]] - own
    return {name: bits for name, bits in parts.items() if bits.any()}


def decode_part(
    job: Job, streams: Streams, control: str, repetition: int, start: int, stop: int, advance: Advance = lambda n: None
) -> Decoded:
    """Decode the items ``start`` to ``stop`` from container bytes and side views alone.

    Args:
        job: The codec and the pairs.
        streams: The files of all items of the set: under ``wrong-x`` an item decodes its donor's.
        control: ``none``, ``wrong-y``, ``blank-y`` or ``wrong-x``.
        repetition: Which draw of noise.
        start: First item.
        stop: End of the range.
        advance: Called with the number of items done.
    """
    codec, pairs, n = job.codec, job.pairs, stop - start
    donors = pairs.wrong_side() if control in ("wrong-y", "wrong-x") else list(range(len(pairs)))
    pictures = np.zeros((n, 3, pairs.height, pairs.width), np.uint8)
    out = Decoded([], pictures, np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, np.int64))

    def work(indices: list[int]) -> None:
        y = side_views(pairs, indices, control, donors)
        files = [streams.files[donors[i] if control == "wrong-x" else i] for i in indices]
        seeds = [item_seed(pairs.dataset, pairs.ids[i], repetition) for i in indices]
        here = slice(indices[0] - start, indices[-1] + 1 - start)
        if codec.info.uses_side:
            began = clock(job.device)
            if codec.analyse_side(y) is not None:
                out.side_ms[here] = (clock(job.device) - began) * 1e3 / len(indices)
        began = clock(job.device)
        payloads: list[Payload] = [container.unpack(file, codec.info).payload for file in files]
        made = codec.decode(payloads, y, seeds if codec.info.stochastic else None)
        took = clock(job.device) - began + codec.saved_seconds
        if tuple(made.shape) != tuple(y.shape) or str(made.dtype) != "torch.uint8":
            raise BenchError(
                f"{codec.info.full_name} decoded {made.dtype} {tuple(made.shape)}, not uint8 {tuple(y.shape)}."
            )
        out.pictures[here] = made.cpu().numpy()
        out.decode_ms[here] = took * 1e3 / len(indices)
        out.batch[here] = len(indices)

    _drive(job, start, stop, work, advance)
    out.ids = [pairs.ids[i] for i in range(start, stop)]
    return out


def side_views(pairs: PairSet, indices: list[int], control: str, donors: list[int]) -> Tensor:
    """Side views under a control, uint8 ``(n, 3, H, W)``: own, a donor's, or mid-grey."""
    import torch

    if control == "blank-y":
        return torch.full((len(indices), 3, pairs.height, pairs.width), GREY, dtype=torch.uint8)
    return pairs.batch([donors[i] for i in indices] if control == "wrong-y" else indices)[1]


def _drive(job: Job, start: int, stop: int, work: Callable[[list[int]], None], advance: Advance) -> None:
    began = time.monotonic()
    for done in batches(start, stop, job.batch_size, work):
        advance(done)
        if job.timeout is not None and time.monotonic() - began > job.timeout:
            raise UnitTimeout(f"The unit ran past {job.timeout:g} s; give a larger --timeout or a smaller --limit.")
