"""MDIC as a codec: indices as real bytes, pictures by guided sampling from noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from bench.codec import CodecInfo, Payload
from bench.errors import BenchError
from methods.foundation.codec import FoundationCodec
from methods.foundation.sampling import check_steps, sample
from methods.layers.network import Network
from methods.layers.transforms import pad_to
from methods.layers.weights import sizes
from methods.mdic.network import LATENT, MDIC, Config, Side


class MDICCodec(FoundationCodec):
    """MDIC.

    Options beside the foundation's: ``steps`` of the sampler and ``guidance``, the scale of guidance by text without a
    classifier; 1 is none, and halves the work.

    Indices of ``y`` and the mask are jumps: where float32 would let near ties fall out with the batch size, they are
    worked out as the encoder works, in float64, one item at a time.
    """

    _model: MDIC
    _analysis: MDIC

    @staticmethod
    def build(info: CodecInfo) -> Network:
        """See :meth:`methods.layers.latent_codec.LatentCodec.build`."""
        table, rates = sizes(info)
        points = {key: [point.setting[key] for point in info.rates] for key in ("ratios", "codes")}
        return MDIC(Config.parse({**table, **points}, rates))

    @staticmethod
    def prime(model: MDIC, info: CodecInfo, device: str) -> None:
        """Give a network that is to be trained its pretrained U-Net, autoencoder, and the text of its side views."""
        parts, model.text = FoundationCodec.open(info, device)
        model.use(parts.module("vae").to(device))
        pretrained = parts.module("unet").state_dict()
        first = model.unet.conv_in.weight.detach().clone()
        first[:, :LATENT] = pretrained.pop("conv_in.weight")
        model.unet.load_state_dict({**pretrained, "conv_in.weight": first})

    def prepare(self, device: str = "cpu") -> MDICCodec:
        """See :meth:`bench.codec.Codec.prepare`."""
        if self._ready == device:
            return self
        scale = self.options["guidance"]
        if isinstance(scale, bool) or not isinstance(scale, (int, float)) or not 1 <= scale <= 30:
            raise BenchError(f"guidance={scale} is no number from 1 to 30; change the option.")
        super().prepare(device)
        check_steps(self.options["steps"], self._model.schedule)
        self._finish(self._model.unet)
        return self

    def _complete(self, model: Network, device: str) -> None:
        assert isinstance(model, MDIC)
        model.use(self._parts.module("vae").to(device))

    @torch.inference_mode()
    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        """See :meth:`bench.codec.Codec.decode`."""
        draws = self._seeds(noise)
        index, _ = self._received(payloads, y)
        side = self._side(y)
        conditions = self._conditions(index.long()[:, 0], side)
        start = draws.like(conditions[:, :LATENT].float())
        latent = sample(self._model.schedule, self._guided(conditions, side.text), start, self.options["steps"], draws)
        height, width = y.shape[-2:]
        return self._picture(latent)[..., :height, :width].clamp(0, 1).mul(255).round().to(torch.uint8).cpu()

    @torch.inference_mode()
    def analyse_side(self, y: Tensor) -> Any:
        """See :meth:`bench.codec.Codec.analyse_side`: features, caption and text states, all made anew."""
        self._need_ready()
        return self._side(y, fresh=True)

    def _side(self, y: Tensor, fresh: bool = False) -> Side:
        weight = next(self._analysis.parameters())
        picture = pad_to(y.to(weight.device, weight.dtype) / 255, self._model.multiple)
        found = [self._analysis.side(part) for part in (picture.split(1) if self._exact else [picture])]
        features, quantised = (torch.cat(parts) for parts in list(zip(*found, strict=True))[:2])
        return Side(features, quantised, self._text.of(y, fresh))

    def _conditions(self, index: Tensor, side: Side) -> Tensor:
        """What the U-Net reads, ``(N, 2C, h, w)`` float32, of indices ``(N, h, w)``."""
        exact, weight = self._analysis, next(self._model.parameters())
        own = exact.vq[self._rate_index].lookup(index.to(side.quantised.device))  # type: ignore[operator]
        step = 1 if self._exact else len(index)
        pairs = zip(own.split(step), side.quantised.split(step), strict=True)
        mask = torch.cat([exact.mask(x, y) for x, y in pairs])
        own, features, quantised, mask = (part.to(weight) for part in (own, *side[:2], mask))
        return self._model.conditions(own, Side(features, quantised, None), mask)

    def _guided(self, conditions: Tensor, text: Tensor | None) -> Any:
        """The U-Net under guidance: one call a step for all items, with and without their text."""
        unet, scale = self._model.unet, float(self.options["guidance"])
        assert text is not None
        conditions, text = conditions.to(unet.dtype), text.to(unet.dtype)
        if scale == 1:
            return lambda noisy, time: unet(torch.cat([noisy.to(unet.dtype), conditions], 1), time, text).sample
        silent = self._text.states([""]).to(text).expand_as(text)
        texts, twice = torch.cat([text, silent]), torch.cat([conditions, conditions])

        def predict(noisy: Tensor, time: Tensor) -> Tensor:
            both = torch.cat([noisy, noisy]).to(unet.dtype)
            made = unet(torch.cat([both, twice], 1), torch.cat([time, time]), texts).sample.float()
            told, untold = made.chunk(2)
            return untold + scale * (told - untold)

        return predict

    def _picture(self, latent: Tensor) -> Tensor:
        """Pictures ``(N, 3, H, W)`` in [0, 1], unclamped, of scaled latents; one at a time, for the memory's sake."""
        vae = self._model.vae
        scaled = (latent / vae.config.scaling_factor).to(vae.dtype)
        return torch.cat([(vae.decode(part).sample.float() + 1) / 2 for part in scaled.split(1)])
