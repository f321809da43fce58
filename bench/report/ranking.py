"""The ranking of a board: BD-rates against the anchor, the gain through the side view, the loss with a wrong one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from bench.metrics.registry import METRICS
from bench.report.aggregate import Point
from bench.report.board import Board, Entrant
from bench.stats.bd import Delta, bd_rate

ANCHOR = "balle2018"
RANKED = ("psnr", "ms_ssim_db", "lpips_squeeze", "lpips_alex", "dists")
"""Metrics whose BD-rate is printed where they have values; the first one ranks."""
GAINS = ("psnr", "lpips_squeeze")


@dataclass
class Standing:
    """One ranked line.

    Attributes:
        entrant: Who.
        place: From 1; 0 where there is no BD-rate to rank by.
        bd: Metric to BD-rate against the anchor.
        twin: BD-rate in PSNR against the codec's own form without y; None where it has none on the board.
        gain: Metric to metric(true y) − metric(blank y), mean over rate points; NaN without the control.
        loss: Metric to metric(wrong y) − metric(true y), likewise.
    """

    entrant: Entrant
    place: int
    bd: dict[str, Delta]
    twin: Delta | None
    gain: dict[str, float] = field(default_factory=dict)
    loss: dict[str, float] = field(default_factory=dict)


def find_anchor(board: Board) -> Entrant | None:
    """The anchor's entrant on a board: the shipped preset before any other."""
    found = [e for e in board.entrants if e.method == ANCHOR and e.plain and not e.random_init]
    return min(found, key=lambda e: (e.preset != "small", e.label)) if found else None


def rank(board: Board, entrants: list[Entrant]) -> list[Standing]:
    """Standings of the given entrants, best BD-rate in PSNR first; those without one stand last, unplaced."""
    anchor = find_anchor(board)
    made = [_standing(board, anchor, entrant) for entrant in entrants if entrant.plain and not entrant.random_init]

    def value(standing: Standing) -> float:
        return standing.bd["psnr"].value if "psnr" in standing.bd else math.nan

    made.sort(key=lambda s: (math.isnan(value(s)), 0.0 if math.isnan(value(s)) else value(s), s.entrant.label))
    if not board.partial:
        for index, standing in enumerate(made):
            standing.place = 0 if math.isnan(value(standing)) else index + 1
    return made


def curve_delta(anchor: Entrant, entrant: Entrant, metric: str) -> Delta:
    """BD-rate of an entrant's plain curve against another's in one metric."""
    curves = [
        ([p.bpp for p in e.plain if metric in p.values], [p.values[metric] for p in e.plain if metric in p.values])
        for e in (anchor, entrant)
    ]
    spec = METRICS.get(metric)
    better = spec is None or spec.higher_is_better is not False
    return bd_rate(*curves[0], *curves[1], higher_is_better=better)


def difference(entrant: Entrant, control: str, metric: str) -> float:
    """Mean over shared rate points of metric(plain) − metric(control); NaN without the control."""
    other: dict[str, Point] = {point.rate: point for point in entrant.points.get(control, [])}
    found = [
        point.values[metric] - other[point.rate].values[metric]
        for point in entrant.plain
        if point.rate in other and metric in point.values and metric in other[point.rate].values
    ]
    return math.fsum(found) / len(found) if found else math.nan


def _standing(board: Board, anchor: Entrant | None, entrant: Entrant) -> Standing:
    absent = Delta(math.nan)  # why it is absent stands once on the page, not once a codec
    fit = anchor is not None and not board.partial
    bd = {m: curve_delta(anchor, entrant, m) if fit and anchor is not None else absent for m in ranked_metrics(board)}
    twin = None
    for other in board.entrants:
        if entrant.twin in (f"{other.method}:{other.variant}", other.label) and other.preset == entrant.preset:
            twin = curve_delta(other, entrant, "psnr") if not board.partial else None
    gain = {metric: difference(entrant, "blank-y", metric) for metric in GAINS}
    loss = {metric: -difference(entrant, "wrong-y", metric) for metric in GAINS}
    return Standing(entrant, 0, bd, twin, gain, loss)


def ranked_metrics(board: Board) -> list[str]:
    """Metrics of ``RANKED`` that some plain point of the board has."""
    return [m for m in RANKED if any(m in point.values for entrant in board.entrants for point in entrant.plain)]
