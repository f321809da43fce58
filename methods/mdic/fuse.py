"""How MDIC's decoder joins the views: a mask of what ``y`` can tell, cluster compensation, and local detail."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.errors import BenchError

THRESHOLD = 0.9
"""Of the mask when decoding; in training it stays soft."""

COLDEST = 0.5
"""Temperature that the mask's sigmoid ends at, from 5.0 at the start."""


def expand(features: Tensor, like: Tensor) -> Tensor:
    """Repeat features ``(N, C, h, w)`` to the rows and columns of ``like``."""
    return F.interpolate(features, like.shape[2:], mode="nearest")


class MaskGenerator(nn.Module):
    """Where the quantised features of ``y`` serve ``x``.

    Args:
        channels: Channels of the features.
        width: Channels inside.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.temperature = 5.0
        self.body = nn.Sequential(
            nn.Conv2d(4 * channels, width, 3, 1, 1), nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1), nn.ReLU(), nn.Conv2d(width, 1, 3, 1, 1),
        )  # fmt: skip

    def cool(self, progress: float) -> None:
        """Set the temperature of training, falling evenly in its logarithm from 5.0 to 0.5."""
        self.temperature = max(COLDEST, 5.0 * 0.1**progress)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Mask ``(N, 1, h, w)`` of features of both views, ``x``'s repeated to the resolution of ``y``'s.

        Soft and with Gumbel noise in training. When decoding it is hard and nothing is drawn, while the release draws
        noise there too, so that its masks do not repeat.
        """
        x = expand(x, y)
        odds = self.body(torch.cat([x, y, (x - y).abs(), x * y], 1))
        if not self.training:
            return (torch.sigmoid(odds / COLDEST) > THRESHOLD).to(y.dtype)
        drawn = torch.rand_like(odds).clamp(1e-6, 1 - 1e-6)
        return torch.sigmoid((odds + torch.log(drawn) - torch.log1p(-drawn)) / self.temperature)


class ClusterCompensation(nn.Module):
    """G1: a transformer over the masked features of ``y`` and those of ``x``.

    Args:
        channels: Channels of the features.
        heads: Attention heads.
        hidden: Channels inside.
        positions: Rows of the learned table of positions.
        pool: Rows and columns of ``y`` that share a token.
    """

    def __init__(self, channels: int, heads: int, hidden: int, positions: int, pool: int) -> None:
        super().__init__()
        self.pool = pool
        self.place = nn.Parameter(0.02 * torch.randn(positions, channels))
        layer = nn.TransformerEncoderLayer(channels, heads, hidden, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(channels, channels)

    def forward(self, x: Tensor, y: Tensor, mask: Tensor) -> Tensor:
        """Compensated features of the shape of ``x``, ``(N, C, h, w)``, which may be coarser than ``y``.

        Raises:
            BenchError: There are more tokens than the table has positions.
        """
        masked = mask * y
        if self.pool > 1:
            masked = F.avg_pool2d(masked, self.pool)
        tokens = torch.cat([masked.flatten(2), x.flatten(2)], 2).transpose(1, 2)
        if tokens.shape[1] > len(self.place):
            raise BenchError(f"MDIC has {len(self.place)} positions and these pictures need {tokens.shape[1]}.")
        seen = self.body(tokens + self.place[: tokens.shape[1]])[:, -x.shape[2] * x.shape[3] :]
        found: Tensor = self.out(seen).transpose(1, 2).unflatten(2, x.shape[2:])
        return found


class _Unit(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.inner = nn.Sequential(nn.Conv2d(channels, half, 3, 1, 1), nn.ReLU(), nn.Conv2d(half, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = x + self.inner(x)
        return made


class LocalDetail(nn.Module):
    """G2: detail of ``y``, gated by the mask.

    Args:
        channels: Channels of the features.
        gate: Channels of the gate's two hidden layers.
    """

    def __init__(self, channels: int, gate: tuple[int, int]) -> None:
        super().__init__()
        first, second = gate
        self.gate = nn.Sequential(
            nn.Conv2d(1, first, 3, 1, 1), nn.ReLU(), nn.Conv2d(first, second, 3, 1, 1), nn.ReLU(),
            nn.Conv2d(second, channels, 3, 1, 1), nn.Sigmoid(),
        )  # fmt: skip
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, channels, 3, 1, 1), nn.ReLU(),
            *(_Unit(channels) for _ in range(3)),
        )  # fmt: skip

    def forward(self, y: Tensor, mask: Tensor) -> Tensor:
        """Features ``(N, C, h, w)`` of the continuous features of ``y``."""
        detail: Tensor = F.softsign(torch.tanh(self.body(y)))
        return y + self.gate(mask) * detail
