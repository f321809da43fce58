"""Reading one picture file: the only place that says what an 8-bit RGB picture is."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from bench.errors import BenchError

if TYPE_CHECKING:
    from PIL import Image

_PNG = b"\x89PNG\r\n\x1a\n"


def decode(data: bytes, name: str) -> Image.Image:
    """Decode an 8-bit RGB picture.

    Raises:
        BenchError: It cannot be read, or is greyscale, 16-bit or has an alpha channel; the message names it.
    """
    from PIL import Image, UnidentifiedImageError

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
