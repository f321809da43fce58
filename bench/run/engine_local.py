"""The engine of one process: encode and decode the whole set in order."""

from __future__ import annotations

from typing import Protocol

from bench.run.coding import Advance, Job, decode_part, encode_part
from bench.run.shards import Decoded, Streams


class CodingEngine(Protocol):
    """What turns a job into streams and pictures, in this process or in many."""

    def encode(self, job: Job, advance: Advance) -> Streams:
        """Encode every item of the job's set."""

    def decode(self, job: Job, streams: Streams, control: str, repetition: int, advance: Advance) -> Decoded:
        """Decode every item of the job's set under a control."""


class LocalEngine:
    """Codes in this process."""

    def encode(self, job: Job, advance: Advance) -> Streams:
        """Encode every item of the job's set."""
        return encode_part(job, 0, len(job.pairs), advance)

    def decode(self, job: Job, streams: Streams, control: str, repetition: int, advance: Advance) -> Decoded:
        """Decode every item of the job's set under a control."""
        return decode_part(job, streams, control, repetition, 0, len(job.pairs), advance)


def choose_engine(name: str) -> CodingEngine:
    """Return the engine called ``local`` or ``ray``.

    Raises:
        NotInstalled: Ray is asked for and not installed.
    """
    if name == "ray":
        from bench.run.engine_ray import RayEngine

        return RayEngine()
    return LocalEngine()
