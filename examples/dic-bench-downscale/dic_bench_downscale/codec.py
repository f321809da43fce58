"""Block means of ``x``, deflated; detail from ``y`` where the two views agree."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from bench import Codec, Payload
from bench.errors import BitstreamError

AGREEMENT = 12.0
"""Grey levels by which block means may differ before the detail of ``y`` is trusted to a factor of 1/e only."""


def block_means(pictures: Tensor, block: int) -> Tensor:
    """Rounded means over blocks, int64 ``(N, 3, ⌈H/block⌉, ⌈W/block⌉)``, the last row and column repeated.

    Whole numbers throughout, so that every machine writes the same bytes.

    Args:
        pictures: uint8 ``(N, 3, H, W)``.
        block: Side of a block in pixels.
    """
    height, width = pictures.shape[-2:]
    rows = torch.arange(-(-height // block) * block).clamp(max=height - 1)
    columns = torch.arange(-(-width // block) * block).clamp(max=width - 1)
    padded = pictures[..., rows, :][..., columns].to(torch.int64)
    tiles = padded.unflatten(-1, (-1, block)).unflatten(-3, (-1, block))
    return (tiles.sum((-1, -3)) + block * block // 2) // (block * block)


def enlarge(means: Tensor, block: int, height: int, width: int) -> Tensor:
    """Block means as float32 pictures ``(N, 3, height, width)``, bilinear between block centres."""
    size = (means.shape[-2] * block, means.shape[-1] * block)
    return F.interpolate(means.float(), size=size, mode="bilinear", align_corners=False)[..., :height, :width]


class DownscaleCodec(Codec):
    """See :class:`bench.codec.Codec`."""

    def encode(self, x: Tensor, y: Tensor | None = None) -> list[Payload]:
        """Quantise the block means and deflate their differences from the left neighbour."""
        step = int(self.rate.setting["step"])
        symbols = (block_means(x, int(self.rate.setting["block"])) + step // 2) // step
        first = torch.zeros_like(symbols[..., :1])
        differences = torch.diff(symbols, dim=-1, prepend=first).remainder(256).to(torch.uint8)
        return [Payload({"means": _deflate(item.numpy().tobytes())}) for item in differences]

    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        """Enlarge the means and, in the variant ``side``, add the detail of ``y``."""
        block, step = int(self.rate.setting["block"]), int(self.rate.setting["step"])
        height, width = y.shape[-2:]
        shape = (3, -(-height // block), -(-width // block))
        means = torch.stack([_inflate(payload.sections["means"], shape) for payload in payloads])
        picture = enlarge((means * step).clamp(max=255), block, height, width)
        if self.info.uses_side:
            smooth = enlarge(block_means(y, block), block, height, width)
            trust = torch.exp(-((picture - smooth).abs().mean(1, keepdim=True) / AGREEMENT))
            picture = picture + trust * (y.float() - smooth)
        return picture.clamp(0, 255).round().to(torch.uint8)


def _deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def _inflate(data: bytes, shape: tuple[int, int, int]) -> Tensor:
    """Symbols int64 of the given shape; whatever the bytes are, a picture or a ``BitstreamError``."""
    size = shape[0] * shape[1] * shape[2]
    unpacker = zlib.decompressobj(-15)
    try:
        raw = unpacker.decompress(data, size + 1)
    except zlib.error as error:
        raise BitstreamError("The section of block means is damaged.") from error
    if len(raw) != size or not unpacker.eof or unpacker.unused_data:
        raise BitstreamError("The section of block means is damaged: it does not hold one value a block.")
    differences = torch.frombuffer(bytearray(raw), dtype=torch.uint8).to(torch.int64).reshape(shape)
    return differences.cumsum(-1).remainder(256)
