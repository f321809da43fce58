"""``bench compare``: whether the second of two stores, or of two codecs, is better or worse than the first."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bench.report.compare import Row

HEAD = ("board", "codec", "point", "metric", "first", "second", "difference", "interval", "verdict")


@click.command("compare")
@click.argument("first")
@click.argument("second")
@click.option(
    "--store", "stores", multiple=True, type=click.Path(path_type=Path), help="Where two codecs are looked for [runs]."
)
@click.option("--results", is_flag=True, help="Look in the committed store, results/, or there too.")
@click.option("--metric", "metrics", multiple=True, help="Compare this metric, or bpp, only; repeatable [all].")
@click.option(
    "--tolerance", type=click.FloatRange(0.0), default=0.0, show_default=True,
    help="Share of the first value up to which a difference does not count.",
)  # fmt: skip
def command(
    first: str, second: str, stores: tuple[Path, ...], results: bool, metrics: tuple[str, ...], tolerance: float
) -> int:
    """Compare two stores (two folders) or two codecs of one store, the second against the first.

    Differences are paired over the same pictures, with 95 % intervals over scenes. Exit code 0: nothing is worse with
    certainty; 1: something is; 2: bad input.
    """
    from bench.errors import BenchError
    from bench.report.compare import check_metrics, compare_methods, compare_stores

    wanted = check_metrics(metrics)
    absent = [name for name in (first, second) if not Path(name).is_dir()]
    if not absent:
        rows, notes = compare_stores(Path(first), Path(second), wanted, tolerance)
    elif len(absent) == 1 or any("/" in name for name in absent):
        raise BenchError(f"There is no store at {absent[0]}; give two stores, or two codecs and --store.")
    else:
        chosen = [*stores, *([Path("results")] if results else [])] or [Path("runs")]
        rows, notes = compare_methods(chosen, first, second, wanted, tolerance)
    for note in notes:
        click.echo(f"Note: {note}.", err=True)
    for line in lines(rows):
        click.echo(line)
    counts = {word: sum(row.verdict == word for row in rows) for word in ("better", "worse")}
    click.echo(f"{len(rows)} comparisons: {counts['better']} better, {counts['worse']} worse.", err=True)
    return 1 if counts["worse"] else 0


def lines(rows: list[Row]) -> list[str]:
    """A plain table, columns aligned and two spaces apart."""
    cells = [list(HEAD)]
    for row in rows:
        gap = row.difference
        span = f"[{_short(gap.low)}, {_short(gap.high)}]" if gap.has_interval else (gap.reason or "–")
        numbers = [_short(row.first), _short(row.second), _short(gap.value, "+")]
        cells.append([row.board, row.codec, row.what, row.metric, *numbers, span, row.verdict])
    widths = [max(len(row[i]) for row in cells) for i in range(len(HEAD))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _short(value: float, sign: str = "") -> str:
    return "–" if math.isnan(value) else f"{value:{sign}.5g}"
