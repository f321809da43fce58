"""A codec around a diffusion network: bytes as the latent codecs write them, pictures by deterministic DDIM.

All that is drawn is the start, item by item from its seed, on the CPU in float32.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from bench.codec import Payload
from bench.errors import BenchError
from methods.layers.diffusion import starts
from methods.layers.diffusion_network import DiffusionNetwork
from methods.layers.latent_codec import LatentCodec
from methods.layers.side_store import STORE
from methods.layers.transforms import pad_to

PRECISIONS = ("float32", "bfloat16")


class DiffusionCodec(LatentCodec):
    """A latent codec whose decoder is a :class:`DiffusionNetwork`.

    Options that every such codec declares in its recipe: ``steps`` of the sampler, ``start_scale`` of its start noise
    (0 draws nothing), ``precision`` of the denoiser, and ``compile``, whether torch compiles it.
    """

    saved_seconds = 0.0
    """Seconds of work on ``y`` that the last decoding took from memory; see :class:`bench.codec.Codec`."""

    _model: DiffusionNetwork

    def prepare(self, device: str = "cpu") -> DiffusionCodec:
        """See :meth:`bench.codec.Codec.prepare`."""
        if self._ready == device:
            return self
        options = self.options
        if options["precision"] not in PRECISIONS:
            raise BenchError(f"precision {options['precision']!r} is neither float32 nor bfloat16; change the option.")
        for name, kind in (("steps", int), ("start_scale", (int, float)), ("compile", bool)):
            if not isinstance(options[name], kind) or (kind is int and isinstance(options[name], bool)):
                raise BenchError(f"{name} {options[name]!r} is of the wrong kind; {self.info.full_name} cannot use it.")
        super().prepare(device)
        self._model.process.steps(options["steps"])  # refuses a number that there is not
        self._model.to(memory_format=torch.channels_last)
        self._estimate = torch.compile(self._model.estimate) if options["compile"] else self._model.estimate
        return self

    @torch.inference_mode()
    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        """See :meth:`bench.codec.Codec.decode`."""
        scale = float(self.options["start_scale"])
        if noise is None and scale:
            raise BenchError(f"{self.info.full_name} draws noise; give decode one seed an item.")
        latent, rate = self._received(payloads, y)
        shape = (3, *self._padded(y))
        start = starts(noise, shape, scale) if noise is not None else torch.zeros(len(y), *shape)
        start = start.to(latent.device, memory_format=torch.channels_last)
        with self._precision(latent.device):
            condition = self._model.condition(latent, rate, self._side(y))
            pictures = self._model.sample(condition, start, int(self.options["steps"]), self._estimate)
        height, width = y.shape[-2:]
        return pictures[..., :height, :width].clamp(0, 1).mul(255).round().to(torch.uint8).cpu()

    def decode_float(self, payloads: Sequence[Payload], y: Tensor) -> None:
        """None: what is decoded depends on the noise."""
        return

    @torch.inference_mode()
    def analyse_side(self, y: Tensor) -> Any:
        """See :meth:`bench.codec.Codec.analyse_side`; decoding the same views finds it."""
        self._need_ready()
        with self._precision(next(self._model.parameters()).device):
            return STORE.put(self._maker(), y, self._make_side) if self._reads_side() else None

    def _side(self, y: Tensor) -> list[Tensor] | None:
        self.saved_seconds = 0.0
        if not self._reads_side():
            return None
        found = STORE.get(self._maker(), y, self._make_side)
        self.saved_seconds = STORE.saved
        return found

    def _reads_side(self) -> bool:
        return self.info.uses_side

    def _make_side(self, y: Tensor) -> list[Tensor]:
        weight = next(self._model.parameters())
        pictures = pad_to(y.to(weight.device, weight.dtype) / 255, self._model.multiple)
        made: list[Tensor] = self._model.side(pictures)
        return made

    def _maker(self) -> str:
        """What the side view's part depends on: the parameters that make it, device and options."""
        if not hasattr(self, "_digest"):
            digest = hashlib.sha256()
            for name, value in self._model.state_dict().items():
                digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
            self._digest = digest.hexdigest()
        return f"{self._digest} {self._ready} {sorted(self.options.items())}"

    def _precision(self, device: torch.device) -> AbstractContextManager[Any]:
        if self.options["precision"] == "float32":
            return contextlib.nullcontext()
        return torch.autocast(device.type, torch.bfloat16)
