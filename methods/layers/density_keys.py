"""Spellings of an entropy bottleneck's keys: CompressAI has used three.

Weights files of this project keep one of them, whatever is installed; networks have that of the installed version.
"""

from __future__ import annotations

import re
from functools import cache

from compressai.entropy_models import EntropyBottleneck

_OLD = re.compile(r"^(|.*\.)_(matrix|bias|factor)(\d+)$")
_LISTED = re.compile(r"^(|.*\.)_?(matrices|biases|factors)\.(\d+)$")
_SINGULAR = {"matrices": "matrix", "biases": "bias", "factors": "factor"}
_PLURAL = {one: many for many, one in _SINGULAR.items()}


def stored(key: str) -> str:
    """Spell a key as in weights files: ``_matrix0``, as up to CompressAI 1.2.6.

    From 1.2.7 on it is ``matrices.0``; the model zoo's files have the still older ``_matrices.0``.
    """
    return _LISTED.sub(lambda found: f"{found[1]}_{_SINGULAR[found[2]]}{found[3]}", key)


def installed(key: str) -> str:
    """Spell a key as networks of the installed CompressAI do."""
    key = stored(key)
    return _OLD.sub(lambda found: f"{found[1]}{_PLURAL[found[2]]}.{found[3]}", key) if _lists() else key


@cache
def _lists() -> bool:
    return "matrices.0" in EntropyBottleneck(1).state_dict()
