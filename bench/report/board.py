"""From rows to boards: what may stand in one table, and what is left out and why.

A board holds one protocol, dataset, split, subset, manifest and N. Where rows that belong on one board disagree in any
of these, the report is refused and the disagreement named; nothing is silently dropped.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.report.admit import SAME, find_wrong, refuse_mixture
from bench.report.aggregate import Point, make_points, rate_order
from bench.report.units import Items, read_stores

if TYPE_CHECKING:
    import pandas as pd

TRACK = ["dataset", "split", "subset"]
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
        options: Canonical JSON of the codec's options.
        parameters: Number of parameters; None where the run did not tell.
        rates: Rate points that the codec declares; empty in rows of before that was recorded.
        missing: Rate points that should be on the board and are not: such a curve gets no place.
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
    options: str = "{}"
    parameters: int | None = None
    rates: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def plain(self) -> list[Point]:
        """Points of the plain run, low rate to high."""
        return self.points.get("none", [])

    @property
    def estimated_only(self) -> bool:
        """Some rate is the model's own estimate, for no file was written: ranked apart."""
        return any(point.estimated_only for point in self.plain)

    @property
    def sends_nothing(self) -> bool:
        """A control: not one bit of payload."""
        return all(point.bpp_payload == 0 for point in self.plain)

    @property
    def barred(self) -> str:
        """Why the codec gets no place; empty where it may have one."""
        if self.random_init:
            return "its weights are untrained"
        if self.missing:
            return f"{', '.join(self.missing)} {'is' if len(self.missing) == 1 else 'are'} missing from its curve"
        return "it sends nothing" if self.sends_nothing else ""


@dataclass
class Board:
    """One leaderboard.

    Attributes:
        scenes: Names of the scenes, in the order of every point's sums.
        entrants: The codecs.
        absent: (codec, rate, control, status, reason) of units without numbers.
        notes: Sentences for the page.
        unsealed: Units whose rows cannot be checked for edits: they carry no digests.
        metric_statuses: Metric to the statuses it ended with.
    """

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
    scenes: tuple[str, ...] = ()
    unsealed: int = 0
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
    store = read_stores(stores)
    units, items = store.units, store.items
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
    name_missing_rates(boards)
    return boards


def _board(units: pd.DataFrame, items: Mapping[str, Items], partial: bool) -> Board:
    good = units[units.status == "ok"].drop_duplicates(UNIT, keep="last")
    wrong = find_wrong(good, items)
    good = good[~good.key.isin(wrong)]
    first = units.iloc[-1] if good.empty else good.iloc[-1]
    size = items[str(good.key.iloc[0])].size if len(good) else (0, 0)
    board = Board(
        first.protocol, first.dataset, first.split, first.subset, first.manifest, int(first.n), partial, size, []
    )
    if len(good):
        board.scenes = items[str(good.key.iloc[0])].scenes
    telling = {codec: _differing(set(options)) for codec, options in good.groupby(CODEC[:3]).options}
    for identity, own in good.groupby(CODEC, sort=True):
        entrant = _entrant(_same_weights(own, board), items, identity, telling[identity[:3]])
        board.entrants.append(entrant)
        coders = sorted(set(own.encoder_version) - {""})
        if len(coders) > 1:  # a rate point not run again after an update is an older library's
            board.notes.append(f"{entrant.label}: not all units were coded by the same library ({'; '.join(coders)}).")
    done = set(map(tuple, good[[*CODEC, "rate", "repetition", "control"]].astype(str).to_numpy()))
    failed = units[(units.status != "ok") | units.key.isin(wrong)].drop_duplicates(UNIT, keep="last")
    for row in failed.itertuples():
        if tuple(str(getattr(row, name)) for name in [*CODEC, "rate", "repetition", "control"]) in done:
            continue
        status, reason = wrong.get(str(row.key), (row.status, row.reason))
        board.absent.append((_label(row.method, row.variant, row.preset), row.rate, row.control, status, reason))
    board.absent.sort()
    board.unsealed = int((~good.sealed.astype(bool)).sum())
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
    label = _label(first.method, first.variant, first.preset)
    board.notes.append(f"{label}: {len(old)} units measured with older weights are left out; run the sweep again.")
    return own.drop(old.index)


def _entrant(own: pd.DataFrame, items: Mapping[str, Items], identity: tuple[str, ...], telling: set[str]) -> Entrant:
    method, variant, preset, options = identity
    # A curve holds the newest plain unit of a rate and only those controls that decoded with the same weights.
    plain = own[own.control == "none"]
    newest = plain.groupby("rate").weights_sha256.last()
    own = own[own.weights_sha256 == own.rate.map(newest).fillna(own.weights_sha256)]
    about = own.iloc[-1]
    points = {str(control): make_points(units, items) for control, units in own.groupby("control")}
    label = _label(method, variant, preset, options, telling)
    return Entrant(
        label, method, variant, preset, about.title, points,
        bool(about.encoder_sees_y), bool(about.uses_side), bool(about.stochastic), bool(about.random_init),
        about.twin or "", options, None if math.isnan(about.parameters) else int(about.parameters),
        tuple(about.declared.split(",")) if about.declared else (),
    )  # fmt: skip


def _differing(options: set[str]) -> set[str]:
    """Options in which the rows of one codec differ, of their canonical JSON."""
    values = [json.loads(text) for text in options]
    names = {name for each in values for name in each}
    return {name for name in names if any(each.get(name) != values[0].get(name) for each in values)}


def _label(method: str, variant: str, preset: str, options: str = "{}", telling: Collection[str] = ()) -> str:
    """Name in tables: variant unless ``base``, preset unless ``small``, options in which the board's rows differ."""
    parts = [method if variant == "base" else f"{method}:{variant}"]
    parts += [f"({preset})"] if preset != "small" else []
    values: dict[str, Any] = json.loads(options)
    parts += [f"{key}={value}" for key, value in sorted(values.items()) if key in telling]
    return " ".join(parts)


def name_missing_rates(boards: Sequence[Board]) -> None:
    """Fill ``missing`` of every entrant.

    Expected are the rate points that the codec declares. Rows of before that was recorded are held against what the
    same codec has on any board and under any control, gaps in the numbering included.
    """
    seen: dict[tuple[str, ...], set[str]] = {}
    for entrant in (entrant for board in boards for entrant in board.entrants):
        rates = {point.rate for points in entrant.points.values() for point in points}
        seen.setdefault((entrant.method, entrant.variant, entrant.preset, entrant.options), set()).update(rates)
    for board in boards:
        for entrant in board.entrants:
            expected = set(entrant.rates)
            if not expected:
                expected = seen[(entrant.method, entrant.variant, entrant.preset, entrant.options)]
                last = max((rate_order(rate)[0] for rate in expected), default=0)
                expected = expected | {f"r{i}" for i in range(1, last + 1)}
            missing = expected - {point.rate for point in entrant.plain}
            entrant.missing = tuple(sorted(missing, key=rate_order))
