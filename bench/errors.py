"""Errors that end a command with one clear sentence and exit code 2."""


class BenchError(Exception):
    """Bad input or a missing part; the message is one sentence that names the thing and the mend."""


class NotPrepared(BenchError):
    """A codec was asked to code before ``prepare`` was called."""

    def __init__(self, codec: str) -> None:
        super().__init__(f"{codec} is not prepared; call its prepare() before encode and decode.")


class UnknownName(BenchError):
    """A method, metric, dataset, rate or option that nobody registered."""


class BitstreamError(BenchError):
    """A compressed file is truncated, damaged or belongs to another codec."""


class MissingWeights(BenchError):
    """A network's weights are not on this machine; the message names the command that gets them."""


class MissingData(BenchError):
    """A dataset, or a file of it, is not on this machine."""


class NotInstalled(BenchError):
    """An optional package that this codec or metric needs is not installed."""
