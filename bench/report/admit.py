"""What may stand on one board: no mixtures, no edited rows, no other pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.errors import BenchError
from bench.report.units import Items

if TYPE_CHECKING:
    import pandas as pd

SAME = ["protocol", "manifest", "n"]
EDITED = "edited"


def refuse_mixture(rows: pd.DataFrame, name: str) -> None:
    """Refuse rows of one board that differ in protocol, manifest or N.

    Raises:
        BenchError: Names what is mixed, and the values.
    """
    words = {"protocol": "protocols", "manifest": "manifests", "n": "values of N", "subset": "subsets"}
    for column in ("protocol", "subset", "n", "manifest"):
        values = sorted({str(value)[:12] for value in rows[column]})
        if len(values) > 1:
            raise BenchError(
                f"The results of {name} mix {len(values)} {words[column]} ({', '.join(values)}), which no leaderboard "
                "can compare; keep them in stores of their own and name one with --store."
            )


def find_wrong(units: pd.DataFrame, items: Mapping[str, Items]) -> dict[str, tuple[str, str]]:
    """Units that say they were measured and cannot be believed: key to (status, reason).

    Args:
        units: Rows of the set table of one board, all of status ``ok``.
        items: Key of a unit to its items.
    """
    wrong: dict[str, tuple[str, str]] = {}
    for row in units.itertuples():
        own = items[str(row.key)]
        if row.edited:
            wrong[str(row.key)] = (EDITED, str(row.edited))
        elif own.ok != row.n:
            wrong[str(row.key)] = ("error", f"{own.ok} of {row.n} items were measured")
    # Most units decide which pictures the board is about.
    left = units[~units.key.isin(wrong)]
    ids = left.key.map(lambda key: (items[str(key)].ids, items[str(key)].scenes, tuple(items[str(key)].count)))
    if ids.nunique() > 1:
        usual = ids.value_counts(sort=True).index[0]
        for key in left.key[ids != usual]:
            wrong[str(key)] = ("error", "its items are not those of the other units")
    return wrong
