"""Judging a board: intervals of every mean, BD against the anchor, bands, gain through the side view, places."""

from __future__ import annotations

import math

from bench.metrics.registry import METRICS
from bench.report import replicates as rep
from bench.report.board import Board, Entrant
from bench.report.verdict import BANDS, Band, Comparison, Judged, Verdict
from bench.stats.bootstrap import REPLICATES, Draws, Estimate, draw_scenes, shared_places
from bench.stats.hermite import Array

ANCHOR = "balle2018"
RANKED = ("psnr", "ms_ssim_db", "lpips_squeeze", "lpips_alex", "lpips_vgg", "dists")
"""Metrics whose BD-rate heads the page where they have values; the first one places the codecs there."""
GAINS = ("psnr", "lpips_squeeze")
"""Metrics whose gain through the side view heads the page."""
HIDDEN = ("lpips_vgg_01",)
"""Metrics that belong on the page of published comparisons only."""
LINEAR = ("ms_ssim",)
"""Metrics that are compared in another form: MS-SSIM in dB."""

Held = dict[str, Array]


def shown_metrics(board: Board) -> list[str]:
    """Metrics that some point of the board has a value of, in the registry's order."""
    points = [point for entrant in board.entrants for own in entrant.points.values() for point in own]
    return [name for name in METRICS if name not in HIDDEN and any(name in point.values for point in points)]


def compared_metrics(board: Board, kind: str = "item") -> list[str]:
    """Those with a direction, of one kind (``item`` or ``set``), MS-SSIM in dB only."""
    specs = [METRICS[name] for name in shown_metrics(board) if name not in LINEAR]
    return [spec.name for spec in specs if spec.kind == kind and spec.higher_is_better is not None]


def find_anchor(board: Board) -> Entrant | None:
    """The anchor's entrant on a board: the shipped preset before any other."""
    found = [e for e in board.entrants if e.method == ANCHOR and e.plain and not e.random_init]
    return min(found, key=lambda e: (e.preset != "small", e.label)) if found else None


def judge(board: Board, replicates: int = REPLICATES) -> Verdict:
    """Judge a board.

    Args:
        board: As read; its points get their ``intervals``.
        replicates: Replicates of the bootstrap.
    """
    scenes = len(board.scenes)
    draws = draw_scenes(max(1, scenes), replicates if scenes > 1 else 1)
    metrics = compared_metrics(board)
    averaged = [name for name in shown_metrics(board) if METRICS[name].kind == "item"]
    anchor = None if board.partial else find_anchor(board)
    against = _curves(anchor, metrics, board, draws)
    judged: dict[str, Judged] = {}
    bd: dict[str, Array] = {}
    values: dict[tuple[str, float], dict[str, Array]] = {}
    for entrant in board.entrants:
        if not entrant.plain:
            continue
        found = rep.replicate(entrant.plain, averaged, draws)
        rep.fill_intervals(entrant.plain, found, scenes)
        one = judged[entrant.label] = Judged(entrant)
        _controls(one, found, averaged, draws)
        one.ends = {rate for rate in BANDS if max(p.bpp for p in entrant.plain) < rate}
        for metric in [*metrics, *compared_metrics(board, "set")]:
            own = rep.curve(entrant.plain, found, metric)
            if metric in against:
                one.deltas[metric] = _comparison(against[metric], own, scenes)
                if metric == RANKED[0] and (part := rep.bd_replicates(against[metric], own)) is not None:
                    bd[entrant.label] = part
            for rate in BANDS:
                one.at[metric, rate], part = rep.value_at(own, rate, scenes)
                if part is not None:
                    values.setdefault((metric, rate), {})[entrant.label] = part
        one.twin = _twin(board, entrant, found, draws)
    seeing = [one for one in judged.values() if one.entrant.encoder_sees_y]
    guessed = [one for one in judged.values() if one.entrant.estimated_only and one not in seeing]
    ranked = [one for one in judged.values() if one not in seeing and one not in guessed]
    bands = [
        Band(metric, rate, {} if board.partial else _band(ranked, metric, rate, values.get((metric, rate), {}), scenes))
        for metric in metrics
        for rate in BANDS
    ]
    _place(ranked, bd, scenes)
    for group in (ranked, guessed, seeing):
        group.sort(key=_order)
    return Verdict(board, anchor, metrics, ranked, guessed, seeing, bands, len(draws) if scenes > 1 else 0)


def headline_bd(one: Judged) -> float:
    """The BD-rate that places a codec; NaN without one."""
    return one.deltas[RANKED[0]].bd_rate.value if RANKED[0] in one.deltas else math.nan


def _order(one: Judged) -> tuple[bool, bool, float, str]:
    value = headline_bd(one)
    return bool(one.entrant.barred), math.isnan(value), 0.0 if math.isnan(value) else value, one.entrant.label


def _curves(anchor: Entrant | None, metrics: list[str], board: Board, draws: Draws) -> dict[str, rep.Curve]:
    """Curves of the anchor; empty without one."""
    if anchor is None:
        return {}
    found = rep.replicate(anchor.plain, metrics, draws)
    return {name: rep.curve(anchor.plain, found, name) for name in [*metrics, *compared_metrics(board, "set")]}


def _comparison(anchor: rep.Curve, own: rep.Curve, scenes: int) -> Comparison:
    rate, delta = rep.compare(anchor, own, scenes, percent=True)
    quality, also = rep.compare(anchor, own, scenes, percent=False)
    akima = rep.point_delta(anchor, own, method="akima").value
    return Comparison(rate, akima, quality, delta.overlap or math.nan, also.monotone and delta.monotone)


def _controls(one: Judged, plain: Held, metrics: list[str], draws: Draws) -> None:
    """Intervals of the controls' means, and the differences between them and the plain run."""
    scenes, points = draws.shape[1], one.entrant.plain
    for control, others in one.entrant.points.items():
        if control == "none":
            continue
        other = rep.replicate(others, metrics, draws)
        rep.fill_intervals(others, other, scenes)
        names = dict.fromkeys(name for point in others for name in point.values if name in METRICS)
        for metric in names:
            if control == "blank-y":
                made = rep.mean_difference(points, plain, others, other, metric, scenes)
                if made is not None:
                    one.gain[metric] = made
            elif control == "wrong-y":
                made = rep.mean_difference(others, other, points, plain, metric, scenes)
                if made is not None:
                    one.loss[metric] = made


def _twin(board: Board, entrant: Entrant, found: Held, draws: Draws) -> Estimate | None:
    for other in board.entrants:
        if board.partial or not other.plain or other is entrant or other.preset != entrant.preset:
            continue
        if entrant.twin in (f"{other.method}:{other.variant}", other.label):
            against = rep.curve(other.plain, rep.replicate(other.plain, ["psnr"], draws), "psnr")
            return rep.compare(against, rep.curve(entrant.plain, found, "psnr"), len(board.scenes), True)[0]
    return None


def _place(ranked: list[Judged], bd: dict[str, Array], scenes: int) -> None:
    """Places by BD-rate, less being better."""
    able = [
        one for one in ranked if not one.entrant.barred and not math.isnan(headline_bd(one)) and one.entrant.label in bd
    ]
    places = shared_places([headline_bd(one) for one in able], [bd[one.entrant.label] for one in able], scenes, False)
    for one, place in zip(able, places, strict=True):
        one.place = place


def _band(ranked: list[Judged], metric: str, rate: float, values: dict[str, Array], scenes: int) -> dict[str, int]:
    able = [one for one in ranked if not one.entrant.barred and one.entrant.label in values]
    up = METRICS[metric].higher_is_better is not False
    labels = [one.entrant.label for one in able]
    places = shared_places(
        [one.at[metric, rate].value for one in able], [values[label] for label in labels], scenes, up
    )
    return dict(zip(labels, places, strict=True))
