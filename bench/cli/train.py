"""`bench train`: train one codec, or work down the list of those not trained yet."""

from __future__ import annotations

import time
from pathlib import Path

import click

from bench.errors import BenchError


@click.command("train")
@click.option("--method", help="Method to train, NAME or NAME:VARIANT.")
@click.option("--variant", help="Variant, where the name does not say it.")
@click.option("--preset", type=click.Choice(["small", "paper"]), default="small", show_default=True)
@click.option("--rate", help="Rate point; only for presets with one model a rate point.")
@click.option("--data", help="Training sets, comma-separated, such as synthdrive:train1200,kitti-mini:train.")
@click.option(
    "--val", help="Validation sets, comma-separated, where the recipe needs one  [default: the split val of --data]."
)
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Time budget of this call.")
@click.option("--steps", type=click.IntRange(min=1), help="End after this many steps, in place of the recipe's.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda or auto.")
@click.option("--resume", is_flag=True, help="Go on from the state in --out, else from the shipped weights.")
@click.option("--queue", is_flag=True, help="Train every small preset that is not fully trained yet, in turn.")
@click.option(
    "--publish", is_flag=True, help="Install the weights, finished or not, and write their digest into the recipe."
)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("training"), show_default=True)
def command(
    method: str | None,
    variant: str | None,
    preset: str,
    rate: str | None,
    data: str | None,
    val: str | None,
    minutes: float | None,
    steps: int | None,
    device: str,
    resume: bool,
    queue: bool,
    publish: bool,
    threads: int | None,
    out: Path,
) -> None:
    """Train a learned codec from its recipe; a run that is cut goes on from its last minute with --resume."""
    if queue == bool(method):
        raise BenchError("Name one codec with --method, or say --queue for all that are not trained yet.")
    import torch

    from bench.run.batching import choose_device
    from bench.train import session

    if threads:
        torch.set_num_threads(threads)
    device = choose_device(device)
    targets = session.pending() if queue else [session.find_target(method or "", variant, preset, rate)]
    deadline = time.monotonic() + 60 * minutes if minutes else None
    for target in targets:
        left = deadline - time.monotonic() if deadline else None
        if left is not None and left <= 0:
            break
        folder = out / target.info.name / f"{target.info.variant}-{target.info.preset}-{target.key}"

        def report(row: dict[str, float], label: str = target.label) -> None:
            epoch = f"validation after epoch {row['epoch']:.0f}, " if "epoch" in row else ""
            click.echo(
                f"{label}: {epoch}step {row['step']:.0f}, loss {row['loss']:.4f}, {row['bpp']:.4f} bpp, "
                f"MSE {row['mse']:.5f}, {row['seconds']:.0f} s",
                err=True,
            )

        sets = data or session.DEFAULT_DATA
        done = session.train(target, sets, folder, device, left, resume or queue, report, steps, val)
        place = session.publish(target, folder) if publish or (done and queue) else folder / target.shipped.name
        if done:
            click.echo(f"{target.label}: finished, weights in {place}")
        else:
            click.echo(f"{target.label}: not finished, weights so far in {place}; --resume goes on from {folder}")
