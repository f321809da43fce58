"""``bench list``: what there is, without importing a single network."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import click

from bench.codec import CodecInfo, Method
from bench.errors import BenchError


@click.command("list")
@click.option("--methods", "what", flag_value="methods", help="Codecs and controls.")
@click.option("--metrics", "what", flag_value="metrics", help="Metrics, with their library and its licence.")
@click.option("--datasets", "what", flag_value="datasets", help="Datasets.")
def command(what: str | None) -> None:
    """List methods, metrics and datasets."""
    shown = {"methods": _methods, "metrics": _metrics, "datasets": _datasets}
    for name in [what] if what else shown:
        shown[name]()


def _table(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    click.echo(f"{title}\n")
    for row in [head, *rows]:
        click.echo("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    click.echo("")


def _methods() -> None:
    from bench.registry import methods

    rows: list[tuple[str, ...]] = []
    for name in methods:
        try:
            method = methods.get(name)
            for variant in method.variants:
                full = name if variant == method.default_variant else f"{name}:{variant}"
                presets = method.presets_of(variant)
                info = method.describe(variant, presets[0])
                points = f"{info.rates[0].name}…{info.rates[-1].name}" if len(info.rates) > 1 else "one"
                marks = [
                    *(["side view"] if info.uses_side else []),
                    *(["encoder sees y"] if info.encoder_sees_y else []),
                    *(["draws noise"] if info.stochastic else []),
                    *([f"needs {r}" for r in info.requires if find_spec(r) is None]),
                    *_training(method, variant, info),
                ]
                rows.append((full, ", ".join(presets), points, info.title or method.title, ", ".join(marks)))
        except BenchError as error:
            rows.append((name, "", "", f"not available: {error}", ""))
    _table("Methods (--method)", ("name", "presets", "rates", "title", "notes"), rows)


def _training(method: Method, variant: str, info: CodecInfo) -> list[str]:
    """A note on small weights that are absent, or whose training is not finished."""
    from bench import recipe

    if method.recipe is None or info.preset != "small":
        return []
    if info.untrained:
        return ["no weights yet"]
    left = recipe.unfinished(method.recipe, variant, "small")
    return [f"trained for {left[0]:,} of {left[1]:,} steps"] if left else []


def _metrics() -> None:
    from bench.metrics import weights
    from bench.metrics.registry import METRICS

    arrow = {True: "higher", False: "lower", None: "–"}
    rows = []
    for spec in METRICS.values():
        missing = [need for need in spec.needs if weights.find(need, verify=False) is None]
        state = f"needs {', '.join(missing)}" if missing else "ready"
        rows.append((spec.name, arrow[spec.higher_is_better], spec.kind, spec.title, spec.library, spec.licence, state))
    _table("Metrics (--metrics)", ("name", "better", "kind", "title", "library", "licence", "weights"), rows)
    if any("Noncommercial" in spec.licence for spec in METRICS.values()):
        click.echo("  pyiqa is under the PolyForm Noncommercial licence: its metrics are for non-commercial use.\n")


def _datasets() -> None:
    from bench.data import available

    rows = [(f"{dataset}:{subset}", status) for dataset, subset, status in available()]
    _table("Datasets (--dataset)", ("name", "status"), [*rows, ("folder:LEFT:RIGHT", "pairs of your own")])
