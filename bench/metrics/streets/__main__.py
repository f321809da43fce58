"""``python -m bench.metrics.streets``: train the network anew, write its weights and say what it reaches."""

from __future__ import annotations

from pathlib import Path

import click

from bench.data.synthdrive import CLASSES
from bench.metrics.segmentation import ious, mean_iou
from bench.metrics.streets.train import accuracy, save, train


@click.command()
@click.option("--data", default="synthdrive:train1200", show_default=True, help="Training pairs with labels.")
@click.option("--held-out", default="synthdrive:val", show_default=True, help="Pairs to measure on.")
@click.option("--steps", default=2200, show_default=True, type=click.IntRange(1), help="Batches.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File to write.")
def main(data: str, held_out: str, steps: int, out: Path) -> None:
    """Train on the renderer's labels with one thread."""
    import torch

    torch.set_num_threads(1)
    network = train(data, steps, lambda line: click.echo(line, err=True))
    save(network, out)
    counts = accuracy(network, held_out)
    for name, value in zip(CLASSES, ious(counts), strict=True):
        click.echo(f"{name:12} {value:.3f}")
    click.echo(f"{'mIoU':12} {mean_iou(counts):.4f}")
    click.echo(f"{'pixels right':12} {counts.trace() / counts.sum():.4f}")


if __name__ == "__main__":
    main()
