"""``bench pack``: what is kept of sweeps, by codec, in little room."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("pack")
@click.argument("stores", nargs=-1, required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True,
              help="Folder of the packs: <dataset>/<codec>/, two parquet files each.")  # fmt: skip
def command(stores: tuple[Path, ...], out: Path) -> None:
    """Bring the units of STORES together, one pack a dataset and codec; `bench report --store` reads packs as well.

    A pack that --out holds already keeps its units; where one was measured again, the newer stays. Files and
    reconstructions (.shards) are not packed.
    """
    from bench.store.pack import pack

    for folder, units in pack(stores, out).items():
        click.echo(f"{folder}: {units} units")
