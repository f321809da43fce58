"""``bench encode``: one picture into one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.errors import BenchError

if TYPE_CHECKING:
    from torch import Tensor

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("encode")
@click.argument("picture", type=FILE)
@click.option("--method", required=True, help="NAME[:VARIANT] or package.module:Class.")
@click.option("--rate", default=None, help="r1 … rk; may be left out where there is only one.")
@click.option("--preset", default="small", show_default=True)
@click.option("--out", type=FILE, required=True, help="File to write.")
@click.option("--side", type=FILE, default=None, help="Side view, only for a codec whose encoder sees it.")
@click.option("--weights", type=FILE, default=None, help="Weights file in place of the shipped one.")
@click.option("--device", default="cpu", show_default=True, help="auto, cpu or cuda.")
def command(
    picture: Path,
    method: str,
    rate: str | None,
    preset: str,
    out: Path,
    side: Path | None,
    weights: Path | None,
    device: str,
) -> None:
    """Compress PICTURE, an 8-bit RGB file, into --out."""
    from bench.container import pack
    from bench.loading import codec_info, load_codec
    from bench.run.batching import choose_device, make_exact

    info = codec_info(method, preset)
    if info.encoder_sees_y and side is None:
        raise BenchError(f"The encoder of {info.full_name} needs the side view; give it with --side.")
    if side is not None and not info.encoder_sees_y:
        raise BenchError(f"The encoder of {info.full_name} must not see the side view; leave --side to bench decode.")
    codec = load_codec(method, preset, rate=rate, weights=weights)
    x = read_picture(picture)
    y = read_picture(side) if side is not None else None
    height, width = x.shape[-2:]
    if y is not None and y.shape != x.shape:
        raise BenchError(f"{side} measures {y.shape[2]}x{y.shape[3]}, but {picture} {height}x{width}; both must agree.")
    if info.sizes is not None and info.sizes != (height, width):
        wanted = "x".join(map(str, info.sizes))
        raise BenchError(f"{info.full_name} takes pictures of {wanted} only, and {picture} measures {height}x{width}.")
    if min(height, width) < 16:
        raise BenchError(f"{picture} measures {height}x{width}; codecs take pictures of 16x16 and more.")
    make_exact()
    payload = codec.prepare(choose_device(device)).encode(x, y)[0]
    data = pack(codec.info, codec.rate, payload, height, width)
    write_file(out, data)
    pixels = height * width
    click.echo(
        f"{out}: {len(data)} bytes, {8 * len(data) / pixels:.4f} bpp ({payload.bits / pixels:.4f} without header)"
    )


def read_picture(path: Path) -> Tensor:
    """Read one 8-bit RGB picture as uint8 ``(1, 3, H, W)``.

    Raises:
        BenchError: The file is missing, unreadable, greyscale or 16-bit.
    """
    import torch

    from bench.data.picture import pixels
    from bench.picture import decode

    return torch.from_numpy(pixels(decode(read_file(path), str(path))))[None]


def read_file(path: Path) -> bytes:
    """Read a file whole.

    Raises:
        BenchError: It is missing or cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BenchError(f"{path} cannot be read ({error.strerror}); give a file that exists.") from error


def write_file(path: Path, data: bytes) -> None:
    """Write ``data`` whole or not at all.

    Raises:
        BenchError: The folder is missing or the file cannot be written.
    """
    from bench.store.atomic import write_bytes

    if not path.parent.is_dir():
        raise BenchError(f"The folder {path.parent} does not exist; make it, or choose another --out.")
    write_bytes(path, data)
