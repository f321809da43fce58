"""Encoder and decoder: strided convolutions around a trunk of residual blocks.

Mentzer et al., CVPR 2018, figure 2, with n = 128 and B = 5 in DSIN. The small form is narrower and has one batch norm,
at the encoder's end, which neither shifts nor scales.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def conv(inputs: int, outputs: int, kernel: int, stride: int, norm: bool) -> nn.Module:
    """A convolution, followed by batch norm in the published form."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=not norm)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs, eps=1e-5, momentum=0.1)) if norm else layer


def deconv(inputs: int, outputs: int, kernel: int, norm: bool) -> nn.Module:
    """A transposed convolution that doubles the sides, followed by batch norm in the published form."""
    odd = kernel % 2
    layer = nn.ConvTranspose2d(inputs, outputs, kernel, 2, (kernel - 1) // 2, odd, bias=not norm)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs, eps=1e-5, momentum=0.1)) if norm else layer


class Block(nn.Module):
    """Two 3×3 convolutions added to their input, with a ReLU after the first.

    Args:
        width: Channels.
        norm: Batch norm after each convolution.
        active: Whether there is the ReLU.
    """

    def __init__(self, width: int, norm: bool, active: bool = True) -> None:
        super().__init__()
        self.first, self.second = conv(width, width, 3, 1, norm), conv(width, width, 3, 1, norm)
        self.active = nn.ReLU() if active else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Transform ``(N, width, h, w)``."""
        inner: Tensor = self.second(self.active(self.first(x)))
        return x + inner


class Trunk(nn.Module):
    """Groups of three blocks with a skip each, one block without ReLU, and a skip over all.

    Args:
        width: Channels.
        groups: Number of groups; with 0 there are ``blocks`` blocks and nothing else.
        blocks: Blocks of the small form.
        norm: Batch norm.
    """

    def __init__(self, width: int, groups: int, blocks: int, norm: bool) -> None:
        super().__init__()
        self.groups = nn.ModuleList(nn.Sequential(*(Block(width, norm) for _ in range(3))) for _ in range(groups))
        self.last = Block(width, norm, active=False) if groups else None
        self.blocks = nn.Sequential(*(Block(width, norm) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        """Transform ``(N, width, h, w)``."""
        if self.last is None:
            plain: Tensor = self.blocks(x)
            return plain
        inner = x
        for group in self.groups:
            inner = inner + group(inner)
        return x + self.last(inner)


def encoder(widths: Sequence[int], latent: int, groups: int, blocks: int) -> nn.Sequential:
    """Normalised picture to ``latent + 1`` channels at an eighth of its sides.

    Args:
        widths: Channels after each strided convolution before the trunk: two of them as published, where the
            trunk works at a quarter of the sides and the last convolution strides; three in the small form.
        latent: Channels of the latent; the first channel of the result is the importance map.
        groups: Groups of three residual blocks, as published; 0 for the small form.
        blocks: Residual blocks of the small form.
    """
    norm = groups > 0
    layers: list[nn.Module] = []
    inputs = 3
    for width in widths:
        layers += [conv(inputs, width, 5 if len(layers) < 4 else 3, 2, norm), nn.ReLU()]
        inputs = width
    layers.append(Trunk(inputs, groups, blocks, norm))
    if len(widths) == 2:
        layers.append(conv(inputs, latent + 1, 5, 2, norm))
    else:
        # Free to shift, the lowest rate pushes every channel beyond the outermost centres, and the others with it.
        layers += [nn.Conv2d(inputs, latent + 1, 3, 1, 1, bias=False), nn.BatchNorm2d(latent + 1, affine=False)]
    return started(nn.Sequential(*layers))


def decoder(widths: Sequence[int], latent: int, groups: int, blocks: int) -> nn.Sequential:
    """Latent at an eighth of the sides to a normalised picture; the mirror of :func:`encoder`, arguments as there."""
    norm = groups > 0
    width = widths[-1]
    if len(widths) == 2:
        first, kernel = deconv(latent, width, 3, norm), 5
    else:
        first, kernel = conv(latent, width, 3, 1, norm), 4
    layers: list[nn.Module] = [first, nn.ReLU(), Trunk(width, groups, blocks, norm)]
    for narrower in [*widths[-2::-1], 3]:
        layers += [deconv(width, narrower, kernel, norm), nn.ReLU()]
        width = narrower
    return started(nn.Sequential(*layers[:-1]))


def started(network: nn.Sequential) -> nn.Sequential:
    """Give a network first weights that keep the variance from layer to layer (He et al., ICCV 2015).

    Without batch norm the latent would otherwise start far within one cell of the quantiser. Blocks start near the
    identity.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            area = layer.weight[0, 0].numel() / (4 if isinstance(layer, nn.ConvTranspose2d) else 1)
            nn.init.normal_(layer.weight, std=(2 / (layer.in_channels * area)) ** 0.5)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    for layer in network.modules():
        if isinstance(layer, Block) and isinstance(layer.second, nn.Conv2d):
            with torch.no_grad():
                layer.second.weight.mul_(0.3)
    return network
