"""The contract of a codec as tests that anybody can run on their own.

A plug-in's test file needs four lines::

    from bench.conformance import ConformanceSuite, Target

    class TestMine(ConformanceSuite):
        codec = Target("mine.codec:MyCodec")

Pictures come from the procedural renderer; decoding happens in processes that never had the originals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.conformance.target import Target, every_target

if TYPE_CHECKING:
    from bench.conformance.suite import ConformanceSuite
    from bench.conformance.trial import Trial

__all__ = ["ConformanceSuite", "Target", "Trial", "every_target"]


def __getattr__(name: str) -> Any:
    """Import the tests only when asked for: the decoding process needs neither them nor pytest."""
    if name not in ("ConformanceSuite", "Trial"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import pytest

    pytest.register_assert_rewrite("bench.conformance.suite")
    from bench.conformance import suite, trial

    return suite.ConformanceSuite if name == "ConformanceSuite" else trial.Trial
