"""siNet: merges the decoded picture with the synthetic side view.

Ayzik and Avidan, ECCV 2020, section 3.3.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SiNet(nn.Module):
    """Dilated 3×3 convolutions that start as the identity on the decoded picture.

    Args:
        width: Hidden channels.
        dilations: Dilation of each 3×3 convolution.
        grid: Pixels are folded into channels over squares of this side first; with more than 1 a pointwise layer
            mixes them and the network adds to the decoded picture instead of replacing it.
    """

    def __init__(self, width: int, dilations: Sequence[int], grid: int = 1) -> None:
        super().__init__()
        self.grid, inputs = grid, 6 * grid**2
        self.mix = nn.Conv2d(inputs, width, 1) if grid > 1 else None
        sizes = [inputs if grid == 1 else width] + [width] * (len(dilations) - 1)
        self.layers = nn.ModuleList(nn.Conv2d(i, width, 3, 1, d, d) for i, d in zip(sizes, dilations, strict=True))
        self.last = nn.Conv2d(width, 3 * grid**2, 1)
        with torch.no_grad():
            for layer in self.layers:
                layer.weight.mul_(0.1 if grid == 1 else 1.0)
                identity(layer)
            if grid == 1:
                identity(self.last)
            else:
                self.last.weight.zero_()
            self.last.bias.zero_()

    def forward(self, x_dec: Tensor, y_syn: Tensor) -> Tensor:
        """Merge normalised pictures ``(N, 3, H, W)``, sides divisible by ``grid``, to one alike."""
        hidden = torch.cat([x_dec, y_syn], 1)
        if self.mix is not None:
            hidden = F.leaky_relu(self.mix(F.pixel_unshuffle(hidden, self.grid)), 0.2)
        for layer in self.layers:
            hidden = F.leaky_relu(layer(hidden), 0.2)
        out: Tensor = self.last(hidden)
        return x_dec + F.pixel_shuffle(out, self.grid) if self.grid > 1 else out


def identity(layer: nn.Module) -> None:
    """Make a convolution pass each channel through at first, beside what it holds."""
    assert isinstance(layer, nn.Conv2d)
    centre = layer.kernel_size[0] // 2
    for channel in range(min(layer.weight.shape[:2])):
        layer.weight[channel, channel, centre, centre] += 1.0
