"""``bench score``: score a folder of pictures that any framework wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.errors import BenchError

if TYPE_CHECKING:
    import pandas as pd


@click.command(name="score")
@click.option("--recon", required=True, type=click.Path(path_type=Path), help="Reconstructions, 8-bit RGB PNG.")
@click.option("--ref", required=True, type=click.Path(path_type=Path), help="Originals of the same file names.")
@click.option("--bits", type=click.Path(path_type=Path), help="CSV with columns item,bits; adds bits per pixel.")
@click.option("--metrics", help="Names with commas between; default: all.")
@click.option("--out", type=click.Path(path_type=Path), help="Write one row a picture to this .csv or .parquet.")
@click.option("--device", default="cpu", show_default=True, help="Torch device.")
@click.option("--batch-size", default=16, show_default=True, type=click.IntRange(min=1), help="Pictures in a batch.")
@click.option("--weights-dir", type=click.Path(path_type=Path), help="Folder of weights, searched first.")
@click.option("--segformer", help="Network of miou: a folder, or a name of Hugging Face's hub.")
def command(
    recon: Path,
    ref: Path,
    bits: Path | None,
    metrics: str | None,
    out: Path | None,
    device: str,
    batch_size: int,
    weights_dir: Path | None,
    segformer: str | None,
) -> None:
    """Score reconstructions in a folder against originals of the same names.

    The table on standard output holds means of item metrics and the set metrics, each with the better direction and N;
    metrics that could not be computed follow with the reason.
    """
    from bench.metrics import folders, weights
    from bench.metrics.registry import resolve

    names = resolve([name.strip() for name in metrics.split(",") if name.strip()] if metrics else None)
    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise BenchError(f"--out {out} must end in .csv or .parquet.")
    if weights_dir is not None:
        weights.use_dir(weights_dir)
    if segformer is not None:
        weights.use_segformer(segformer)
    pairs = folders.pair_folders(recon, ref)
    charged = folders.read_bits(bits, [name for name, _, _ in pairs]) if bits is not None else None
    items, values, engine = _score(pairs, names, device, batch_size)
    if charged is not None:
        items = {"bits": charged, "bpp": charged / engine.pixels, **items}
    for line in folders.summary(items, values, engine):
        click.echo(line)
    if out is not None:
        _write(_frame(engine.ids, items), out)
        click.echo(f"Wrote {len(pairs)} rows to {out}.", err=True)


def _score(pairs: list[tuple[str, Path, Path]], names: list[str], device: str, batch_size: int) -> Any:
    from rich.console import Console
    from rich.progress import Progress

    from bench.metrics import folders
    from bench.metrics.engine import Engine

    engine = Engine(names, device, batch_size)
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("scoring", total=len(pairs))
        for start in range(0, len(pairs), batch_size):
            part = pairs[start : start + batch_size]
            first, second = folders.read_batch([p[1] for p in part]), folders.read_batch([p[2] for p in part])
            engine.update(first, second, [pair[0] for pair in part])
            bar.advance(task, len(part))
    return *engine.finish(), engine


def _frame(ids: list[str], items: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"item": ids, **items})


def _write(frame: pd.DataFrame, path: Path) -> None:
    """Write beside the target and rename, so that nothing half-written is left."""
    import os

    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        if path.suffix == ".csv":
            frame.to_csv(part, index=False)
        else:
            frame.to_parquet(part, index=False)
        part.replace(path)
    except OSError as error:
        raise BenchError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)
