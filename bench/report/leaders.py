"""The judged parts of a page: headline, rate bands, Bjøntegaard deltas, and why a cell is empty."""

from __future__ import annotations

import math

from bench.metrics.registry import METRICS
from bench.report.board import Entrant
from bench.report.cells import DIGITS, heading, interval, number, table
from bench.report.ranking import ANCHOR, GAINS, RANKED, compared_metrics
from bench.report.replicates import NO_REPLICATES
from bench.report.verdict import BANDS, Comparison, Judged, Verdict
from bench.stats.bootstrap import LEVEL, Estimate

NOTHING = Estimate(math.nan)


def badges(entrant: Entrant) -> str:
    """What a reader must know of a codec, in few words."""
    words = [
        *(["**encoder sees y**"] if entrant.encoder_sees_y else []),
        *(["**estimated bits**"] if entrant.estimated_only else []),
        *(["side view"] if entrant.uses_side else []),
        *(["draws noise"] if entrant.stochastic else []),
        *(["0 bits sent"] if entrant.sends_nothing else []),
        *(["**untrained weights**"] if entrant.random_init else []),
        *([f"**without {', '.join(entrant.missing)}**"] if entrant.missing else []),
    ]
    return ", ".join(words)


def headline(verdict: Verdict, level: str = "##") -> list[str]:
    """The first table: BD-rates, what the side view contributes, size and time; the codecs that are ranked apart."""
    lines = [f"{level} Ranking", "", *_legend(verdict), *_headline_table(verdict, verdict.ranked)]
    if verdict.estimated:
        text = "No file was written: the rate is the model's own estimate. No place in the ranking."
        lines += [f"{level}# Estimated bits only", "", text, "", *_headline_table(verdict, verdict.estimated)]
    if verdict.bounds:
        text = "Not distributed codecs; no place in the ranking."
        lines += [
            f"{level}# Upper bounds: the encoder sees y", "", text, "", *_headline_table(verdict, verdict.bounds)
        ]  # fmt: skip
    return lines + _reasons(verdict)


def _legend(verdict: Verdict) -> list[str]:
    scenes = len(verdict.board.scenes)
    text = (
        f"BD-rates in percent of the rate of `{ANCHOR}` (PCHIP on log rate; negative is better). SI gain: metric(true "
        "y) − metric(blank y), the bits being identical; wrong y: metric(wrong y) − metric(true y); both are means "
        "over the rate points. Milliseconds: median of the rate points' medians, not comparable between machines. "
    )
    if verdict.replicates:
        text += (
            f"In brackets: {LEVEL:.0%} intervals, paired bootstrap over {scenes} scenes, {verdict.replicates:,} "
            "replicates. A codec's place is one more than the number of codecs that are better with certainty, the "
            "interval of the paired difference excluding zero."
        )
    else:
        text += "There are no intervals: the set has one scene."
    return [text, ""]


def _headline_table(verdict: Verdict, group: list[Judged]) -> list[str]:
    metrics = [name for name in RANKED if name in verdict.metrics]
    gains = [name for name in GAINS if name in metrics]
    twins = any(one.twin is not None for one in verdict.everyone)
    head = ["place", "codec", "notes", *(f"BD-rate {m} %" for m in metrics)]
    head += ["BD-rate to own no-y form %"] if twins else []
    head += [f"SI gain {m}" for m in gains] + [f"wrong y {m}" for m in gains] + ["parameters", "enc ms", "dec ms"]
    rows = []
    for one in group:
        points = one.entrant.plain
        row = [str(one.place or "–"), one.entrant.label, badges(one.entrant)]
        row += [interval(one.deltas[m].bd_rate if m in one.deltas else NOTHING, 1) for m in metrics]
        row += [interval(one.twin or NOTHING, 1)] if twins else []
        row += [interval(one.gain.get(m, NOTHING), DIGITS.get(m, 4)) for m in gains]
        row += [interval(one.loss.get(m, NOTHING), DIGITS.get(m, 4)) for m in gains]
        row += [parameters(one.entrant.parameters)]
        row += [number(middle([getattr(p, name) for p in points]), 1) for name in ("encode_ms", "decode_ms")]
        rows.append(row)
    return table(head, rows, left=3)


def bands(verdict: Verdict, level: str = "##") -> list[str]:
    """One table a metric: place and value at the upper rate of each band, BD-rate beside them."""
    if verdict.board.partial or not verdict.metrics:
        return []
    rates = ", ".join(f"{rate:g}" for rate in BANDS)
    lines = [f"{level} Rate bands", "", f"What a codec reaches within {rates} bits per pixel: its curve's value at "
             "that rate (PCHIP on log rate), placed within the band. † its curve ends below that rate, and the value "
             "is that of its last point. An en dash: its curve begins above it.", ""]  # fmt: skip
    for metric in verdict.metrics:
        spec, digits = METRICS[metric], DIGITS.get(metric, 4)
        places = {band.rate: band.places for band in verdict.bands if band.metric == metric}
        head = ["codec", "notes"]
        for rate in BANDS:
            head += [f"≤ {rate:g}", f"{metric} at {rate:g} bpp"]
        rows = []
        for one in sorted(verdict.everyone, key=lambda one: _band_order(one, places)):
            if all(math.isnan(one.at[metric, rate].value) for rate in BANDS):
                continue
            row = [one.entrant.label, badges(one.entrant)]
            for rate in BANDS:
                value = one.at[metric, rate]
                mark = " †" if rate in one.ends and not math.isnan(value.value) else ""
                row += [str(places[rate].get(one.entrant.label, 0) or "–"), interval(value, digits, spec.scale) + mark]
            rows.append([*row, interval(one.deltas[metric].bd_rate if one.deltas else NOTHING, 1)])
        if rows:
            lines += [f"{level}# {spec.title}: {heading(metric)}", "", *table([*head, "BD-rate %"], rows, left=2)]
    return lines


def _band_order(one: Judged, places: dict[float, dict[str, int]]) -> tuple[bool, list[int], str]:
    label = one.entrant.label
    own = [places[rate].get(label, 0) or 10_000 for rate in reversed(BANDS)]
    return not any(label in place for place in places.values()), own, label


def deltas(verdict: Verdict) -> list[str]:
    """Every codec and metric against the anchor: both interpolations, quality at equal rate, and what was shared."""
    anchor = verdict.anchor
    if anchor is None:
        return []
    text = (
        f"Against `{anchor.label}`. BD-quality is in units of the metric, positive being better. Figures of the whole "
        "set (such as Fréchet distances) are indicative and have no paired interval."
    )
    rows = []
    for one in verdict.everyone:
        if one.entrant is anchor or one.entrant.sends_nothing:
            continue
        for metric in [*verdict.metrics, *compared_metrics(verdict.board, "set")]:
            found, digits = one.deltas[metric], DIGITS.get(metric, 4)
            rows.append(
                [one.entrant.label, metric, "yes" if found.monotone else "no", _why(found), interval(found.bd_rate, 1),
                 number(found.akima, 1), interval(found.bd_quality, digits, METRICS[metric].scale),
                 number(found.overlap, 2)]
            )  # fmt: skip
    head = ["codec", "metric", "monotone", "why empty", "BD-rate %", "Akima %", "BD-quality", "overlap"]
    return ["## Bjøntegaard deltas", "", text, "", *table(head, rows, left=4)] if rows else []


def _why(found: Comparison) -> str:
    """Why a value is missing, or the interval of one that could have one."""
    parts = {"BD-rate": found.bd_rate, "BD-quality": found.bd_quality}
    whys = {name: one.reason for name, one in parts.items() if one.reason and one.reason != NO_REPLICATES}
    if len(whys) == len(parts) and len(set(whys.values())) == 1:
        return str(next(iter(whys.values())))
    return "; ".join(f"{name}: {reason}" for name, reason in whys.items())


def _reasons(verdict: Verdict) -> list[str]:
    """Why a BD-rate of the headline is missing, and who has no place."""
    why: list[str] = []
    for one in verdict.everyone:
        reasons: dict[str, list[str]] = {}
        for metric in RANKED:
            found = one.deltas[metric].bd_rate if metric in one.deltas else NOTHING
            if math.isnan(found.value) and found.reason:
                reasons.setdefault(found.reason, []).append(metric)
        why += [f"- {one.entrant.label}: no BD-rate in {', '.join(m)}: {r}." for r, m in reasons.items()]
    if verdict.anchor is None and not verdict.board.partial:
        why.append(f"- No BD-rates: `{ANCHOR}` has not been measured on this board.")
    why += [f"- {e.label} has no place: {e.barred}." for e in verdict.board.entrants if e.barred and e.plain]
    return [*why, ""] if why else []


def parameters(count: int | None) -> str:
    """A number of parameters in thousands or millions; an en dash for none."""
    if not count:
        return "–"
    return f"{count / 1e6:.2f} M" if count >= 1e6 else f"{count / 1e3:.0f} k"


def middle(values: list[float]) -> float:
    """Median of the known ones; NaN without any."""
    known = sorted(value for value in values if not math.isnan(value))
    half = len(known) // 2
    return math.nan if not known else (known[half] + known[-1 - half]) / 2
