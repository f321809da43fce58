"""``bench report``: leaderboards and plots from stored results."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report")
@click.option(
    "--store", "stores", multiple=True, type=click.Path(path_type=Path), help="Store to read; repeatable [runs]."
)
@click.option(
    "--results", is_flag=True, help="Read the committed store, results/, in place of runs/ or beside --store."
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("reports"), show_default=True)
def command(stores: tuple[Path, ...], results: bool, out: Path) -> None:
    """Write leaderboard.md and rate-distortion plots, one folder a dataset, from stored results."""
    from bench.report.write import write_report

    chosen = [*stores, *([Path("results")] if results else [])] or [Path("runs")]
    for path in write_report(chosen, out):
        click.echo(str(path))
