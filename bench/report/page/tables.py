"""The leaderboard as cells that the page sorts: the headline, and one table a rate band."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bench.metrics.registry import METRICS
from bench.report.cells import DIGITS, heading, number
from bench.report.leaders import NOTHING, badges, middle, parameters
from bench.report.page.assemble import rounded
from bench.report.ranking import GAINS, RANKED
from bench.report.verdict import BANDS, Judged, Verdict
from bench.stats.bootstrap import Estimate

Cell = dict[str, Any]


def ranking_tables(verdict: Verdict) -> list[dict[str, Any]]:
    """Groups of tables, each with a name; a table has columns and rows of cells.

    A cell is ``{"t": text, "v": number or None, "s": small text below}``; sorting is by the number.
    """
    groups = [(verdict.ranked, "", ""), (verdict.estimated, "Estimated bits only", "No file was written: no place."),
              (verdict.bounds, "Upper bounds", "The encoder sees y: no distributed codecs, no place.")]  # fmt: skip
    made = [{"name": "all rates", "tables": [_headline(verdict, *group) for group in groups if group[0]]}]
    if verdict.board.partial:
        return made
    for rate in BANDS:
        tables = [_band(verdict, rate, *group) for group in groups if group[0]]
        tables = [table for table in tables if table["rows"]]
        if tables:
            made.append({"name": f"≤ {rate:g} bpp", "tables": tables})
    return made


def _headline(verdict: Verdict, group: Sequence[Judged], title: str, about: str) -> dict[str, Any]:
    metrics = [name for name in RANKED if name in verdict.metrics]
    gains = [name for name in GAINS if name in metrics]
    anchor = verdict.anchor.label if verdict.anchor else "the anchor"
    twins = any(one.twin is not None for one in verdict.everyone)
    columns: list[Cell] = [{"name": "place"}, {"name": "codec", "left": True}, {"name": "notes", "left": True}]
    columns += [
        {"name": f"BD-rate {m} %", "about": f"percent of the rate of {anchor}; negative is better"} for m in metrics
    ]
    columns += [{"name": "BD-rate to own no-y form %"}] if twins else []
    columns += [{"name": f"SI gain {m}", "about": "metric(true y) − metric(grey y), same bits"} for m in gains]
    columns += [{"name": f"wrong y {m}", "about": "metric(wrong y) − metric(true y)"} for m in gains]
    columns += [{"name": "parameters"}, {"name": "encode ms"}, {"name": "decode ms"}]
    rows = []
    for one in group:
        row = [{"t": str(one.place or "–"), "v": one.place or None}, *_who(one)]
        row += [_cell(one.deltas[m].bd_rate if m in one.deltas else NOTHING, 1) for m in metrics]
        row += [_cell(one.twin or NOTHING, 1)] if twins else []
        row += [_cell(found.get(m, NOTHING), DIGITS.get(m, 4)) for found in (one.gain, one.loss) for m in gains]
        row += [{"t": parameters(one.entrant.parameters), "v": one.entrant.parameters or None}]
        times = [middle([getattr(p, name) for p in one.entrant.plain]) for name in ("encode_ms", "decode_ms")]
        rows.append(row + [_cell(Estimate(value), 1) for value in times])
    notes = [
        "Small: 95 % intervals, paired bootstrap over scenes. A place is one more than the number of codecs that are "
        "better with certainty. Milliseconds are not comparable between machines."
    ]
    return {"title": title, "about": about, "columns": columns, "rows": rows, "label": 1, "notes": notes}


def _band(verdict: Verdict, rate: float, group: Sequence[Judged], title: str, about: str) -> dict[str, Any]:
    """What each codec reaches within a rate: one column a metric, with the place below the value."""
    metrics = [m for m in verdict.metrics if any(not math.isnan(one.at[m, rate].value) for one in group)]
    places = {band.metric: band.places for band in verdict.bands if band.rate == rate}
    columns: list[Cell] = [{"name": "codec", "left": True}, {"name": "notes", "left": True}]
    columns += [{"name": heading(m), "better": 1 if METRICS[m].higher_is_better else -1} for m in metrics]
    rows = []
    for one in group:
        if all(math.isnan(one.at[m, rate].value) for m in metrics):
            continue
        cells = []
        for m in metrics:
            cell = _cell(one.at[m, rate], DIGITS.get(m, 4), METRICS[m].scale)
            place = places.get(m, {}).get(one.entrant.label)
            cell["t"] += " †" if rate in one.ends and cell["v"] is not None else ""
            cell["s"] = " · ".join(filter(None, [f"place {place}" if place else "", cell.get("s", "")]))
            cell["best"] = place == 1
            cells.append(cell)
        rows.append([*_who(one), *cells])
    lead = metrics[0] if metrics else ""
    rows.sort(key=lambda row: (places.get(lead, {}).get(row[0]["t"], 10_000), row[0]["t"]))
    notes = [
        f"The curve's value at {rate:g} bits per pixel. † the curve ends below that rate: value of its last point."
    ]
    return {"title": title, "about": about, "columns": columns, "rows": rows, "label": 0, "notes": notes}


def _who(one: Judged) -> list[Cell]:
    return [{"t": one.entrant.label}, {"t": badges(one.entrant).replace("**", "")}]


def _cell(found: Estimate, digits: int, scale: float = 1.0) -> Cell:
    cell: Cell = {"t": number(found.value * scale, digits), "v": rounded(found.value)}
    if cell["v"] is not None and found.has_interval:
        cell["s"] = f"{number(found.low * scale, digits)} … {number(found.high * scale, digits)}"
    if cell["v"] is None and found.reason:
        cell["about"] = found.reason
    return cell
