"""``bench precision``: how far the metrics lie from their reference implementations."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("precision")
@click.option("--dataset", default="kitti-mini", show_default=True, help="Where the originals come from.")
@click.option("--pairs", type=click.IntRange(1), default=8, show_default=True, help="Originals, of the smallest ids.")
@click.option("--metrics", help="Metrics, comma-separated [all that have a reference].")
@click.option("--stand-ins/--no-stand-ins", default=True, show_default=True,
              help="Measure metrics whose weights are not here with seeded ones of the right shapes.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("docs/precision.md"),
              show_default=True, help="Page to write.")  # fmt: skip
def command(dataset: str, pairs: int, metrics: str | None, stand_ins: bool, out: Path) -> int:
    """Compare every metric with its reference on the same pictures and weights; exit code 1 if one is too far."""
    import tempfile

    import torch

    from bench.data import open_pairs
    from bench.metrics import METRICS, resolve
    from bench.metrics.precision.inputs import distorted
    from bench.metrics.precision.measure import Row, lacks_weights, measure
    from bench.metrics.precision.page import page
    from bench.metrics.stand_ins import NAMES, in_force, make
    from bench.metrics.weights import lacking
    from bench.store.atomic import write_bytes
    from bench.store.provenance import versions

    def tell(row: Row) -> None:
        click.echo(f"{row.metric} on {row.device}: {row.largest:.1e} from {row.reference}", err=True)

    wanted = resolve([name.strip() for name in metrics.split(",")] if metrics else [])
    held = open_pairs(dataset, None, pairs)
    recon, orig = distorted(held.batch(list(range(len(held))))[0])
    absent = [name for name in wanted if lacks_weights(name)]
    rows = measure([name for name in wanted if name not in absent], recon, orig, "genuine", tell)
    for name in [name for name in absent if not stand_ins or not set(METRICS[name].needs) <= set(NAMES)]:
        absent.remove(name)
        click.echo(f"Left out: {lacking(name, METRICS[name].needs)}", err=True)
    if absent:
        with tempfile.TemporaryDirectory() as folder, in_force(make(Path(folder))):
            rows += measure(absent, recon, orig, "stand-in", tell)
    order = {name: index for index, name in enumerate(wanted)}
    rows.sort(key=lambda row: order[row.metric])
    text = page(rows, dataset, len(held), torch.backends.cpu.get_cpu_capability(), dict(versions()))
    write_bytes(out, text.encode())
    click.echo(str(out))
    return 0 if all(row.within for row in rows if "TF32" not in row.device) else 1
