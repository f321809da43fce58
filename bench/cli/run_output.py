"""What `bench run` says on stdout: the plan, one line a unit, and what is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bench.run.execute import Outcome
    from bench.run.plan import Plan

COLUMNS = ("psnr", "ms_ssim_db", "lpips_squeeze")
FOLDED = ("skipped", "no-data", "not-installed")
"""Statuses that many units share for one reason; they take one line together."""


def show_plan(plan: Plan) -> None:
    """Say what is to do and where."""
    counts = plan.counts()
    pairs = plan.pairs
    where = f"{pairs.dataset}:{pairs.subset}, {len(pairs)} pairs" if pairs is not None else plan.request.dataset
    if pairs is not None and pairs.partial:
        where += " (partial: not ranked)"
    other = sum(counts.values()) - sum(counts[state] for state in ("cached", "score", "code"))
    parts = [f"{len(plan.units)} units", f"{counts['cached']} cached", f"{counts['code'] + counts['score']} to do"]
    parts += [f"{counts['score']} of them only to score"] if counts["score"] else []
    parts += [f"{other} not possible here"] if other else []
    click.echo(f"Plan: {where}: {', '.join(parts)}. Store: {plan.request.out}")


def show_table(outcomes: list[Outcome]) -> None:
    """One line a unit: status, rate, a few metrics, or the reason."""
    if not outcomes:
        return
    width = max((len(outcome.unit.label) for outcome in outcomes if outcome.status not in FOLDED), default=4)
    click.echo(f"{'unit':<{width}}  {'status':<13} {'bpp':>7}" + "".join(f" {name:>13}" for name in COLUMNS))
    number: Callable[[Any], str] = lambda value: "–" if value is None else f"{value:.4f}"  # noqa: E731
    folded: dict[tuple[str, str], int] = {}
    for outcome in outcomes:
        head = f"{outcome.unit.label:<{width}}  {outcome.status:<13}"
        if outcome.status in ("ok", "cached"):
            cells = "".join(f" {number(outcome.summary.get(name)):>13}" for name in COLUMNS)
            click.echo(f"{head} {number(outcome.summary.get('bpp')):>7}{cells}")
        elif outcome.status in FOLDED:
            folded[outcome.status, outcome.reason] = folded.get((outcome.status, outcome.reason), 0) + 1
        else:
            click.echo(f"{head} {outcome.reason}")
    for (status, reason), count in folded.items():
        click.echo(f"{count} units {status}: {reason}")
    for (name, status, reason), labels in sorted(_odd_metrics(outcomes).items()):
        where = labels[0] + (f" and {len(labels) - 1} more" if len(labels) > 1 else "")
        click.echo(f"metric {name}: {status} in {where}: {reason}")


def _odd_metrics(outcomes: list[Outcome]) -> dict[tuple[str, str, str], list[str]]:
    """Metrics without a value for another reason than missing weights, with the units they lack it in."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for outcome in outcomes:
        for name, entry in outcome.metrics.items():
            if entry["status"] not in ("ok", "no-weights"):
                found.setdefault((name, entry["status"], entry.get("reason", "")), []).append(outcome.unit.label)
    return found


def show_missing(plan: Plan) -> None:
    """The closing line: what `bench fetch` would get, with sizes."""
    from bench.metrics import weights
    from bench.run.done import missing_weights

    labelled = bool(getattr(plan.pairs, "labelled", False))
    needed = dict.fromkeys(need for name in plan.metrics for need in missing_weights(name, labelled))
    if needed:
        sizes = ", ".join(f"{name} {weights.megabytes(weights.get(name).size)}" for name in needed)
        click.echo(
            f"Without weights: {sizes}. `{weights.fetching(list(needed))}` gets them; run the same command again then."
        )
