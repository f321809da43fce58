"""From rows to boards: what may stand in one table, and what is left out and why.

A board holds one protocol, dataset, split, subset, manifest and N. Where rows that belong on one board disagree in any
of these, the report is refused and the disagreement named; nothing is silently dropped.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.report.aggregate import Point, make_points
from bench.store.table import load, unit_folders

if TYPE_CHECKING:
    import pandas as pd

TRACK = ["dataset", "split", "subset"]
SAME = ["protocol", "manifest", "n"]
CODEC = ["method", "variant", "preset", "options"]
UNIT = [*TRACK, *SAME, *CODEC, "rate", "repetition", "control"]


@dataclass
class Entrant:
    """One line of a board: a codec with its points by control.

    Attributes:
        label: Name in tables, unique on the board.
        method, variant, preset: What it is.
        points: Control to points, low rate to high; ``none`` is the plain run.
        encoder_sees_y: An upper bound, ranked apart.
        uses_side: The decoder reads y.
        stochastic: The decoder draws noise.
        random_init: Untrained weights: never ranked.
        twin: ``name:variant`` of the same codec without y; empty without one.
    """

    label: str
    method: str
    variant: str
    preset: str
    title: str
    points: dict[str, list[Point]]
    encoder_sees_y: bool = False
    uses_side: bool = False
    stochastic: bool = False
    random_init: bool = False
    twin: str = ""

    @property
    def plain(self) -> list[Point]:
        """Points of the plain run, low rate to high."""
        return self.points.get("none", [])


@dataclass
class Board:
    """One leaderboard."""

    protocol: str
    dataset: str
    split: str
    subset: str
    manifest: str
    n: int
    partial: bool
    size: tuple[int, int]
    entrants: list[Entrant]
    absent: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    metric_statuses: dict[str, set[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """``dataset`` for its whole test split, else ``dataset:subset``."""
        return self.dataset if self.subset in ("test", "all") else f"{self.dataset}:{self.subset}"

    @property
    def folder(self) -> str:
        """Path-safe folder of the board."""
        text = self.name + (f":limit{self.n}" if self.partial else "")
        return "".join(c if c.isalnum() or c in "._-" else "-" for c in text).strip("-")


def read_boards(stores: Sequence[Path]) -> list[Board]:
    """Read stores and sort their units onto boards.

    Args:
        stores: Folders such as ``runs`` and ``results``; a unit that lies in two counts once.

    Raises:
        BenchError: A store is missing, empty or too new, or one board would mix protocols, manifests or N.
    """
    import pandas as pd

    full = [store for store in stores if unit_folders(store)]
    if not full:
        names = ", ".join(map(str, stores))
        raise BenchError(f"There are no results in {names}; `bench run --method jpeg,copy-y` makes some.")
    units = pd.concat([load(store, "set").assign(_store=i) for i, store in enumerate(full)], ignore_index=True)
    items = pd.concat([load(store, "items").assign(_store=i) for i, store in enumerate(full)], ignore_index=True)
    # Of a unit that lies in two stores, one that was measured counts before one that failed, then the newest; its
    # items come from the same store.
    units = units.assign(_good=units.status == "ok").sort_values(["_good", "created", "key"], kind="stable")
    units = units.drop_duplicates("key", keep="last")
    items = items.merge(units[["key", "_store"]], on=["key", "_store"]).drop(columns="_store")
    units = units.drop(columns=["_store", "_good"])
    boards = []
    for track, rows in units.groupby(TRACK, sort=True):
        whole = rows[~rows.partial.astype(bool)]
        if len(whole[whole.status == "ok"]):
            refuse_mixture(whole[whole.status == "ok"], ":".join(map(str, track[::2])))
            board = _board(whole, items, partial=False)
            left = rows[rows.partial.astype(bool)]
            if len(left):
                board.notes.append(
                    f"{len(left)} units measured under --limit are left out: partial sets are not ranked."
                )
            boards.append(board)
            continue
        chosen = rows[rows.status == "ok"] if len(rows[rows.status == "ok"]) else rows
        for _, part in chosen.groupby(SAME, sort=True):
            same = (rows[SAME] == part[SAME].iloc[0]).all(axis=1)
            boards.append(_board(rows[same], items, partial=bool(part.partial.iloc[0])))
    return boards


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


def _board(units: pd.DataFrame, items: pd.DataFrame, partial: bool) -> Board:
    good = units[units.status == "ok"].drop_duplicates(UNIT, keep="last")
    counts = items[items.status == "ok"].groupby("key").size()
    short = good[good.key.map(counts).fillna(0) != good.n]
    good = good[~good.key.isin(short.key)]
    first = units.iloc[-1] if good.empty else good.iloc[-1]
    rows = items[items.key.isin(good.key)]
    board = Board(
        first.protocol, first.dataset, first.split, first.subset, first.manifest, int(first.n), partial,
        (int(rows.height.iloc[0]), int(rows.width.iloc[0])) if len(rows) else (0, 0), [],
    )  # fmt: skip
    several = {m for m, options in good.groupby(CODEC[:3]).options.nunique().items() if options > 1}
    for identity, own in good.groupby(CODEC, sort=True):
        entrant = _entrant(_same_weights(own, board), rows, identity, identity[:3] in several)
        board.entrants.append(entrant)
        coders = sorted(set(own.encoder_version) - {""})
        if len(coders) > 1:  # a rate point not run again after an update is an older library's
            board.notes.append(f"{entrant.label}: not all units were coded by the same library ({'; '.join(coders)}).")
    done = set(map(tuple, good[[*CODEC, "rate", "repetition", "control"]].astype(str).to_numpy()))
    failed = units[units.status != "ok"].drop_duplicates(UNIT, keep="last")
    for row in [*failed.itertuples(), *short.itertuples()]:
        if tuple(str(getattr(row, name)) for name in [*CODEC, "rate", "repetition", "control"]) in done:
            continue
        status, reason = (row.status, row.reason) if row.status != "ok" else ("error", "items are missing")
        board.absent.append(
            (_label(row.method, row.variant, row.preset, "{}", False), row.rate, row.control, status, reason)
        )
    board.absent.sort()
    for text in good.metric_statuses:
        for name, status in json.loads(text or "{}").items():
            board.metric_statuses.setdefault(name, set()).add(status)
    return board


def _same_weights(own: pd.DataFrame, board: Board) -> pd.DataFrame:
    """Units of one codec without those of older weights: a small preset's one file serves all its rate points."""
    first = own.iloc[0]
    old = own[own.weights_sha256 != own.iloc[-1].weights_sha256]
    if first.preset != "small" or old.empty:
        return own
    label = _label(first.method, first.variant, first.preset, first.options, False)
    board.notes.append(f"{label}: {len(old)} units measured with older weights are left out; run the sweep again.")
    return own.drop(old.index)


def _entrant(own: pd.DataFrame, items: pd.DataFrame, identity: tuple[str, ...], several: bool) -> Entrant:
    method, variant, preset, options = identity
    # A curve holds the newest plain unit of a rate and only those controls that decoded with the same weights.
    plain = own[own.control == "none"]
    newest = plain.groupby("rate").weights_sha256.last()
    own = own[own.weights_sha256 == own.rate.map(newest).fillna(own.weights_sha256)]
    about = own.iloc[-1]
    points = {
        str(control): make_points(units, items[items.key.isin(units.key)]) for control, units in own.groupby("control")
    }
    label = _label(method, variant, preset, options, several)
    return Entrant(
        label, method, variant, preset, about.title, points,
        bool(about.encoder_sees_y), bool(about.uses_side), bool(about.stochastic), bool(about.random_init),
        about.twin or "",
    )  # fmt: skip


def _label(method: str, variant: str, preset: str, options: str, several: bool) -> str:
    """Name in tables: variant unless ``base``, preset unless ``small``, options where the board holds several."""
    parts = [method if variant == "base" else f"{method}:{variant}"]
    parts += [f"({preset})"] if preset != "small" else []
    if several:
        values: dict[str, Any] = json.loads(options)
        parts += [f"{key}={value}" for key, value in sorted(values.items())]
    return " ".join(parts)
