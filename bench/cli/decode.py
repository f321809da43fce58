"""``bench decode``: one file and its side view into one picture."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import click

from bench.errors import BenchError

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("decode")
@click.argument("file", type=FILE)
@click.option("--side", type=FILE, default=None, help="Side view; codecs that use none go without.")
@click.option("--out", type=FILE, required=True, help="PNG to write.")
@click.option("--method", default=None, help="The codec, where it is not a registered one: package.module:Class.")
@click.option("--weights", type=FILE, default=None, help="Weights file in place of the shipped one.")
@click.option("--device", default="cpu", show_default=True, help="auto, cpu or cuda.")
def command(file: Path, side: Path | None, out: Path, method: str | None, weights: Path | None, device: str) -> None:
    """Decode FILE, as bench encode wrote it, with the help of --side, into the PNG --out."""
    import torch
    from PIL import Image

    from bench.cli.encode import read_file, read_picture, write_file
    from bench.container import unpack
    from bench.errors import BitstreamError
    from bench.loading import codec_info, load_codec
    from bench.protocol import item_seed
    from bench.run.batching import choose_device, make_exact

    if out.suffix.lower() != ".png":
        raise BenchError(f"--out {out}: the picture is written as PNG, so give a name that ends in .png.")
    data = read_file(file)
    try:
        found = unpack(data, codec_info(method) if method is not None else None)
    except BitstreamError as error:
        raise BitstreamError(f"{file}: {error}") from error
    if side is None and found.info.uses_side:
        raise BenchError(f"The decoder of {found.info.full_name} needs the side view; give it with --side.")
    size = (found.height, found.width)
    y = read_picture(side) if side is not None else torch.zeros(1, 3, *size, dtype=torch.uint8)
    if tuple(y.shape[-2:]) != size:
        measured = "x".join(map(str, y.shape[-2:]))
        raise BenchError(f"{side} measures {measured}, but the picture in {file} {found.height}x{found.width}.")
    name = method or found.name
    codec = load_codec(name, found.info.preset, rate=found.rate.name, weights=weights)
    make_exact()
    codec.prepare(choose_device(device))
    # A picture outside a dataset has no item id: its own bytes stand in, so that decoding twice gives one picture.
    noise = [item_seed("file", hashlib.sha256(data).hexdigest(), 0)] if codec.info.stochastic else None
    try:
        x = codec.decode([found.payload], y, noise)
    except BitstreamError as error:
        raise BitstreamError(f"{file}: {error}") from error
    buffer = io.BytesIO()
    Image.fromarray(x[0].permute(1, 2, 0).numpy()).save(buffer, "PNG")
    write_file(out, buffer.getvalue())
    click.echo(f"{out}: {found.height}x{found.width}, decoded by {found.name} at {found.rate.name}")
