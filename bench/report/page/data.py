"""Boards as the JSON that the page's scripts read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.metrics.registry import METRICS
from bench.report.aggregate import Point
from bench.report.board import Entrant
from bench.report.cells import DIGITS
from bench.report.colours import look_of
from bench.report.page.assemble import rounded, texts
from bench.report.page.notes import notes, warnings
from bench.report.page.tables import ranking_tables
from bench.report.page.units import Extremes, Provenance, extremes, item_values
from bench.report.published.table import PublishedPoint, beside
from bench.report.ranking import shown_metrics
from bench.report.verdict import Verdict
from bench.store.stored import StoredUnit


def page_data(
    verdicts: Sequence[Verdict], units: Mapping[str, StoredUnit], published: Sequence[PublishedPoint]
) -> dict[str, Any]:
    """Everything on the page but the pictures.

    Args:
        verdicts: The judged boards.
        units: Folders of their points; item values and provenance are read there.
        published: Points read from papers.
    """
    provenance = Provenance()
    made = [_board(verdict, units, published) for verdict in verdicts]
    for key in sorted(units):
        provenance.add(key, units[key])
    shown = {metric for verdict in verdicts for metric in shown_metrics(verdict.board)}
    return {
        "boards": made,
        "metrics": {name: _metric(name) for name in METRICS if name in shown},
        "units": provenance.units,
        "environments": provenance.environments,
    }


def _metric(name: str) -> dict[str, Any]:
    spec = METRICS[name]
    better = {True: 1, False: -1, None: 0}[spec.higher_is_better]
    unit = "×10³" if spec.scale == 1e3 else spec.unit
    return {"title": spec.title, "unit": unit, "scale": spec.scale, "better": better, "digits": DIGITS.get(name, 4),
            "flag": spec.flag}  # fmt: skip


def _board(verdict: Verdict, units: Mapping[str, StoredUnit], published: Sequence[PublishedPoint]) -> dict[str, Any]:
    board = verdict.board
    metrics = shown_metrics(board)
    ends = {entrant.label: _ends(entrant, units, metrics) for entrant in board.entrants}
    items = sorted(
        {
            row[0]
            for own in ends.values()
            for per in own.values()
            for both in per.values()
            for side in both
            for row in side
        }
    )
    place = {item: index for index, item in enumerate(items)}
    return {
        "name": board.name + (f", first {board.n}" if board.partial else ""),
        "protocol": board.protocol,
        "manifest": board.manifest,
        "n": board.n,
        "size": list(board.size),
        "metrics": metrics,
        "codecs": [_codec(entrant, metrics, ends[entrant.label], place) for entrant in board.entrants],
        "items": items,
        "tables": ranking_tables(verdict),
        "published": [point.as_json() for point in beside(published, board.dataset, metrics)],
        "warnings": warnings(board),
        "notes": notes(board),
        "absent": [texts(row) for row in board.absent],
    }  # fmt: skip


def _ends(entrant: Entrant, units: Mapping[str, StoredUnit], metrics: Sequence[str]) -> dict[str, dict[str, Extremes]]:
    """Extremes of the plain points, by rate."""
    return {p.rate: extremes(*item_values(units[p.key], metrics)) for p in entrant.plain if p.key in units}


def _codec(entrant: Entrant, metrics: Sequence[str], ends: Any, place: Mapping[str, int]) -> dict[str, Any]:
    rest = entrant.label.partition(" ")[2]
    look = look_of(entrant.method, entrant.variant, rest)
    points = {control: [_point(p, metrics) for p in own] for control, own in sorted(entrant.points.items())}
    for point in points.get("none", []):
        found: dict[str, Extremes] = ends.get(point["rate"], {})
        if found:
            point["x"] = {m: [[[place[i], v, b] for i, v, b in side] for side in both] for m, both in found.items()}
    return {
        "label": entrant.label,
        "title": entrant.title,
        "look": [look.colour, look.marker, look.dash],
        "uses_side": entrant.uses_side,
        "encoder_sees_y": entrant.encoder_sees_y,
        "barred": entrant.barred,
        "points": points,
    }


def _point(point: Point, metrics: Sequence[str]) -> dict[str, Any]:
    made: dict[str, Any] = {"rate": point.rate, "key": point.key, "v": {}}
    for name, value in (("bpp", point.bpp), ("payload", point.bpp_payload), ("estimated", point.bpp_estimated),
                        ("native", point.bpp_native), ("encode_ms", point.encode_ms), ("decode_ms", point.decode_ms),
                        ("side_ms", point.side_ms)):  # fmt: skip
        made[name] = rounded(value)
    made["v"] = {m: rounded(point.values[m]) for m in metrics if m in point.values}
    spread = {m: rounded(point.spread[m]) for m in metrics if m in point.spread}
    if spread:
        made["s"] = spread
    own = {m: [rounded(i.low), rounded(i.high)] for m, i in point.intervals.items() if m in metrics and i.has_interval}
    if own:
        made["i"] = own
    return made
