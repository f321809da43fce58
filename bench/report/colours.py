"""One look for a codec everywhere: colour by method, marker and dash by variant, whatever else stands on the board.

Colours are Okabe and Ito's, told apart by the colour-blind, with grey in place of yellow and three of Tol's muted ones.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from bench.errors import BenchError
from bench.registry import methods

COLOURS = (
    "#000000", "#0072B2", "#D55E00", "#009E73", "#B3558F", "#C98A00", "#2E95CF", "#6D6D6D", "#882255", "#74741C",
    "#332288",
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES: tuple[str | tuple[int, tuple[int, ...]], ...] = ("-", (0, (5, 2)), (0, (1, 2)), (0, (6, 2, 1, 2)))


@dataclass(frozen=True)
class Look:
    """Indices into ``COLOURS``, ``MARKERS`` and ``DASHES``."""

    colour: int
    marker: int
    dash: int

    @property
    def hex(self) -> str:
        """The colour on white."""
        return COLOURS[self.colour]


PREFERRED = {
    "balle2018": (0, 0), "balle2017": (10, 0), "ndic": (1, 0), "ldmic": (2, 0), "atn": (3, 0), "dsin": (4, 0),
    "mdic": (5, 0), "cdc": (6, 0), "spdic": (8, 0), "dicm": (9, 0),
    "jpeg": (7, 0), "jpeg2000": (7, 1), "webp": (7, 2), "avif": (7, 3), "heic": (7, 4), "copy-y": (7, 1),
    "warp-y": (7, 2),
}  # fmt: skip
"""Colour and turn of well-known methods: each learned one has a colour of its own, the rest is grey; others have a hash
of theirs."""


def look_of(method: str, variant: str, rest: str = "") -> Look:
    """The look of a codec, by its name alone.

    Args:
        method: Registered name.
        variant: Its variants share the colour.
        rest: Preset and options where they are not the shipped ones.
    """
    colour, turn = PREFERRED.get(method, (_hash(method) % len(COLOURS), _hash(method) // 16))
    dash = _variant(method, variant) + turn + (1 + _hash(rest) if rest else 0)
    return Look(colour, (colour + 3 * dash) % len(MARKERS), dash % len(DASHES))


def _variant(method: str, variant: str) -> int:
    """Place of a variant among its method's; a hash where the method is not here."""
    try:
        names = methods.get(method).variants if method in methods else ()
    except BenchError:
        names = ()
    return names.index(variant) if variant in names else _hash(variant)


def _hash(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:6], 16)
