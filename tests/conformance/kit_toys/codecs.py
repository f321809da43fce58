"""One sound learned-like codec, and others that each break one clause of the contract."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from bench.codec import Codec, CodecInfo, Payload, RatePoint
from bench.coding import StreamDecoder, StreamEncoder, gaussian_tables, ideal_bits, scale_index, scale_levels
from bench.errors import BenchError, BitstreamError

INFO = CodecInfo(
    name="toy",
    codec_id=0,
    rates=tuple(RatePoint(f"r{i + 1}", i, setting={"step": step}) for i, step in enumerate((48, 24, 12))),
    uses_side=True,
    stochastic=True,
    estimates=True,
    title="Toy",
)
LEVELS = scale_levels(0.11, 32, 24)
TABLES = gaussian_tables(LEVELS)


class Sound(Codec):
    """8×8 block means, their differences from 128 coded by a fixed Gaussian; the decoder adds noise of one level."""

    info = INFO

    def _symbols(self, x: Tensor) -> list[np.ndarray]:
        step = self.rate.setting["step"]
        padded = torch.nn.functional.pad(x.double(), (0, -x.shape[3] % 8, 0, -x.shape[2] % 8), mode="replicate")
        means = torch.nn.functional.avg_pool2d(padded, 8)
        return [((item - 128) / step).round().int().numpy().ravel() for item in means]

    def _index(self, count: int) -> np.ndarray:
        return scale_index(np.full(count, 55.0 / self.rate.setting["step"]), LEVELS)

    def encode(self, x: Tensor, y: Tensor | None = None) -> list[Payload]:
        payloads = []
        for symbols in self._symbols(x):
            stream = StreamEncoder()
            stream.encode(symbols, self._index(symbols.size), TABLES)
            payloads.append(Payload({"latent": stream.bytes()}))
        return payloads

    def ideal_bits(self, x: Tensor) -> Tensor:
        return torch.tensor([ideal_bits(s, self._index(s.size), TABLES) for s in self._symbols(x)])

    def estimate_bits(self, x: Tensor) -> Tensor:
        return self.ideal_bits(x).double() * 1.001

    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        if noise is None:
            raise BenchError("toy needs one seed an item.")
        rows, columns = -(-y.shape[2] // 8), -(-y.shape[3] // 8)
        pictures = []
        for payload, seed in zip(payloads, noise, strict=True):
            symbols = StreamDecoder(payload.sections["latent"]).decode(self._index(3 * rows * columns), TABLES)
            means = torch.from_numpy(symbols).reshape(3, rows, columns) * self.rate.setting["step"] + 128
            full = means.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, : y.shape[2], : y.shape[3]]
            draw = torch.Generator().manual_seed(seed % 2**63)
            full = full + torch.randint(-1, 2, full.shape, generator=draw)
            pictures.append(full.clamp(0, 255).to(torch.uint8))
        return torch.stack(pictures)


class Remembers(Sound):
    """Its decoder uses what its encoder left behind in the process."""

    kept: Tensor | None = None

    def encode(self, x: Tensor, y: Tensor | None = None) -> list[Payload]:
        Remembers.kept = x
        return super().encode(x, y)

    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        seen = super().decode(payloads, y, noise)
        return seen if Remembers.kept is None else seen // 2 + 60


class Peeks(Sound):
    """Its encoder looks at the side view without saying so."""

    def encode(self, x: Tensor, y: Tensor | None = None) -> list[Payload]:
        return super().encode(x if y is None else x // 2 + y // 2)


class BatchBound(Sound):
    """What it decodes depends on how many items stand in the batch."""

    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        return super().decode(payloads, y, noise) // len(payloads)


class InstructionBound(Sound):
    """What it decodes depends on the processor's instruction set."""

    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        seen = super().decode(payloads, y, noise)
        # By the variable, not by the processor: on one that has nothing newer than AVX2 both processes are alike.
        return 255 - seen if os.environ.get("ATEN_CPU_CAPABILITY") == "avx2" else seen


class Seedless(Sound):
    """It draws from the global generator."""

    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        return super().decode(payloads, y, [int(torch.randint(0, 2**40, ())) for _ in payloads])


class Floats(Sound):
    """Its pictures are floating-point numbers."""

    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        return super().decode(payloads, y, noise) / 255


class SmallTalk(Sound):
    """Its estimate leaves out a tenth of the bits."""

    def estimate_bits(self, x: Tensor) -> Tensor:
        return super().estimate_bits(x) * 0.9


class Wasteful(Sound):
    """It sends 20 bytes too many."""

    def encode(self, x: Tensor, y: Tensor | None = None) -> list[Payload]:
        return [Payload({"latent": p.sections["latent"] + bytes(20)}) for p in super().encode(x, y)]


class Fragile(Sound):
    """It trips over short sections, and takes multiples of 64 only without declaring it."""

    def encode(self, x: Tensor, y: Tensor | None = None) -> list[Payload]:
        x.reshape(len(x), 3, x.shape[2] // 64 * 64, -1, 64)
        return super().encode(x, y)

    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        for payload in payloads:
            payload.sections["latent"][199]
        return super().decode(payloads, y, noise)


class Crashes(Sound):
    """Damage takes the whole process down."""

    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        if len(payloads[0].sections["latent"]) < 100:
            import os

            os._exit(139)
        return super().decode(payloads, y, noise)


class OneSize(Sound):
    """It declares its one size, and refuses others."""

    info = replace(INFO, sizes=(64, 192))

    def encode(self, x: Tensor, y: Tensor | None = None) -> list[Payload]:
        if tuple(x.shape[-2:]) != (64, 192):
            raise BenchError("toy takes pictures of 64x192 only.")
        return super().encode(x, y)

    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        if tuple(y.shape[-2:]) != (64, 192):
            raise BitstreamError("toy decodes pictures of 64x192 only.")
        return super().decode(payloads, y, noise)
