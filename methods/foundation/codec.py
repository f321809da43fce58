"""What codecs on a foundation share: opening it, its precision, its text, the noise that they draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from bench.codec import CodecInfo
from bench.errors import BenchError
from methods.foundation.choose import choose, choose_dtype
from methods.foundation.parts import Parts
from methods.foundation.sampling import Draws
from methods.foundation.text import SideText
from methods.layers.latent_codec import LatentCodec


class FoundationCodec(LatentCodec):
    """A latent codec whose decoder runs a text-conditional U-Net; its options are in ``methods.foundation.options``."""

    @staticmethod
    def open(info: CodecInfo, device: str) -> tuple[Parts, SideText]:
        """Open the default foundation for training: its parts in float32, and the text of side views.

        Raises:
            MissingWeights: It is not on this machine.
        """
        parts = choose(info.options, torch.float32)
        return parts, SideText(parts, device, together=True)

    def prepare(self, device: str = "cpu") -> FoundationCodec:
        """See :meth:`bench.codec.Codec.prepare`."""
        if self._ready == device:
            return self
        if not isinstance(self.options["compile"], bool):
            raise BenchError(f"compile={self.options['compile']} is neither true nor false; change the option.")
        self._dtype = choose_dtype(str(self.options["dtype"]), device, self.info.preset)
        # The foundation first: who lacks it should not wait for the codec's own weights.
        self._parts = choose(self.options, self._dtype)
        self._text = SideText(self._parts, device, str(self.options["text"]))
        super().prepare(device)
        return self

    def _finish(self, unet: Any) -> None:
        """Bring a U-Net to the precision asked for, and compile it if so."""
        if self._dtype is not torch.float32:
            unet.to(self._dtype)
        unet.to(memory_format=torch.channels_last)
        if self.options["compile"]:
            unet.compile()

    def decode_float(self, payloads: Any, y: Tensor) -> None:
        """None: what is decoded depends on the noise."""
        return

    def _seeds(self, noise: Sequence[int] | None) -> Draws:
        if noise is None:
            raise BenchError(f"{self.info.full_name} draws noise; give decode one seed an item.")
        return Draws(noise)
