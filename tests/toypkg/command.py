"""The command line, called in this process."""

from __future__ import annotations

import contextlib
import io
from typing import NamedTuple

import pytest


class Ended(NamedTuple):
    """How a command ended, with what it printed."""

    code: int
    out: str
    err: str


def call(*words: object) -> Ended:
    """Call ``bench`` with these words."""
    from bench.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return Ended(int(ended.value.code or 0), out.getvalue(), err.getvalue())
