"""Read one picture and bring it to the protocol's size, as the published scripts do: PIL, bilinear, 8 bits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from bench import protocol
from bench.data.manifest import Pixels
from bench.errors import BenchError

Fit = Callable[[Image.Image, str], Image.Image]


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
        raise BenchError(
            f"{name} measures {picture.height}x{picture.width}, less than the protocol's crop of "
            f"{height}x{width}; give KITTI's original frames."
        )
    top, left = round((picture.height - height) / 2), round((picture.width - width) / 2)
    return fit_whole(picture.crop((left, top, left + width, top + height)), name)


def fit_whole(picture: Image.Image, name: str) -> Image.Image:
    """Resize the whole frame to 128×256.

    Raises:
        BenchError: The frame is smaller than that.
    """
    if picture.height < protocol.HEIGHT or picture.width < protocol.WIDTH:
        raise BenchError(
            f"{name} measures {picture.height}x{picture.width}, less than {protocol.HEIGHT}x"
            f"{protocol.WIDTH}; give the dataset's original frames."
        )
    return picture.resize((protocol.WIDTH, protocol.HEIGHT), Image.Resampling.BILINEAR)


def fit_prepared(picture: Image.Image, name: str) -> Image.Image:
    """Check that a picture already has the protocol's size.

    Raises:
        BenchError: It has not.
    """
    if (picture.height, picture.width) != (protocol.HEIGHT, protocol.WIDTH):
        raise BenchError(
            f"{name} measures {picture.height}x{picture.width}, not {protocol.HEIGHT}x{protocol.WIDTH}; "
            "give the folder of prepared pictures."
        )
    return picture
