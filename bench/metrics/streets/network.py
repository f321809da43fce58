"""A small U-Net (Ronneberger et al., 2015) that names the class of each pixel of a rendered street."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from bench.data.synthdrive import CLASSES
from bench.metrics.backbones import fill, read_state

WIDTHS = (24, 48, 64, 64, 64)
"""Channels at a half, a quarter ... of the picture's rows and columns."""
MULTIPLE = 2 ** len(WIDTHS)
"""Height and width are multiples of this."""


def _layer(inputs: int, outputs: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class StreetNet(nn.Module):
    """Scores of ``CLASSES`` for each pixel.

    The picture enters as blocks of 2x2 pixels and leaves so: full resolution at the price of a half.
    """

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList()
        inputs = 12
        for width in WIDTHS:
            self.down.append(nn.Sequential(_layer(inputs, width), _layer(width, width)))
            inputs = width
        both = zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True)
        self.up = nn.ModuleList(_layer(below + width, width) for below, width in both)
        self.head = nn.Conv2d(WIDTHS[0], 4 * len(CLASSES), 3, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        """Score ``(N, 3, H, W)``, 0 to 255: float32 ``(N, classes, H, W)``."""
        x = nn.functional.pixel_unshuffle(picture.float() / 127.5 - 1.0, 2)
        levels = []
        for index, stage in enumerate(self.down):
            x = stage(nn.functional.max_pool2d(x, 2) if index else x)
            levels.append(x)
        for stage, level in zip(self.up, levels[-2::-1], strict=True):
            x = stage(torch.cat([nn.functional.interpolate(x, scale_factor=2.0), level], 1))
        return nn.functional.pixel_shuffle(self.head(x), 2)


def load(path: Path) -> StreetNet:
    """Read trained weights, stored in float16.

    Raises:
        BenchError: The file does not hold the network's weights.
    """
    with torch.device("meta"):
        network = StreetNet()
    state = {name: value.float() if value.is_floating_point() else value for name, value in read_state(path).items()}
    network = fill(network, state, path)  # type: ignore[assignment]
    return network.to(memory_format=torch.channels_last)
