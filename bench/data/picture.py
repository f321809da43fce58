"""Read one picture and bring it to the protocol's size, as the published scripts do: PIL, bilinear, 8 bits."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, UnidentifiedImageError

from bench import protocol
from bench.data.manifest import Pixels
from bench.errors import BenchError

Fit = Callable[[Image.Image, str], Image.Image]
_PNG = b"\x89PNG\r\n\x1a\n"


def decode(data: bytes, name: str) -> Image.Image:
    """Decode an 8-bit RGB picture.

    Raises:
        BenchError: It cannot be read, or is greyscale, 16-bit or has an alpha channel; the message names it.
    """
    if data[:8] == _PNG and len(data) > 24 and data[24] == 16:
        raise BenchError(f"{name} has 16 bits a channel; convert it to 8-bit RGB.")
    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BenchError(f"{name} cannot be read as a picture ({error}); replace it by an intact file.") from error
    if picture.mode.startswith(("I", "F")):
        raise BenchError(f"{name} has more than 8 bits a channel; convert it to 8-bit RGB.")
    if picture.mode in ("1", "L", "LA"):
        raise BenchError(f"{name} is greyscale; the suite measures colour pictures, so give the colour camera's files.")
    if picture.mode != "RGB":
        raise BenchError(f"{name} has the mode {picture.mode}; convert it to 8-bit RGB.")
    return picture


def pixels(picture: Image.Image) -> Pixels:
    """Return a picture as uint8 (3, H, W)."""
    return np.ascontiguousarray(np.asarray(picture, dtype=np.uint8).transpose(2, 0, 1))


def fit_kitti(picture: Image.Image, name: str) -> Image.Image:
    """Cut the centre 370×740 with torchvision's rounding (half to even) and resize it to 128×256.

    Raises:
        BenchError: The frame is smaller than the crop.
    """
    height, width = protocol.KITTI_CROP
    if picture.height < height or picture.width < width:
        raise BenchError(f"{name} measures {picture.height}x{picture.width}, less than the protocol's crop of "
                         f"{height}x{width}; give KITTI's original frames.")
    top, left = round((picture.height - height) / 2), round((picture.width - width) / 2)
    return fit_whole(picture.crop((left, top, left + width, top + height)), name)


def fit_whole(picture: Image.Image, name: str) -> Image.Image:
    """Resize the whole frame to 128×256.

    Raises:
        BenchError: The frame is smaller than that.
    """
    if picture.height < protocol.HEIGHT or picture.width < protocol.WIDTH:
        raise BenchError(f"{name} measures {picture.height}x{picture.width}, less than {protocol.HEIGHT}x"
                         f"{protocol.WIDTH}; give the dataset's original frames.")
    return picture.resize((protocol.WIDTH, protocol.HEIGHT), Image.Resampling.BILINEAR)


def fit_prepared(picture: Image.Image, name: str) -> Image.Image:
    """Check that a picture already has the protocol's size.

    Raises:
        BenchError: It has not.
    """
    if (picture.height, picture.width) != (protocol.HEIGHT, protocol.WIDTH):
        raise BenchError(f"{name} measures {picture.height}x{picture.width}, not {protocol.HEIGHT}x{protocol.WIDTH}; "
                         "give the folder of prepared pictures.")
    return picture
