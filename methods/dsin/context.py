"""Conditional entropy model: a causal 3-D network over (channel, row, column) of the symbols.

Mentzer et al., CVPR 2018, section 3.3; four layers, all of kernel 2×3×3: the slice before and the slice of a symbol.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LAYERS = 4
_MARGIN = (LAYERS, LAYERS, LAYERS, LAYERS, 0, 0, LAYERS, 0)
"""Padding of a volume ``(N, C, 1, h, w)`` before the first layer, which no later layer repeats."""


def taps(strict: bool) -> Tensor:
    """Mask ``(2, 3, 3)`` of what a layer may read: all of the slice before, and earlier positions of its own slice.

    Args:
        strict: Leave out the position itself, as the first layer must.
    """
    mask = torch.ones(2, 3, 3)
    mask[1, 1, 1 if strict else 2 :] = 0
    mask[1, 2] = 0
    return mask


class CausalConv(nn.Module):
    """Masked 3-D convolution without padding, as a 2-D one over pairs of neighbouring slices.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        strict: Whether a position may not read itself.
    """

    def __init__(self, inputs: int, outputs: int, strict: bool = False) -> None:
        super().__init__()
        self.inputs = inputs
        mask = taps(strict)[:, None].expand(2, inputs, 3, 3).reshape(1, 2 * inputs, 3, 3)
        self.register_buffer("mask", mask.clone(), persistent=False)
        self.weight = nn.Parameter(torch.empty(outputs, 2 * inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, volume: Tensor) -> Tensor:
        """``(N, D, inputs, h, w)`` to ``(N, D − 1, outputs, h − 2, w − 2)``."""
        pairs = torch.cat([volume[:, :-1], volume[:, 1:]], 2)
        out = F.conv2d(pairs.flatten(0, 1), self.weight * self.mask, self.bias)
        return out.unflatten(0, pairs.shape[:2])


class ContextModel(nn.Module):
    """Scores of each symbol given those before it.

    Args:
        width: Hidden channels.
        symbols: Number of centres.
        rates: Rate points; with more than one, each has its own bias after the first layer.
    """

    def __init__(self, width: int, symbols: int, rates: int) -> None:
        super().__init__()
        self.first = CausalConv(1, width, strict=True)
        self.inner = nn.ModuleList([CausalConv(width, width), CausalConv(width, width)])
        self.last = CausalConv(width, symbols)
        if rates > 1:
            self.rate_bias = nn.Parameter(torch.zeros(rates, width))

    def bias(self, rate: Tensor) -> Tensor:
        """What is added after the first layer at rate indices ``(N,)``: ``(N, width)``."""
        if hasattr(self, "rate_bias"):
            return self.rate_bias[rate]
        return self.first.bias.new_zeros(len(rate), self.first.bias.shape[0])

    def forward(self, values: Tensor, edge: Tensor, rate: Tensor) -> Tensor:
        """Logits ``(N, C, h, w, symbols)`` of quantised values ``(N, C, h, w)``.

        Args:
            values: The centres that the symbols stand for.
            edge: What lies outside the volume: the first centre's value.
            rate: Rate indices ``(N,)``.
        """
        volume = F.pad((values - edge)[:, :, None], _MARGIN) + edge
        hidden = F.relu(self.first(volume) + self.bias(rate)[:, None, :, None, None])
        inner = self.inner[1](F.relu(self.inner[0](hidden)))
        hidden = hidden[:, 2:, :, 2:-2, 2:-2] + inner
        return self.last(hidden).permute(0, 1, 3, 4, 2)
