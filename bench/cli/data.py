"""``bench data``: prepare, verify and list datasets."""

from __future__ import annotations

from pathlib import Path

import click

from bench.data.names import Name

_FROM = "Folder or zip file that holds the original files; may be given several times."


@click.group(name="data", help="Prepare, verify and list datasets.")
def command() -> None:
    """Group of the data commands."""


@command.command(help="Prepare DATASET (synthdrive, kitti-mini, kitti, cityscapes, folder:LEFT:RIGHT), all or nothing.")
@click.argument("dataset")
@click.option("--from", "places", multiple=True, type=click.Path(path_type=Path), help=_FROM)
@click.option("--split", help="Only this split or subset; all splits by default.")
@click.option("--force", is_flag=True, help="Prepare again what is there already.")
def prepare(dataset: str, places: tuple[Path, ...], split: str | None, force: bool) -> None:
    """Prepare one dataset's splits."""
    from bench.data import catalog, manifest

    for name in _names(dataset, split):
        target = catalog.place(name)
        if name.subset == "check8":
            click.echo(f"{name.full}: committed with the project, nothing to do")
            continue
        if (target / manifest.FILE).is_file() and not force and name.dataset != "folder":
            told = manifest.read(target)
            click.echo(f"{name.full}: already at {target} (--force prepares it again)")
        else:
            told = catalog.make(name, places)
            click.echo(f"{name.slug}:{name.subset}: {len(told.items)} pairs at {target}")
        click.echo(f"  manifest {told.digest()[:16]}")


@command.command(help="Hash the prepared pixels of DATASET again and compare; exit code 1 where they differ.")
@click.argument("dataset")
@click.option("--split", help="Only this split or subset; all that is prepared by default.")
def verify(dataset: str, split: str | None) -> None:
    """Verify what is prepared."""
    from bench.data import catalog, manifest
    from bench.errors import MissingData

    names = [n for n in _names(dataset, split) if n.subset == "check8" or (catalog.place(n) / manifest.FILE).is_file()]
    if not names:
        raise MissingData(
            f"Nothing of {dataset} is prepared on this machine; run `{catalog.command(_names(dataset, split)[0])}`."
        )
    bad = 0
    for name in names:
        lines = catalog.check(name)
        bad += len(lines)
        click.echo(f"{name.full}: {'ok' if not lines else f'{len(lines)} differences'}")
        for line in lines[:20]:
            click.echo(f"  {line}")
    if bad:
        raise SystemExit(1)


@command.command(name="list", help="List datasets, their splits, and what this machine has.")
def list_() -> None:
    """List datasets."""
    from bench.data import catalog
    from bench.data.names import parse

    for dataset, subset, status in catalog.available():
        name = parse(dataset, subset)
        pairs = catalog.EXPECTED[dataset, subset]
        told = str(catalog.place(name)) if status == "ok" else catalog.command(name)
        if subset == "check8":
            told = "committed with the project"
        click.echo(f"{dataset + ':' + subset:20s} {pairs:5d} pairs  {status:12s}  {told}")
    click.echo("folder:LEFT:RIGHT    any rectified pairs of equal size, prepared when they are first opened")


def _names(dataset: str, split: str | None) -> list[Name]:
    from bench.data.names import SPLITS, parse

    if split or ":" in dataset or dataset not in SPLITS:
        return [parse(dataset, split)]
    return [parse(dataset, s) for s in SPLITS[dataset]]
