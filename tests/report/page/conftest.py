"""Fixtures of the toy codec, pairs and engine."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from toypkg.fixtures import sweep, toys  # noqa: E402, F401
