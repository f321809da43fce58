"""The control codecs: copy the side view, shift it, or ignore it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bench.codec import Codec, Payload
from bench.errors import BenchError
from methods.controls import oracle
from methods.controls.warp import row_disparity, warp


class CopyCodec(Codec):
    """The reconstruction is ``y`` itself."""

    def encode(self, x: Tensor, y: Tensor | None = None) -> list[Payload]:
        return [Payload({}) for _ in x]

    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        return y.clone()


class GreyCodec(CopyCodec):
    """The reconstruction is 128 everywhere."""

    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        return torch.full_like(y, 128)


class WarpCodec(Codec):
    """``y`` shifted towards ``x``: by the rows' mean disparity, or (``oracle``) by the pair's own.

    Without a payload the decoder cannot know which camera ``x`` came from. It takes the common arrangement, ``x`` left
    and ``y`` right (Cityscapes, kitti-mini's test set); the option ``x_view="right"`` states the other one. On sets
    that hold both directions half the items are therefore shifted the wrong way.
    """

    def prepare(self, device: str = "cpu") -> Codec:
        """Check the option; there is nothing to load.

        Raises:
            BenchError: ``x_view`` is neither ``left`` nor ``right``.
        """
        view = self.options.get("x_view", "left")
        if view not in ("left", "right"):
            raise BenchError(f"warp-y's option x_view is left or right, not {view!r}.")
        self._sign = 1 if view == "left" else -1
        return self

    def encode(self, x: Tensor, y: Tensor | None = None) -> list[Payload]:
        if self.info.variant != "oracle":
            return [Payload({}) for _ in x]
        if y is None:
            raise BenchError("warp-y:oracle needs the side view at its encoder.")
        block = int(self.rate.setting["block"])
        return [Payload({"disparity": oracle.encode(a, b, block)}) for a, b in zip(x, y, strict=True)]

    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        height, width = y.shape[-2:]
        if self.info.variant != "oracle":
            return warp(y, self._sign * row_disparity(height, width))
        block = int(self.rate.setting["block"])
        maps = [oracle.decode(payload.sections["disparity"], height, width, block) for payload in payloads]
        return torch.stack([warp(view, disparity) for view, disparity in zip(y, maps, strict=True)])
