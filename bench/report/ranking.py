"""Judging a board: intervals of every mean, BD against the anchor, bands, gain through the side view, places."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from threadpoolctl import threadpool_limits

from bench.metrics.registry import METRICS
from bench.report.board import Board, Entrant
from bench.report.judging import Ground, Parts, curves, judge_entrant
from bench.report.verdict import BANDS, Band, Judged, Verdict
from bench.stats.bootstrap import REPLICATES, draw_scenes, shared_places

ANCHOR = "balle2018"
RANKED = ("psnr", "ms_ssim_db", "lpips_squeeze", "lpips_alex", "lpips_vgg", "dists")
"""Metrics whose BD-rate heads the page where they have values; the first one places the codecs there."""
GAINS = ("psnr", "lpips_squeeze")
"""Metrics whose gain through the side view heads the page."""
HIDDEN = ("lpips_vgg_01",)
"""Metrics that belong on the page of published comparisons only."""
LINEAR = ("ms_ssim",)
"""Metrics that are compared in another form: MS-SSIM in dB."""


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
    compared = [*metrics, *compared_metrics(board, "set")]
    averaged = [name for name in shown_metrics(board) if METRICS[name].kind == "item"]
    anchor = None if board.partial else find_anchor(board)
    against = curves(anchor, compared, draws) if anchor is not None else {}
    ground = Ground(board, draws, averaged, compared, RANKED[0], against)
    # numpy's long loops run outside the interpreter's lock; threads of BLAS within these would wait for each other.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = list(pool.map(partial(judge_entrant, ground), [one for one in board.entrants if one.plain]))
    able = [one for one in parts if not _apart(one.judged) and not one.judged.entrant.barred]
    bands = [
        Band(metric, rate, {} if board.partial else _band(able, metric, rate, scenes))
        for metric in metrics
        for rate in BANDS
    ]
    _place(able, scenes)
    judged = sorted((one.judged for one in parts), key=_order)
    seeing = [one for one in judged if one.entrant.encoder_sees_y]
    guessed = [one for one in judged if _apart(one) and one not in seeing]
    ranked = [one for one in judged if not _apart(one)]
    return Verdict(board, anchor, metrics, ranked, guessed, seeing, bands, len(draws) if scenes > 1 else 0)


def headline_bd(one: Judged) -> float:
    """The BD-rate that places a codec; NaN without one."""
    return one.deltas[RANKED[0]].bd_rate.value if RANKED[0] in one.deltas else math.nan


def _order(one: Judged) -> tuple[bool, bool, float, str]:
    value = headline_bd(one)
    return bool(one.entrant.barred), math.isnan(value), 0.0 if math.isnan(value) else value, one.entrant.label


def _apart(one: Judged) -> bool:
    """Ranked apart: the encoder sees y, or nobody wrote the bits."""
    return one.entrant.encoder_sees_y or one.entrant.estimated_only


def _place(able: list[Parts], scenes: int) -> None:
    """Places by BD-rate, less being better."""
    given = [(one.judged, one.bd) for one in able if one.bd is not None and not math.isnan(headline_bd(one.judged))]
    places = shared_places([headline_bd(one) for one, _ in given], [bd for _, bd in given], scenes, False)
    for (one, _), place in zip(given, places, strict=True):
        one.place = place


def _band(able: list[Parts], metric: str, rate: float, scenes: int) -> dict[str, int]:
    """Places by the value at the upper rate, in the metric's own direction."""
    up = METRICS[metric].higher_is_better is not False
    given = [(one.judged, one.values[metric, rate]) for one in able if (metric, rate) in one.values]
    values = [one.at[metric, rate].value for one, _ in given]
    places = shared_places(values, [replicates for _, replicates in given], scenes, up)
    return dict(zip([one.entrant.label for one, _ in given], places, strict=True))
