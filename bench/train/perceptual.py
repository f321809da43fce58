"""Perceptual terms of a loss: LPIPS with gradients, its network frozen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from bench.training import Training


class Perceptual:
    """LPIPS v0.1 between pictures in [0, 1], which the network gets in [−1, 1].

    Args:
        net: ``squeeze`` or ``vgg``.
        device: Torch device.
        crop: Rows and columns of the window that is compared, at a place drawn from torch's generator, the same for all
            items of a batch; empty for whole pictures.

    Raises:
        MissingWeights: The backbone's weights are not on this machine; the sentence names the command.
    """

    def __init__(self, net: str, device: str, crop: Sequence[int] = ()) -> None:
        from bench.metrics.perceptual import load

        self.crop = crop
        self.model = load(net, f"training with lpips_{net}", device).model.eval().requires_grad_(False)
        for module in list(self.model.net.modules()):
            for name, layer in list(module.named_children()):
                if isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1):
                    setattr(module, name, _Pointwise(layer))

    def __call__(self, recon: Tensor, x: Tensor) -> Tensor:
        """Distance ``(N,)`` of reconstructions to pictures ``(N, 3, H, W)``; gradients reach ``recon`` alone."""
        for axis, length in zip((2, 3), self.crop, strict=False):
            room = x.shape[axis] - length
            start = int(torch.randint(room + 1, ())) if room > 0 else 0
            recon, x = (part.narrow(axis, start, min(length, part.shape[axis])) for part in (recon, x))
        with torch.no_grad():
            wanted = self._features(x)
        total = recon.new_zeros(len(recon))
        for level, other, head in zip(self._features(recon.float()), wanted, self.model.lins, strict=True):
            difference = (_unit(level) - _unit(other)).square()
            total = total + nn.functional.linear(difference, head.model[-1].weight.flatten(1)).mean((1, 2, 3))
        return total

    def _features(self, picture: Tensor) -> list[Tensor]:
        """Activations of the backbone's stages, channels last: gradients in another layout cost a third of the time."""
        scaled = self.model.scaling_layer(picture * 2 - 1).contiguous(memory_format=torch.channels_last)
        return [level.permute(0, 2, 3, 1) for level in self.model.net(scaled)]


class _Pointwise(nn.Module):
    """A 1×1 convolution as one product of channels-last matrices, which one thread does in less time."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = layer.weight.flatten(1), layer.bias

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x.permute(0, 2, 3, 1), self.weight, self.bias).permute(0, 3, 1, 2)


def _unit(level: Tensor) -> Tensor:
    """Each position's channels at unit length, with a root that has a gradient at zero."""
    return level * (level.square().sum(-1, keepdim=True) + 1e-10).rsqrt()


def make(how: Training, device: str) -> Callable[[Tensor, Tensor], Tensor] | None:
    """Return the recipe's perceptual distance; None where it has none."""
    if how.perceptual == "none":
        return None
    return Perceptual(how.perceptual.removeprefix("lpips_"), device, how.perceptual_crop)
