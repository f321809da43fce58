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
@click.option("--photographs", is_flag=True, help="Put photographs into report.html, too; --out must not be committed.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where --out is not what the stores give.")
def command(stores: tuple[Path, ...], results: bool, out: Path, photographs: bool, check: bool) -> int:
    """Write leaderboards, plots and report.html from stored results.

    Edited rows, missing rate points and rows that cannot be checked are named on stderr. Exit code 1: --check found the
    report stale.
    """
    from bench.report.board import read_boards
    from bench.report.write import find_stale, warnings, write_boards

    chosen = [*stores, *([Path("results")] if results else [])] or [Path("runs")]
    boards = read_boards(chosen)
    written = [] if check else write_boards(boards, chosen, out, photographs)
    stale = find_stale(boards, chosen, out, photographs) if check else []
    for text in warnings(boards):
        click.echo(f"Warning: {text}.", err=True)
    for path in written:
        click.echo(str(path))
    if not check:
        return 0
    for text in stale:
        click.echo(f"{text}.")
    if stale:
        again = " ".join([*(f"--store {store}" for store in stores), *(["--results"] if results else [])])
        click.echo(f"The report is stale; `{f'bench report {again}'.strip()} --out {out}` writes it anew.", err=True)
        return 1
    click.echo(f"{out} is what the stores give.")
    return 0
