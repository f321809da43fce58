"""What the picture coders share: pixels through Pillow, and files stripped of what the decoder knows already."""

from __future__ import annotations

import io
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bench.codec import Codec, Payload
from bench.errors import BitstreamError, NotInstalled, NotPrepared

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor


class ClassicalCodec(Codec):
    """A coder with a file format of its own.

    At 128×256 a format's constant part (boxes, headers, standard tables) weighs as much as the picture. The section
    therefore holds coded data only; the decoder rebuilds the file around it from the rate point's setting and the
    picture's size, byte for byte. Constants that the library fixes are taken from a *template*: the file that it writes
    for a grey picture of that size and setting. A file that does not fit its template is sent whole, and charged whole.
    Both ends thus need the same library version, as ``encoder_version`` says.
    """

    format = ""
    """Pillow's name of the format."""

    magic = b""
    """How a whole file starts, from ``magic_at`` on; no stripped data may start so."""

    magic_at = 0

    _templates: dict[tuple[int, int], bytes]
    """Template of each size met so far; there from ``prepare`` on."""

    @abstractmethod
    def save_options(self, height: int, width: int) -> dict[str, Any]:
        """Arguments of Pillow's ``save`` at this rate point."""

    @abstractmethod
    def strip(self, native: bytes, template: bytes) -> bytes:
        """Coded data of a file; may raise ``ValueError`` where the file is laid out otherwise than expected."""

    @abstractmethod
    def restore(self, coded: bytes, template: bytes, height: int, width: int) -> bytes:
        """The file whose coded data are ``coded``; may raise ``ValueError`` on damage."""

    def prepare(self, device: str = "cpu") -> Codec:
        """Load the format's plug-in. These coders run on the CPU whatever the device.

        Raises:
            NotInstalled: Pillow was built without the format.
        """
        from PIL import Image as pillow

        self._register()
        pillow.init()
        if self.format not in pillow.SAVE or self.format not in pillow.OPEN:
            raise NotInstalled(f"This Pillow was built without {self.format}; install the wheel from PyPI.")
        self._templates = {}
        return self

    def _register(self) -> None:
        """Announce a format that Pillow does not bring itself."""

    def encode(self, x: Tensor, y: Tensor | None = None) -> list[Payload]:
        """Compress a batch; see ``Codec.encode``. ``native_bytes`` is the length of the format's own file."""
        self._need_ready()
        return [self._encode_one(picture) for picture in x.permute(0, 2, 3, 1).contiguous().numpy()]

    def _encode_one(self, pixels: np.ndarray[Any, Any]) -> Payload:
        from PIL import Image as pillow

        height, width = pixels.shape[:2]
        native = self._save(pillow.fromarray(pixels))
        try:
            coded = self.strip(native, self._template(height, width))
            if self._file(coded, height, width) != native:
                coded = native
        except ValueError:
            coded = native
        return Payload({"coded": coded}, native_bytes=len(native))

    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        """Reconstruct a batch; of ``y`` only height and width are used. See ``Codec.decode``."""
        self._need_ready()
        height, width = y.shape[-2:]
        pictures = [self._decode_one(payload.sections["coded"], height, width) for payload in payloads]
        return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()

    def _decode_one(self, coded: bytes, height: int, width: int) -> np.ndarray[Any, Any]:
        from PIL import Image as pillow

        try:
            with pillow.open(io.BytesIO(self._file(coded, height, width)), formats=[self.format]) as picture:
                if picture.size != (width, height):
                    raise ValueError("size")
                return np.array(picture.convert("RGB"))
        # The libraries behind Pillow answer damage with errors of every kind.
        except Exception as error:
            raise BitstreamError(f"The {self.info.title} data are damaged: {str(error) or 'no picture'}.") from error

    def _need_ready(self) -> None:
        if not hasattr(self, "_templates"):
            raise NotPrepared(self.info.full_name)

    def encoder_version(self) -> str:
        """Pillow's version and that of the library behind it."""
        import PIL

        return f"{self._library()}, Pillow {PIL.__version__}"

    @abstractmethod
    def _library(self) -> str:
        """Name and version of the coder's library."""

    def _save(self, picture: Image) -> bytes:
        buffer = io.BytesIO()
        picture.save(buffer, self.format, **self.save_options(picture.height, picture.width))
        return buffer.getvalue()

    def _file(self, coded: bytes, height: int, width: int) -> bytes:
        if coded[self.magic_at : self.magic_at + len(self.magic)] == self.magic:
            return coded
        return self.restore(coded, self._template(height, width), height, width)

    def _template(self, height: int, width: int) -> bytes:
        from PIL import Image as pillow

        known = self._templates.get((height, width))
        if known is None:
            known = self._save(pillow.new("RGB", (width, height), (128, 128, 128)))
            self._templates[height, width] = known
        return known

    @property
    def setting(self) -> Mapping[str, Any]:
        """The rate point's setting of the coder."""
        return self.rate.setting


def library_version(kind: str, name: str) -> str:
    """Version that Pillow states for a ``codec``, ``module`` or ``feature``, or ``unknown``."""
    from PIL import features

    ask = {"codec": features.version_codec, "module": features.version_module, "feature": features.version_feature}
    return ask[kind](name) or "unknown"
