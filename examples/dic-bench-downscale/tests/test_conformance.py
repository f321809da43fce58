"""dic-bench's contract, tried on both variants: ``python -m pytest examples/dic-bench-downscale``."""

from bench.conformance import ConformanceSuite, Target


class TestSide(ConformanceSuite):
    """The variant that reads the side view."""

    codec = Target("downscale:side")


class TestBlind(ConformanceSuite):
    """The variant that does not."""

    codec = Target("downscale:blind")
