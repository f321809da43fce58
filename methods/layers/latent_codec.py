"""A codec around an autoencoder: real bytes out of its latents, one stream an image.

Everything that selects a coding table runs on the CPU in float64, one item at a time, through the same functions
in encoder and decoder; so do the analysis transforms of small presets, and of the others on the CPU, where float32
would round one latent in some 50,000 the other way. The synthesis runs where the user asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from bench.codec import Codec, CodecInfo, Payload, RatePoint
from bench.coding import StreamDecoder, StreamEncoder
from bench.errors import BenchError, BitstreamError, NotPrepared
from methods.layers import adopt
from methods.layers.autoencoder import Autoencoder, Config
from methods.layers.checkpoint import Checkpoint
from methods.layers.latent_coder import LatentCoder
from methods.layers.network import Network
from methods.layers.official import KeyMap
from methods.layers.priors import HyperPrior
from methods.layers.transforms import pad_to
from methods.layers.untrained import seeded
from methods.layers.weights import export, held_sizes, load, sizes, warm


class LatentCodec(Codec):
    """Ballé2017, Ballé2018 and NDIC in all variants: which one is in the recipe that ``info`` names.

    Codecs with another network override :meth:`build`; those with a map of official checkpoints set
    ``reads_official`` and override :meth:`official_keys`.

    Args:
        info: What the codec declares for this variant and preset.
        rate: The rate point.
        weights: A weights file to use in place of the rate point's own.
        options: Values for the options that ``info.options`` declares.
        official: A checkpoint of the authors' release, or the state dict in it, to use in place of any weights file.
    """

    reads_official: ClassVar[bool] = False

    def __init__(
        self,
        info: CodecInfo,
        rate: RatePoint,
        weights: Path | None = None,
        options: Mapping[str, Any] | None = None,
        official: str | Path | Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__(info, rate, weights, options)
        if official is not None and weights is not None:
            raise BenchError("A codec takes either weights or an official checkpoint; leave one of them out.")
        self._official = official
        self._ready: str | None = None

    @staticmethod
    def build(info: CodecInfo) -> Network:
        """Return the untrained network of one (variant, preset)."""
        return Autoencoder(Config.parse(*sizes(info)))

    @classmethod
    def sized(cls, info: CodecInfo, held: Mapping[str, Any]) -> Network:
        """Return the untrained network with the sizes that a weights file states beside the recipe's, if any.

        Raises:
            ValueError: There are no such sizes.
        """
        return cls.build(info)

    @staticmethod
    def official_keys(info: CodecInfo) -> KeyMap:
        """Return the map of the authors' keys."""
        raise BenchError(f"{info.full_name} has no map for official checkpoints.")

    @staticmethod
    def official_sizes(info: CodecInfo, checkpoint: Checkpoint) -> Mapping[str, Any]:
        """Return the sizes of a checkpoint that differ from the recipe's, for :meth:`sized`."""
        return {}

    @classmethod
    def imported(cls, info: CodecInfo, rate: RatePoint, source: str | Path) -> tuple[bytes, list[str]]:
        """Turn an official checkpoint into a weights file of one rate point; see :func:`methods.layers.adopt.pack`."""
        return adopt.pack(cls, info, rate, source)

    @staticmethod
    def export(model: Network, info: CodecInfo, rate: str | None, path: Path) -> str:
        """Write a trained network with its coding tables; returns the file's sha256."""
        return export(model, info, rate, path)

    @staticmethod
    def warm(model: Network, path: Path) -> None:
        """Start a network from a weights file of the same architecture."""
        warm(model, path)

    def prepare(self, device: str = "cpu") -> LatentCodec:
        """See :meth:`bench.codec.Codec.prepare`."""
        if self._ready == device:
            return self
        if self.options.get("random_init"):
            model = self._untrained()
        elif self._official is not None:
            adopted = adopt.adopt(type(self), self.info, self._official)
            model, self._coder = adopted.model, adopted.coder()
        else:
            try:
                model = self.sized(self._own(), held_sizes(self.weights)).eval().requires_grad_(False)
            except ValueError as error:
                raise BenchError(f"{self.weights} states {error}; restore the file.") from error
            self._coder = load(model, self)
        self._rate_index = self._index(model)
        self._complete(model, device)
        # The device's arithmetic may differ in the last bits; what it computes here never selects a coding table.
        self._model = model.to(device)
        self._exact = self.info.preset == "small" or device == "cpu"
        self._analysis = model.analyser().cpu().double() if self._exact else self._model
        self._ready = device
        return self

    def _untrained(self) -> Network:
        """The network with random weights, the same in every process, and its coder over tables made here.

        Untrained quantisers choose one code nearly everywhere. Under this seed that is code 0 at no rate point: all
        its decisions end in zeros, which a stream does not store, and its length would say nothing about the tables.
        """
        with seeded(f"{self.info.preset} {self.info.full_name}"):
            model = self.build(self._own()).eval().requires_grad_(False)
        self._coder = model.coder(model.tables(), self._index(model))
        return model

    def _own(self) -> CodecInfo:
        """What the network is built from: with this rate point alone where each has weights of its own."""
        return self.info if self.info.preset == "small" else replace(self.info, rates=(self.rate,))

    def _complete(self, model: Network, device: str) -> None:
        """Give a network with its weights what they do not hold, such as frozen parts; nothing here."""

    def _index(self, model: Network) -> int:
        """Index of the rate point within the weights."""
        return self.rate.index if model.rates > 1 else 0

    def parameters(self) -> int:
        """See :meth:`bench.codec.Codec.parameters`."""
        return (self._model if self._ready else self.build(self._own())).coding_parameters()

    @torch.inference_mode()
    def _latents(self, x: Tensor) -> list[Tensor]:
        """Scaled latents in float64 on the CPU, each ``(1, M, h, w)``; item by item where computed so too."""
        self._need_ready()
        self._need_size(x)
        weight = next(self._analysis.parameters())
        step = 1 if self._exact else len(x)
        latents: list[Tensor] = []
        for batch in x.split(step):
            picture = pad_to(batch.to(weight.device, weight.dtype) / 255, self._model.multiple)
            rate = torch.full((len(batch),), self._rate_index, device=weight.device)
            latents += self._analysis.analyse(picture, rate).cpu().double().split(1)
        return latents

    @torch.inference_mode()
    def encode(self, x: Tensor, y: Tensor | None = None) -> list[Payload]:
        """See :meth:`bench.codec.Codec.encode`."""
        payloads = []
        for latent in self._latents(x):
            stream = StreamEncoder()
            self._coder.encode(latent, stream)
            payloads.append(Payload({self.info.sections[0]: stream.bytes()}))
        return payloads

    @torch.inference_mode()
    def estimate_bits(self, x: Tensor) -> Tensor:
        """See :meth:`bench.codec.Codec.estimate_bits`."""
        return torch.cat([self._coder.estimate(latent) for latent in self._latents(x)])

    @torch.inference_mode()
    def ideal_bits(self, x: Tensor) -> Tensor:
        """Bits of the integer tables actually used, float64 ``(N,)``: what the coder could reach at best."""
        return torch.tensor([self._coder.ideal(latent) for latent in self._latents(x)], dtype=torch.float64)

    @torch.inference_mode()
    def split_bits(self, x: Tensor) -> Mapping[str, Tensor]:
        """See :meth:`bench.codec.Codec.split_bits`: the hyper-latent ``z``, which leads the one stream."""
        if not isinstance(self._coder, LatentCoder) or not isinstance(self._coder.prior, HyperPrior):
            return {}
        return {"z": torch.tensor([self._coder.hyper_bits(latent) for latent in self._latents(x)], dtype=torch.float64)}

    @torch.inference_mode()
    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        """See :meth:`bench.codec.Codec.decode`."""
        return self.decode_float(payloads, y).clamp(0, 1).mul(255).round().to(torch.uint8)

    @torch.inference_mode()
    def decode_float(self, payloads: Sequence[Payload], y: Tensor) -> Tensor:
        """See :meth:`bench.codec.Codec.decode_float`."""
        latent, rate = self._received(payloads, y)
        height, width = y.shape[-2:]
        return self._model.synthesise(latent, rate, self.analyse_side(y))[..., :height, :width].cpu()

    def _received(self, payloads: Sequence[Payload], y: Tensor) -> tuple[Tensor, Tensor]:
        """Latents ``(N, M, h, w)`` out of the streams, as the network takes them, and rate indices ``(N,)``."""
        self._need_ready()
        self._need_size(y)
        stride = self._model.stride
        height, width = (length // stride for length in self._padded(y))
        latents = [self._coder.decode(StreamDecoder(self._section(p)), (height, width)) for p in payloads]
        weight = next(self._model.parameters())
        latent = torch.cat(latents).to(weight.device, weight.dtype)
        return latent, torch.full((len(payloads),), self._rate_index, device=weight.device)

    def _padded(self, pictures: Tensor) -> tuple[int, int]:
        """Height and width that pictures are padded to."""
        height, width = (-(-length // self._model.multiple) * self._model.multiple for length in pictures.shape[-2:])
        return height, width

    @torch.inference_mode()
    def analyse_side(self, y: Tensor) -> Any:
        """See :meth:`bench.codec.Codec.analyse_side`."""
        if not self.info.uses_side:
            return None
        weight = next(self._model.parameters())
        return self._model.side(pad_to(y.to(weight.device, weight.dtype) / 255, self._model.multiple))

    def _need_ready(self) -> None:
        if self._ready is None:
            raise NotPrepared(self.info.full_name)

    def _need_size(self, pictures: Tensor) -> None:
        given = tuple(pictures.shape[-2:])
        if self.info.sizes not in (None, given):
            wanted = "x".join(map(str, self.info.sizes or ()))
            measured = "x".join(map(str, given))
            raise BenchError(f"{self.info.full_name} takes pictures of {wanted} only, not of {measured}.")

    def _section(self, payload: Payload) -> bytes:
        name = self.info.sections[0]
        if name not in payload.sections:
            raise BitstreamError(f"{self.info.full_name} expects a section {name!r}, which this file lacks.")
        return payload.sections[name]
