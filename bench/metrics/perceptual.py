"""LPIPS v0.1 (Zhang et al., 2018) and SqueezeNet's pooled features, from one pass through the backbone."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import Any

import lpips
import torch
from torch import Tensor, nn

from bench.digests import digest_of
from bench.errors import BenchError
from bench.metrics import weights
from bench.metrics.backbones import features_state, fill, pretrained_free, read_state
from bench.metrics.tiles import positions, tiles

BACKBONE = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}
_HEADS = {
    "alex": "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    "vgg": "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
    "squeeze": "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
}
GOLDEN = {"squeeze": 0.489277}
"""LPIPS of ``golden_pair`` with the genuine weights; nets without an entry are checked for identity and symmetry."""
_GOLDEN_TOLERANCE = 1e-3


def golden_pair() -> tuple[Tensor, Tensor]:
    """A fixed pair made by arithmetic: waves, and the same with every 8x8 block averaged. uint8 ``(1, 3, 64, 96)``."""
    row, column = torch.arange(64.0, dtype=torch.float64)[:, None], torch.arange(96.0, dtype=torch.float64)[None, :]
    waves = [torch.sin(row * (0.21 + 0.07 * c)) * torch.cos(column * (0.33 - 0.05 * c)) for c in range(3)]
    texture = torch.stack([w + 0.4 * torch.sin(row * column * 0.013 + c) for c, w in enumerate(waves)])
    first = (128.0 + 80.0 * texture).clamp(0, 255).round()
    blocks = first.reshape(3, 8, 8, 12, 8).mean((2, 4)).round()
    second = blocks.repeat_interleave(8, 1).repeat_interleave(8, 2)
    return first.to(torch.uint8)[None], second.to(torch.uint8)[None]


class Lpips:
    """One LPIPS network, loaded and checked once.

    Args:
        net: ``alex``, ``vgg`` or ``squeeze``.
        path: The backbone's checked weights file.
        device: Torch device.

    Raises:
        BenchError: Backbone or heads are not the expected ones, or the self-check fails.
    """

    def __init__(self, net: str, path: Path, device: str = "cpu") -> None:
        self.net = net
        self.device = torch.device(device)
        model: Any = _build(net, path)
        self.model = model.to(self.device, memory_format=torch.channels_last)
        self._weights = [lin.model[-1].weight.reshape(-1) for lin in self.model.lins]
        self._self_check()

    def features(self, picture: Tensor, unit_range: bool = False) -> tuple[Tensor, ...]:
        """Activations of the backbone's stages.

        Args:
            picture: uint8 ``(N, 3, H, W)``.
            unit_range: Leave the input in [0, 1] where [-1, 1] is meant: the mistake of two published scripts.
        """
        x = picture.to(self.device).float() / 255.0
        x = x if unit_range else x * 2.0 - 1.0
        x = self.model.scaling_layer(x).contiguous(memory_format=torch.channels_last)
        return tuple(self.model.net(x))

    def distance(self, first: tuple[Tensor, ...], second: tuple[Tensor, ...]) -> Tensor:
        """LPIPS from two pictures' activations, float64 ``(N,)``."""
        total = torch.zeros(len(first[0]), dtype=torch.float64, device=first[0].device)
        for level_a, level_b, weight in zip(first, second, self._weights, strict=True):
            a, b = positions(level_a), positions(level_b)
            # The 1x1 head is linear, so it may follow the mean over space.
            summed = torch.zeros(len(a), a.shape[2], dtype=torch.float64, device=a.device)
            for x, y in tiles(a, b):
                summed += _normalised(x).sub_(_normalised(y)).square_().sum(1)
            total += summed @ weight.double() / a.shape[1]
        return total

    def _self_check(self) -> None:
        first, second = (self.features(picture) for picture in golden_pair())
        there, back = self.distance(first, second).item(), self.distance(second, first).item()
        same = self.distance(first, first).item()
        expected = GOLDEN.get(self.net, there)
        sound = abs(there - expected) <= _GOLDEN_TOLERANCE and there > 0.0 and same == 0.0 and abs(there - back) < 1e-6
        if not sound:
            raise BenchError(
                f"LPIPS {self.net} gives {there:.5f} on its reference pair in place of {expected:.5f}; "
                "the installed lpips or torchvision is not one that the protocol was tested with."
            )


def _normalised(x: Tensor) -> Tensor:
    """Each position's channels at unit length, with lpips' epsilon."""
    return x.div(torch.linalg.vector_norm(x, dim=-1, keepdim=True) + 1e-10)


def pooled(features: tuple[Tensor, ...]) -> Tensor:
    """SqueezeNet's last activations averaged over space, float64 ``(N, 512)``; ImageNet normalisation, no resize."""
    return features[-1].mean((2, 3)).double()


def _build(net: str, path: Path) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision's notice about the argument `pretrained`
        model: Any = pretrained_free(lpips.LPIPS, net=net, pnet_rand=True, pretrained=False, verbose=False)
    model.scaling_layer = lpips.lpips.ScalingLayer()
    # lpips keeps torchvision's layer numbers inside its slices: net.slice2.3.weight is features.3.weight.
    source = {key: "features." + key.split(".", 2)[2] for key in model.state_dict() if key.startswith("net.")}
    backbone = features_state(path, list(source.values()))
    state = {key: backbone[name] for key, name in source.items()}
    heads = _heads(net)
    for key in model.state_dict():
        if key.startswith("lin"):
            state[key] = heads[key.replace("lins.", "lin")]
    state.update({f"scaling_layer.{k}": v for k, v in model.scaling_layer.state_dict().items()})
    return fill(model, state, path)


def _heads(net: str) -> dict[str, Tensor]:
    """The linear heads that ship inside the lpips package; it loads them unchecked itself, so they are checked here."""
    path = Path(inspect.getfile(lpips)).parent / "weights" / "v0.1" / f"{net}.pth"
    digest = digest_of(path) if path.is_file() else "nothing"
    if digest != _HEADS[net]:
        raise BenchError(f"{path} is not the v0.1 head of LPIPS ({digest}); reinstall the package lpips.")
    return read_state(path)


def load(net: str, metric: str, device: str = "cpu") -> Lpips:
    """Find, check and load one network.

    Raises:
        MissingWeights: The backbone's weights are not on this machine.
        BenchError: They are damaged.
    """
    return Lpips(net, weights.require(BACKBONE[net], metric), device)
