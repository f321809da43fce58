"""Judging one codec of a board, on the draws that it shares with all others."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from bench.metrics.registry import METRICS
from bench.report import replicates as rep
from bench.report.board import Board, Entrant
from bench.report.verdict import BANDS, Comparison, Judged
from bench.stats.bootstrap import Draws, Estimate
from bench.stats.hermite import Array


@dataclass
class Ground:
    """What all codecs of a board have in common.

    Attributes:
        board: The board.
        draws: Counts ``(B, G)``.
        averaged: Item metrics whose means get intervals.
        compared: Item metrics and figures of the set that are compared with the anchor.
        headline: The metric whose BD-rate places codecs.
        anchor: Metric to the anchor's curve; empty without an anchor.
    """

    board: Board
    draws: Draws
    averaged: list[str]
    compared: list[str]
    headline: str
    anchor: dict[str, rep.Curve]

    @property
    def scenes(self) -> int:
        """Number of scenes."""
        return len(self.board.scenes)


@dataclass
class Parts:
    """A judgement, and the replicates ``(B,)`` that places are made from."""

    judged: Judged
    bd: Array | None = None
    values: dict[tuple[str, float], Array] = field(default_factory=dict)


def judge_entrant(ground: Ground, entrant: Entrant) -> Parts:
    """Judge one codec; its points get their ``intervals``."""
    found = rep.replicate(entrant.plain, ground.averaged, ground.draws)
    rep.fill_intervals(entrant.plain, found, ground.scenes)
    one = Judged(entrant)
    parts = Parts(one)
    _controls(one, found, ground)
    one.ends = {rate for rate in BANDS if max(point.bpp for point in entrant.plain) < rate}
    for metric in ground.compared:
        own = rep.curve(entrant.plain, found, metric)
        if metric in ground.anchor:
            one.deltas[metric] = _comparison(ground.anchor[metric], own, ground.scenes)
            if metric == ground.headline:
                parts.bd = rep.bd_replicates(ground.anchor[metric], own)
        for rate in BANDS:
            one.at[metric, rate], replicates = rep.value_at(own, rate, ground.scenes)
            if replicates is not None:
                parts.values[metric, rate] = replicates
    one.twin = _twin(ground, entrant, found)
    return parts


def curves(entrant: Entrant, metrics: list[str], draws: Draws) -> dict[str, rep.Curve]:
    """Curves of a codec by metric."""
    found = rep.replicate(entrant.plain, [m for m in metrics if METRICS[m].kind == "item"], draws)
    return {metric: rep.curve(entrant.plain, found, metric) for metric in metrics}


def _comparison(anchor: rep.Curve, own: rep.Curve, scenes: int) -> Comparison:
    rate, delta = rep.compare(anchor, own, scenes, percent=True)
    quality, also = rep.compare(anchor, own, scenes, percent=False)
    akima = rep.point_delta(anchor, own, method="akima").value
    return Comparison(rate, akima, quality, delta.overlap or math.nan, also.monotone and delta.monotone)


def _controls(one: Judged, plain: dict[str, Array], ground: Ground) -> None:
    """Intervals of the controls' means, and the differences between them and the plain run."""
    points = one.entrant.plain
    for control, others in one.entrant.points.items():
        if control == "none":
            continue
        other = rep.replicate(others, ground.averaged, ground.draws)
        rep.fill_intervals(others, other, ground.scenes)
        for metric in dict.fromkeys(name for point in others for name in point.values if name in METRICS):
            if control == "blank-y":
                made = rep.mean_difference(points, plain, others, other, metric, ground.scenes)
                one.gain |= {metric: made} if made is not None else {}
            elif control == "wrong-y":
                made = rep.mean_difference(others, other, points, plain, metric, ground.scenes)
                one.loss |= {metric: made} if made is not None else {}


def _twin(ground: Ground, entrant: Entrant, found: dict[str, Array]) -> Estimate | None:
    for other in ground.board.entrants:
        if ground.board.partial or not other.plain or other is entrant or other.preset != entrant.preset:
            continue
        if entrant.twin in (f"{other.method}:{other.variant}", other.label):
            against = curves(other, [ground.headline], ground.draws)[ground.headline]
            own = rep.curve(entrant.plain, found, ground.headline)
            return rep.compare(against, own, ground.scenes, percent=True)[0]
    return None
