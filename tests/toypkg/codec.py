"""A codec that sends the mean colour, and decodes it mixed with the side view."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.codec import Codec, CodecInfo, Payload, RatePoint

RATES = tuple(RatePoint(f"r{i + 1}", i, setting={"blocks": 2**i}) for i in range(5))


class Toy(Codec):
    """Block means of ``x`` at one byte each; half of the picture's detail comes from ``y``."""

    info = CodecInfo(
        "toy", rates=RATES, uses_side=True, estimates=True, options={"mix": 0.5}, title="Toy", sections=("means",)
    )
    calls: dict[str, int] = {"encode": 0, "decode": 0}  # noqa: RUF012
    largest = 1000
    fail = ""

    def encode(self, x: Tensor, y: Tensor | None = None) -> list[Payload]:
        if len(x) > self.largest:
            raise RuntimeError("out of memory: pretended")
        if self.fail:
            raise ValueError(self.fail)
        Toy.calls["encode"] += len(x)
        k = self.rate.setting["blocks"]
        means = torch.nn.functional.adaptive_avg_pool2d(x.float(), (k, 2 * k)).round().byte()
        return [Payload({"means": bytes(m.flatten().tolist())}) for m in means]

    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        Toy.calls["decode"] += len(payloads)
        k = self.rate.setting["blocks"]
        means = torch.stack([torch.tensor(list(p.sections["means"])).reshape(3, k, 2 * k) for p in payloads]).float()
        low = torch.nn.functional.interpolate(means, size=y.shape[2:], mode="nearest")
        own = torch.nn.functional.adaptive_avg_pool2d(y.float(), (k, 2 * k))
        detail = y.float() - torch.nn.functional.interpolate(own, size=y.shape[2:], mode="nearest")
        return (low + self.options["mix"] * detail).round().clamp(0, 255).byte()

    def analyse_side(self, y: Tensor) -> object:
        return y.float().mean() if self.options["mix"] > 0 else None

    def estimate_bits(self, x: Tensor) -> Tensor:
        return torch.full((len(x),), 8.0 * 6 * self.rate.setting["blocks"] ** 2, dtype=torch.float64)


class Blind(Toy):
    """The same without ``y``."""

    info = CodecInfo("blind", rates=RATES, estimates=True, options={"mix": 0.0}, sections=("means",))


class Noisy(Toy):
    """Draws noise from the seeds that it is given."""

    info = CodecInfo("noisy", rates=RATES[:1], stochastic=True, options={"mix": 0.0}, sections=("means",))

    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        assert noise is not None
        clean = super().decode(payloads, y).float()
        draws = [torch.rand(clean.shape[1:], generator=torch.Generator().manual_seed(s % 2**63)) for s in noise]
        return (clean + 9 * torch.stack(draws)).clamp(0, 255).byte()


class Unready(Toy):
    """Has no weights."""

    info = CodecInfo("unready", rates=RATES[:2], sections=("means",))

    def prepare(self, device: str = "cpu") -> Codec:
        from bench.errors import MissingWeights

        raise MissingWeights("unready needs weights that nobody has trained.")
