"""Scalar quantisation to learned centres, one set for all channels.

Mentzer et al., "Conditional probability models for deep image compression", CVPR 2018, section 3.1.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Centres(nn.Module):
    """Centres; forward the nearest one, backward the soft assignment (σ = 1).

    Args:
        first: Centres before training.
        learned: Whether they move.
    """

    def __init__(self, first: Sequence[float], learned: bool = True) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.tensor(first), requires_grad=learned)

    def symbols(self, z: Tensor) -> Tensor:
        """Index of the nearest centre, int64 of the shape of ``z``; the first of two that are equally near."""
        return (z[..., None] - self.values).abs().argmin(-1)

    def assign(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Quantise with gradients.

        Returns:
            Values of the shape of ``z``: hard, with the soft ones' gradient; symbols, int64; and the soft assignment
            with one more axis, the centres.
        """
        soft = torch.softmax(-(z[..., None] - self.values).square(), -1)
        mean = (soft * self.values).sum(-1)
        symbols = self.symbols(z)
        hard = self.values[symbols]
        return mean + (hard - mean).detach(), symbols, soft
