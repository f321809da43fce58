"""DSIN as a codec: real bytes from the conditional entropy model, patch matching at the decoder."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.codec import CodecInfo
from methods.dsin.network import Config, Dsin, Side
from methods.layers.latent_codec import LatentCodec
from methods.layers.network import Network
from methods.layers.transforms import pad_to
from methods.layers.weights import sizes


class DsinCodec(LatentCodec):
    """DSIN in its one variant.

    The decoder computes in float64 as well, on any device: the best match is a jump, and in float32 near ties
    would fall out differently with batch size, threads or instruction set.
    """

    _model: Dsin

    @staticmethod
    def build(info: CodecInfo) -> Network:
        """See :meth:`methods.layers.latent_codec.LatentCodec.build`."""
        return Dsin(Config.parse(*sizes(info)))

    def prepare(self, device: str = "cpu") -> DsinCodec:
        """See :meth:`bench.codec.Codec.prepare`."""
        super().prepare(device)
        self._model.double()
        return self

    @torch.inference_mode()
    def analyse_side(self, y: Tensor) -> Side:
        """The side view, and what this codec would make of it at its own rate point."""
        self._need_ready()
        weight = next(self._model.parameters())
        picture = pad_to(y.to(weight.device, weight.dtype) / 255, self._model.multiple)
        return self._model.side(picture, torch.full((len(y),), self._rate_index, device=weight.device))
