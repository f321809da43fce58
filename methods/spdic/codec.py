"""SPDIC as a codec: bytes as the latent codecs write them, pictures through a sampler that draws noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from bench.codec import CodecInfo, Payload
from bench.errors import BenchError
from methods.foundation.codec import FoundationCodec
from methods.foundation.sampling import Draws, check_steps
from methods.layers.network import Network
from methods.layers.transforms import pad_to
from methods.layers.weights import sizes
from methods.spdic.network import SPDIC, Config, Side

STARTS = ("noised-z", "pure-noise")


class SPDICCodec(FoundationCodec):
    """SPDIC as described and as released.

    Options beside the foundation's: ``start``, from where the sampler sets out; ``noise``, the level of the noise as a
    share of the schedule (``noised-z`` alone; 0 draws nothing); ``steps``.
    """

    _model: SPDIC

    @staticmethod
    def build(info: CodecInfo) -> Network:
        """See :meth:`methods.layers.latent_codec.LatentCodec.build`."""
        return SPDIC(Config.parse(*sizes(info)))

    @staticmethod
    def prime(model: SPDIC, info: CodecInfo, device: str) -> None:
        """Give a network that is to be trained its pretrained U-Net, and the text of its side views."""
        parts, model.text = FoundationCodec.open(info, device)
        model.unet.load_state_dict(parts.module("unet").state_dict())

    def prepare(self, device: str = "cpu") -> SPDICCodec:
        """See :meth:`bench.codec.Codec.prepare`."""
        if self._ready == device:
            return self
        level = self.options["noise"]
        if self.options["start"] not in STARTS:
            raise BenchError(f"start={self.options['start']} is none of {', '.join(STARTS)}; change the option.")
        if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 <= level <= 1:
            raise BenchError(f"noise={level} is no number from 0 to 1; change the option.")
        super().prepare(device)
        check_steps(self.options["steps"], self._model.schedule)
        self._finish(self._model.unet)
        return self

    @torch.inference_mode()
    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        """See :meth:`bench.codec.Codec.decode`."""
        latent, rate = self._received(payloads, y)
        side = self._side(y)
        latent = self._model.corrected(self._model.plain(latent, rate), side.text, self.options, self._draws(noise))
        height, width = y.shape[-2:]
        picture = self._model.picture(latent, side)[..., :height, :width]
        return picture.clamp(0, 1).mul(255).round().to(torch.uint8).cpu()

    @torch.inference_mode()
    def analyse_side(self, y: Tensor) -> Any:
        """See :meth:`bench.codec.Codec.analyse_side`: features, caption and text states, all made anew."""
        self._need_ready()
        return self._side(y, fresh=True)

    def _side(self, y: Tensor, fresh: bool = False) -> Side:
        weight = next(self._model.views.parameters())
        picture = pad_to(y.to(weight.device, weight.dtype) / 255, self._model.multiple)
        return self._model.side(picture, self._text.of(y, fresh))

    def _draws(self, noise: Sequence[int] | None) -> Draws | None:
        """Noise of the items; None where the options ask for none."""
        if self.options["start"] == "noised-z" and self.options["noise"] == 0:
            return None
        return self._seeds(noise)
