"""``published.md``: which conventions differ in each source, and what each does to a number as measured here."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.report.cells import number, table
from bench.report.published.table import EFFECTS, POINTS, SOURCES, PublishedPoint, read_points

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

WORDS = {
    "lpips-range": "LPIPS of pictures in [0, 1] where [−1, 1] is meant (measured with SqueezeNet's backbone)",
    "psnr-pooled": "dB of the mean error in place of the mean of dB",
    "psnr-unclamped": "PSNR of float reconstructions, neither clamped nor rounded",
    "psnr-unrounded": "PSNR of float reconstructions, clamped but not rounded",
    "psnr-truncated": "pixels truncated to bytes in place of rounded",
    "bits-estimated": "likelihoods in place of the file's bits",
    "bits-nats": "natural logarithms summed and called bits",
    "subset": "79 pairs drawn in place of the whole set: half of the 95 % interval of the mean PSNR",
}


def published_page(folder: Path) -> str:
    """The page.

    Args:
        folder: ``results/published``: points, sources, and the measured effects where they were measured.
    """
    points = read_points(folder / POINTS)
    sources: dict[str, Any] = tomllib.loads((folder / SOURCES).read_text(encoding="utf-8"))
    path = folder / EFFECTS
    effects: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    rows: list[dict[str, Any]] = effects.get("rows", [])
    lines = [
        "# Published points", "",
        "Figures of papers, read from their repositories and plots, and never ranked: the scripts behind them disagree "
        "with each other and with this protocol by more than the gains they claim. Compare within one source only. The "
        f"table is `results/published/{POINTS}` ({len(points)} points); "
        "the plots `published.svg` of the boards show them hollow.", "",
        "## What each convention does", "", *_effects(rows, effects), "## The sources", "",
    ]  # fmt: skip
    for name, source in sources.items():
        lines += [f"### {source['title']}", "", *_source(name, source, points, rows)]
    return "\n".join(lines).rstrip() + "\n"


def _effects(rows: Sequence[dict[str, Any]], effects: dict[str, Any]) -> list[str]:
    if not rows:
        return ["Not measured yet: `bench published` does it.", ""]
    made = effects.get("made", {})
    text = (
        "The other convention's figure against ours on the same reconstructions, each codec at its rate point nearest "
        f"to 0.1 bpp. Measured by `{made.get('command', 'bench published')}` on {made.get('created', '')[:10]}, commit "
        f"{str(made.get('commit', ''))[:12]}."
    )
    ordered = sorted(rows, key=lambda row: (list(WORDS).index(row["effect"]), row["dataset"], row["codec"]))
    body = [
        [WORDS[row["effect"]], row["dataset"], f"{row['codec']} {row['rate']}", str(row["n"]), number(row["ours"]),
         number(row["other"]), change(row)]
        for row in ordered
    ]  # fmt: skip
    return [text, "", *table(["convention", "dataset", "codec", "N", "ours", "other", "change"], body, left=3)]


def change(row: dict[str, Any]) -> str:
    """A change with its sign: dB, or percent."""
    value, digits, unit = (row["change"], 3, "dB") if row["kind"] == "dB" else (100 * row["change"], 1, "%")
    sign = "±" if row["effect"] == "subset" else "+" if value > 0 else ""
    return f"{sign}{number(value, digits)} {unit}"


def span(rows: Sequence[dict[str, Any]]) -> str:
    """From the smallest to the largest change of one effect."""
    ordered = sorted(rows, key=lambda row: float(row["change"]))
    first, last = change(ordered[0]), change(ordered[-1])
    return first if first == last else f"{first} to {last}"


def _source(
    name: str, source: dict[str, Any], points: Sequence[PublishedPoint], rows: Sequence[dict[str, Any]]
) -> list[str]:
    own = [point for point in points if point.source == name]
    lines = [f"`{source['where']}`. {source['read']}"]
    if own:
        counts = ", ".join(f"{metric} {count}" for metric, count in sorted(Counter(p.metric for p in own).items()))
        lines.append(f"Points: {counts}. Methods: {', '.join(sorted({p.method for p in own}))}.")
    lines.append("")
    for effect, text in source["differs"]:
        found = [row for row in rows if row["effect"] == effect]
        lines.append(f"- {text}" + (f" Measured here: {span(found)}." if found else ""))
    return [*lines, ""]
