"""``bench import``: an official checkpoint becomes a weights file of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, cast

import click

from bench.codec import CodecInfo, RatePoint
from bench.errors import BenchError

FILE = click.Path(path_type=Path)


class Importer(Protocol):
    """What a codec class with ``reads_official`` offers."""

    def imported(self, info: CodecInfo, rate: RatePoint, source: str | Path) -> tuple[bytes, list[str]]:
        """Return a weights file's contents, and what the user should know."""


@click.command("import")
@click.argument("method")
@click.argument("file", type=FILE)
@click.option("--variant", help="Variant, where the name does not say it.")
@click.option("--rate", help="Rate point that the weights shall serve, r1 … rk.")
@click.option("--out", type=FILE, help="File to write; default: where the codec looks for it in the user's cache.")
def command(method: str, file: Path, variant: str | None, rate: str | None, out: Path | None) -> None:
    """Turn FILE, an official checkpoint of METHOD, into a weights file of the preset 'paper' with coding tables.

    Nothing in FILE is run; a file that does not fit METHOD key by key is refused. Then `bench run --method METHOD
    --preset paper` and `bench encode` find the weights.
    """
    from bench.cli.encode import write_file
    from bench.loading import codec_info, find_method
    from bench.recipe import own_folder, weights_name
    from bench.registry import import_target
    from bench.store.atomic import write_bytes

    found, named = find_method(method)
    target = import_target(found.target)
    if not getattr(target, "reads_official", False):
        raise BenchError(f"{found.name} has no map for official checkpoints; `bench list` shows what it has.")
    info = codec_info(method, "paper", variant or named)
    point = info.rate(rate)
    own = own_folder() / info.name / weights_name(info.variant, info.preset, point.name)
    if out is None:
        taken = next((path for path in (own, point.weights) if path is not None and path.is_file()), None)
        if taken is not None:
            raise BenchError(
                f"{point.name} of {info.full_name} has weights in {taken}; remove them, or choose an --out."
            )
    elif out.is_dir() or not out.parent.is_dir():
        raise BenchError(f"{out} is no file in a folder that exists; choose another --out.")
    data, notes = cast(Importer, target).imported(info, point, file)
    if out is None:
        write_bytes(own, data)
    else:
        write_file(out, data)
    for note in notes:
        click.echo(f"Note: {note}", err=True)
    weights = f" --weights {out}" if out is not None else ""
    click.echo(f"{out or own}: {info.full_name} {point.name}, {len(data) / 1e6:.1f} MB with coding tables.")
    click.echo(
        f"Next: bench run --method {info.full_name} --preset paper --rates {point.name}{weights}, "
        f"or bench encode PICTURE with the same method, preset and --rate."
    )
