"""Paired comparison of two stores, or of two codecs of one store: differences with intervals over the same scenes."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError, UnknownName
from bench.metrics.registry import METRICS, resolve
from bench.report import replicates as rep
from bench.report.aggregate import Point
from bench.report.board import Board, Entrant, read_boards
from bench.report.ranking import compared_metrics
from bench.report.verdict import BANDS
from bench.stats.bootstrap import REPLICATES, Draws, Estimate, draw_scenes, estimate


@dataclass(frozen=True)
class Row:
    """One difference.

    Attributes:
        board, codec, what: Where, whose, and of what: a rate point, ``BD-rate %`` or ``at 0.1 bpp``.
        metric: Metric, or ``bpp``.
        first, second: The two values; NaN for a BD, which is a difference by nature.
        difference: second − first, with its interval.
        verdict: ``better`` or ``worse`` (the second one, with certainty), ``same`` (no difference at all), ``open``
            (the interval holds zero, or the difference is within the tolerance), ``no interval`` or ``no value``.
    """

    board: str
    codec: str
    what: str
    metric: str
    first: float
    second: float
    difference: Estimate
    verdict: str


def compare_stores(
    first: Path, second: Path, metrics: Sequence[str] = (), tolerance: float = 0.0, replicates: int = REPLICATES
) -> tuple[list[Row], list[str]]:
    """Compare the rate points that two stores share, item by item.

    Args:
        first: The reference.
        second: What is compared with it.
        metrics: Metrics to compare, ``bpp`` among them; empty means all with a direction.
        tolerance: Differences up to this share of the first value are not counted.
        replicates: Of the bootstrap.

    Returns:
        The rows, and a sentence for everything that only one store holds.

    Raises:
        BenchError: A store is missing or empty, or the two share no rate point.
    """
    boards = [{_identity(board): board for board in read_boards([store])} for store in (first, second)]
    rows, notes = [], []
    for one, store in zip(boards, (first, second), strict=True):
        for board in one.values():
            notes += [f"{store}: {label} {rate} is left out: {reason}" for label, rate, _, _, reason in board.absent]
    for identity in sorted(set(boards[0]) & set(boards[1])):
        a, b = boards[0][identity], boards[1][identity]
        draws = draw_scenes(max(1, len(a.scenes)), replicates)
        theirs = {_codec(entrant): entrant for entrant in b.entrants}
        for entrant in a.entrants:
            other = theirs.get(_codec(entrant))
            if other is not None and a.scenes == b.scenes:
                rows += list(_points(a, entrant, other, metrics, tolerance, draws))
    if not rows:
        raise BenchError(
            f"{first} and {second} share no rate point of the same codec, dataset, manifest, protocol and N; "
            "`bench list` and run.json say what each holds."
        )
    held = [
        {(key, *_codec(entrant), point.rate) for key, board in one.items() for entrant in board.entrants
         for point in entrant.plain}
        for one in boards
    ]  # fmt: skip
    for store, only in ((first, held[0] - held[1]), (second, held[1] - held[0])):
        notes += [f"only {store} holds {':'.join(key[1:3])} {key[-1]} on {key[0][1]}" for key in sorted(only)]
    return rows, notes


def compare_methods(
    stores: Sequence[Path],
    first: str,
    second: str,
    metrics: Sequence[str] = (),
    tolerance: float = 0.0,
    replicates: int = REPLICATES,
) -> tuple[list[Row], list[str]]:
    """Compare the curves of two codecs on every board that holds both.

    Args:
        stores: Where to look.
        first: A codec as it is called in tables.
        second: The codec that is judged against it.
        metrics: Metrics to compare; empty means all with a direction.
        tolerance: Differences up to this share of the first value (for a BD-rate: of the rate) are not counted.
        replicates: Of the bootstrap.

    Returns:
        The rows, and a sentence for every board that holds only one of them.

    Raises:
        UnknownName: No board holds such a codec.
        BenchError: No board holds both.
    """
    rows, notes = [], []
    boards = read_boards(stores)
    known = sorted({entrant.label for board in boards for entrant in board.entrants})
    for name in (first, second):
        if not any(_find(board, name) for board in boards):
            near = difflib.get_close_matches(name, known, n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known)}."
            raise UnknownName(f"There are no results of {name!r} in {', '.join(map(str, stores))}; {hint}")
    for board in boards:
        a, b = _find(board, first), _find(board, second)
        if a is None or b is None:
            notes.append(f"{board.name} holds only one of them")
            continue
        rows += list(_curves(board, a, b, metrics, tolerance, draw_scenes(max(1, len(board.scenes)), replicates)))
    if not rows:
        raise BenchError(f"No board holds both {first} and {second}; measure them on the same dataset.")
    return rows, notes


def check_metrics(names: Sequence[str]) -> list[str]:
    """Return the names, ``bpp`` allowed among them.

    Raises:
        UnknownName: No such metric.
    """
    wanted = [name for name in names if name != "bpp"]
    return [*(["bpp"] if "bpp" in names else []), *(resolve(wanted) if wanted else [])]


def _identity(board: Board) -> tuple[str, str, str, str, str, int]:
    return board.protocol, board.name, board.split, board.subset, board.manifest, board.n


def _codec(entrant: Entrant) -> tuple[str, str, str, str]:
    return entrant.method, entrant.variant, entrant.preset, entrant.options


def _find(board: Board, name: str) -> Entrant | None:
    for entrant in board.entrants:
        if entrant.plain and name in (entrant.label, f"{entrant.method}:{entrant.variant}"):
            return entrant
    return None


def _wanted(board: Board, metrics: Sequence[str], rate: bool) -> list[str]:
    every = [*(["bpp"] if rate else []), *compared_metrics(board), *compared_metrics(board, "set")]
    return [name for name in every if not metrics or name in metrics]


def _points(
    board: Board, a: Entrant, b: Entrant, metrics: Sequence[str], tolerance: float, draws: Draws
) -> Iterator[Row]:
    """Differences at each rate point that both have."""
    theirs = {point.rate: point for point in b.plain}
    for point in a.plain:
        other = theirs.get(point.rate)
        if other is None:
            continue
        names = _wanted(board, metrics, rate=True)
        found = [rep.replicate([one], [name for name in names if name in one.sums], draws) for one in (point, other)]
        for name in names:
            values = [_value(one, name) for one in (point, other)]
            difference = Estimate(values[1] - values[0], reason=rep.NO_REPLICATES)
            if name in found[0] and name in found[1]:
                difference = estimate(difference.value, found[1][name][0] - found[0][name][0], draws.shape[1])
            yield _row(board, a.label, point.rate, name, values, difference, tolerance * abs(values[0]))


def _curves(
    board: Board, a: Entrant, b: Entrant, metrics: Sequence[str], tolerance: float, draws: Draws
) -> Iterator[Row]:
    """BD-rate, and the difference at the rates of the bands."""
    names, scenes = _wanted(board, metrics, rate=False), draws.shape[1]
    items = [name for name in names if METRICS[name].kind == "item"]
    found = [rep.replicate(one.plain, items, draws) for one in (a, b)]
    for name in names:
        first, second = (rep.curve(one.plain, own, name) for one, own in zip((a, b), found, strict=True))
        delta = rep.compare(first, second, scenes, percent=True)[0]
        yield _row(board, f"{b.label} against {a.label}", "BD-rate %", name, [math.nan] * 2, delta, 100 * tolerance, -1)
        for rate in BANDS:
            (x, xs), (y, ys) = rep.value_at(first, rate, scenes), rep.value_at(second, rate, scenes)
            gap = Estimate(y.value - x.value, reason=x.reason or y.reason or rep.NO_REPLICATES)
            if xs is not None and ys is not None:
                gap = estimate(gap.value, ys - xs, scenes)
            label = f"{b.label} against {a.label}"
            yield _row(board, label, f"at {rate:g} bpp", name, [x.value, y.value], gap, tolerance * abs(x.value))


def _value(point: Point, name: str) -> float:
    return point.bpp if name == "bpp" else point.values.get(name, math.nan)


def _row(
    board: Board, codec: str, what: str, metric: str, values: list[float], difference: Estimate, least: float,
    direction: int = 0,
) -> Row:  # fmt: skip
    """A row with its verdict; ``direction`` is that of the difference, 0 for the metric's own."""
    up = direction or (-1 if metric == "bpp" or METRICS[metric].higher_is_better is False else 1)
    if math.isnan(difference.value):
        verdict = "no value"
    elif difference.value == 0.0 and (not difference.has_interval or difference.low == difference.high == 0.0):
        verdict = "same"
    elif not difference.has_interval:
        verdict = "no interval"
    elif difference.sign == 0 or abs(difference.value) <= least:
        verdict = "open"
    else:
        verdict = "better" if difference.sign * up > 0 else "worse"
    return Row(board.name, codec, what, metric, values[0], values[1], difference, verdict)
