"""``bench fetch``: get the metrics' weights, or say which are here."""

from __future__ import annotations

from pathlib import Path

import click

from bench.errors import BenchError


@click.command(name="fetch")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="Fetch all weights.")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to; default: the user's cache, which BENCH_CACHE_DIR moves.",
)
@click.option("--segformer", help="Fetch this SegFormer of the hub, owner/name, in place of the default.")
def command(names: tuple[str, ...], everything: bool, folder: Path | None, segformer: str | None) -> None:
    """Download weights of metrics from their official addresses and check their sha256.

    Without a NAME, list them: size, where they lie, licence. BENCH_OFFLINE=1 forbids downloads.
    """
    from bench.metrics import weights

    if segformer is not None:
        weights.use_segformer(segformer)
    if not names and not everything:
        for entry in map(weights.get, weights.table()):
            place = weights.find(entry.name, verify=False)
            click.echo(f"{entry.name:14} {weights.megabytes(entry.size):>8}  {place or 'missing'}  [{entry.licence}]")
        return
    if names and everything:
        raise BenchError("Name the weights to fetch or give --all, not both.")
    for name in names:
        weights.get(name)
    failed: list[str] = []
    for name in names or tuple(weights.table()):
        try:
            click.echo(f"{name}: {_fetch(name, folder)}")
        except BenchError as error:
            if not everything:
                raise
            failed.append(str(error))
    if failed:  # --all goes on past an address that is down, and then says so
        raise BenchError(" ".join(failed))


def _fetch(name: str, folder: Path | None) -> Path:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from bench.metrics import download, weights

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=weights.get(name).size)
        return download.fetch(name, folder, lambda count: bar.advance(task, count))
