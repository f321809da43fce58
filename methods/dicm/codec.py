"""DICM's codec: the diffusion codec with a side view, published size or small."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.codec import CodecInfo
from methods.cdc.network import Config
from methods.dicm import official
from methods.dicm.network import DICM
from methods.layers.diffusion_codec import DiffusionCodec
from methods.layers.network import Network
from methods.layers.official import KeyMap
from methods.layers.small_network import Config as SmallConfig
from methods.layers.small_network import SmallDiffusion
from methods.layers.transforms import pad_to
from methods.layers.weights import sizes


class DICMCodec(DiffusionCodec):
    """DICM.

    Options besides those of every diffusion codec: ``use_w`` adds the common information, and in the preset ``paper``
    ``quantise_w`` takes it from behind its bottleneck, as released.
    """

    reads_official = True

    @staticmethod
    def build(info: CodecInfo) -> Network:
        """Return the untrained network of one (variant, preset)."""
        if info.preset == "small":
            return SmallDiffusion(SmallConfig.parse(*sizes(info)))
        return DICM(Config.parse(*sizes(info)))

    @staticmethod
    def official_keys(info: CodecInfo) -> KeyMap:
        """Return the map of the authors' keys."""
        return official.dicm()

    def _reads_side(self) -> bool:
        return bool(self.options["use_w"])

    def _make_side(self, y: Tensor) -> list[Tensor]:
        if not isinstance(self._model, DICM):
            return super()._make_side(y)
        # Rounded where encoding rounds, one view at a time: a value that is rounded the other way would show.
        weight, inner = next(self._model.parameters()), next(self._analysis.parameters())
        pictures = pad_to(y.to(inner.device, inner.dtype) / 255, self._model.multiple)
        quantise = bool(self.options["quantise_w"])
        latents = torch.cat([self._analysis.side_latent(picture, quantise) for picture in pictures.split(1)])
        made: list[Tensor] = self._model.encode_w.dec(latents.to(weight.device, weight.dtype))
        return made
