"""Normal noise that training adds."""

from __future__ import annotations

import torch
from torch import Tensor

COMMON_NOISE = 0.001**0.5
"""Standard deviation of the noise that NDIC, ATN and DICM add to the common information in training."""


def noise_like(tensor: Tensor) -> Tensor:
    """Normal noise of the shape and kind of ``(N, C, H, W)``; torch fills channels-last tensors one value at a time."""
    count, channels, height, width = tensor.shape
    drawn = torch.randn(count, height, width, channels, dtype=tensor.dtype, device=tensor.device)
    return drawn.permute(0, 3, 1, 2)


def noisy_common(common: Tensor) -> Tensor:
    """Common information ``(N, C, H, W)`` as training shows it to the decoder."""
    return common + COMMON_NOISE * noise_like(common)
