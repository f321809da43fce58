"""Time against quality: what a codec reaches at one rate, over its milliseconds a picture."""

from __future__ import annotations

import math
from pathlib import Path

from bench.metrics.registry import METRICS
from bench.report.colours import MARKERS
from bench.report.leaders import middle
from bench.report.plots.canvas import Label, beside_marks, figure, log_axis, look, metric_title, save
from bench.report.plots.controls import two_metrics
from bench.report.verdict import Verdict

RATE = 0.1
"""Bits per pixel that quality is read at."""


def draw_timing(verdict: Verdict, stem: Path) -> list[Path]:
    """One panel for encoding and one for decoding a metric; a hollow mark is the value of a curve that ends below RATE.

    Returns:
        The files written; none where no codec has times and a value there.
    """
    board, metrics = verdict.board, [m for m in two_metrics(verdict.board) if m in verdict.metrics]
    sides = (("encode_ms", "milliseconds to encode a picture"), ("decode_ms", "milliseconds to decode a picture"))
    able = [one for one in verdict.everyone if any(not math.isnan(one.at[m, RATE].value) for m in metrics)]
    if not able:
        return []
    with figure(2, len(metrics), 5.6, 3.3) as (made, panels):
        for row, metric in enumerate(metrics):
            for column, (name, words) in enumerate(sides):
                axes, labels = panels[2 * row + column], list[Label]()
                for one in able:
                    value = one.at[metric, RATE].value * METRICS[metric].scale
                    time = middle([getattr(point, name) for point in one.entrant.plain])
                    if math.isnan(value) or math.isnan(time) or time <= 0:
                        continue
                    style = look(one.entrant)
                    axes.plot(
                        [time],
                        [value],
                        color=style.hex,
                        marker=MARKERS[style.marker],
                        linestyle="none",
                        markersize=7,
                        fillstyle="none" if RATE in one.ends else "full",
                    )
                    labels.append((time, value, one.entrant.label, style.hex))
                axes.set_xlabel(words)
                axes.set_ylabel(metric_title(metric) if column == 0 else "")
                log_axis(axes)
                axes.margins(x=0.3, y=0.12)
                beside_marks(axes, labels)
        return save(made, board, f"Time and quality at {RATE:g} bits per pixel (hollow: the curve ends below)", stem)
