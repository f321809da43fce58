"""``bench show``: one item as every codec decodes it, on one sheet."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("show")
@click.argument("item")
@click.option("--store", "stores", multiple=True, type=click.Path(path_type=Path), help="Store; repeatable [runs].")
@click.option(
    "--results", is_flag=True, help="Read the committed store, results/, in place of runs/ or beside --store."
)
@click.option("--dataset", help="Dataset, where two hold an item of this name.")
@click.option("--bpp", type=click.FloatRange(min=0, min_open=True), default=0.1, show_default=True,
              help="Each codec is shown at its rate point nearest to this many bits per pixel.")  # fmt: skip
@click.option("--method", "methods", multiple=True, help="Codec, as its leaderboard calls it; repeatable [all].")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="PNG file [ITEM.png].")
def command(
    item: str, stores: tuple[Path, ...], results: bool, dataset: str | None, bpp: float, methods: tuple[str, ...],
    out: Path | None,
) -> None:  # fmt: skip
    """Draw ITEM: original, side view, each codec's reconstruction with its difference map and numbers, as PNG.

    Reconstructions come from the store's shards, or are decoded anew.
    """
    from bench.report.board import read_boards
    from bench.report.sheet import draw_sheet, find_board, make_cells

    chosen = [*stores, *([Path("results")] if results else [])] or [Path("runs")]
    board = find_board(read_boards(chosen), chosen, item, dataset)
    cells, missing = make_cells(board, chosen, item, bpp, methods)
    for text in missing:
        click.echo(f"Not shown: {text}", err=True)
    path = out or Path(f"{item}.png")
    draw_sheet(cells, path)
    click.echo(str(path))
