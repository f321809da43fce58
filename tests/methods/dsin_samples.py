"""What the tests of DSIN share: centres and pictures."""

from __future__ import annotations

import torch

CENTRES = (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0)


def smooth(count: int, height: int = 128, width: int = 256, seed: int = 7) -> torch.Tensor:
    """Smooth random pictures with some grain, float ``(count, 3, height, width)`` of about unit variance."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, 3, height // 6 + 2, width // 6 + 2, generator=rng)
    picture = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    return picture + 0.1 * torch.randn(count, 3, height, width, generator=rng)


def pictures(count: int, height: int = 128, width: int = 256) -> torch.Tensor:
    """The same as uint8."""
    return (smooth(count, height, width) * 60 + 110).clamp(0, 255).round().to(torch.uint8)
