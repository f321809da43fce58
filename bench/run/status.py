"""How a unit ends: one status and one reason, never a silent gap."""

from __future__ import annotations

from bench.errors import BenchError, MissingData, MissingWeights, NotInstalled

STATUSES = ("ok", "cached", "skipped", "not-installed", "no-weights", "no-data", "oom", "timeout", "error")
DONE = ("ok", "cached")
FAULTS = ("oom", "timeout", "error")
"""Statuses that make the command end with exit code 1: something broke, rather than being absent."""


class UnitTimeout(Exception):
    """A unit ran past ``--timeout``."""


class OutOfMemory(Exception):
    """A batch of a single item does not fit into the device's memory."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that the batch was too large, on a GPU or on the CPU."""
    if isinstance(error, (MemoryError, OutOfMemory)) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    words = ("out of memory", "allocate memory", "not enough memory")
    return isinstance(error, RuntimeError) and any(word in text for word in words)


def classify(error: Exception) -> tuple[str, str]:
    """Status and one-sentence reason of an exception that ended a unit."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, MissingWeights):
        return "no-weights", reason
    if isinstance(error, MissingData):
        return "no-data", reason
    if isinstance(error, NotInstalled):
        return "not-installed", reason
    if is_out_of_memory(error):
        return "oom", reason
    if isinstance(error, UnitTimeout):
        return "timeout", reason
    return "error", reason if isinstance(error, BenchError) else f"{type(error).__name__}: {reason}"
