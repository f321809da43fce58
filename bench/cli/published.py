"""``bench published``: measure what the conventions of published figures do to a number."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("published")
@click.option("--store", "stores", multiple=True, type=click.Path(path_type=Path), help="Store; repeatable [results].")
@click.option("--method", "methods", multiple=True, default=("balle2018:canonical", "ndic:b18"), show_default=True,
              help="Codec to measure on, as its leaderboard calls it; repeatable.")  # fmt: skip
@click.option("--items", type=click.IntRange(1), default=64, show_default=True, help="Pictures decoded of each board.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("results/published"),
              show_default=True, help="Folder of published points; conventions.json goes there.")  # fmt: skip
def command(stores: tuple[Path, ...], methods: tuple[str, ...], items: int, out: Path) -> None:
    """Measure other conventions on our reconstructions, for published.md; `bench report` writes that page."""
    from bench.report.board import read_boards
    from bench.report.published.measure import measure
    from bench.report.published.table import EFFECTS
    from bench.store import provenance
    from bench.store.atomic import write_json

    chosen = list(stores) or [Path("results")]
    rows = measure(read_boards(chosen), chosen, methods, items)
    made = {
        "created": provenance.utc_now(),
        "commit": provenance.git_state()["sha"], "versions": dict(provenance.versions()),
        "command": " ".join(["bench published", *(f"--method {name}" for name in methods), f"--items {items}"]),
    }  # fmt: skip
    write_json(out / EFFECTS, {"made": made, "rows": rows})
    click.echo(str(out / EFFECTS))
