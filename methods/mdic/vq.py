"""Vector quantisation by cosine similarity with a codebook that follows the running means of what it stands for.

As MDIC uses it (van den Oord et al., NeurIPS 2017, appendix A.1, for the running means; Yu et al., ICLR 2022, for low
dimension and unit length). The commitment loss that its library computes is not part of MDIC's loss, and not here.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GRADIENTS = ("ste", "rotation")


class VectorQuantiser(nn.Module):
    """Codebook of unit vectors between two linear maps.

    Args:
        channels: Channels in and out.
        depth: Length of the code vectors.
        codes: Number of code vectors.
        gradient: ``ste``, straight through; ``rotation``, turned as the code vector lies to the input (Fifty et al.,
            ICLR 2025), which is the default of the library version that MDIC pins.
        decay: Of the running means.
        revive: Code vectors whose running share falls below this part of an even one are replaced by inputs of the
            step; 0 for never, as released.
    """

    codebook: Tensor
    share: Tensor
    total: Tensor

    def __init__(
        self, channels: int, depth: int, codes: int, gradient: str = "rotation", decay: float = 0.8, revive: float = 0.0
    ) -> None:
        super().__init__()
        if gradient not in GRADIENTS:
            raise ValueError(f"the gradient {gradient!r} is none of {GRADIENTS}")
        self.gradient, self.decay, self.revive = gradient, decay, revive
        self.project_in, self.project_out = nn.Linear(channels, depth), nn.Linear(depth, channels)
        first = F.normalize(torch.randn(codes, depth), dim=1)
        self.register_buffer("codebook", first)
        self.register_buffer("share", torch.ones(codes))
        self.register_buffer("total", first.clone())

    def vectors(self) -> Tensor:
        """Code vectors ``(K, d)`` at unit length, whatever averaging or rounding of the weights did to them."""
        return F.normalize(self.codebook, dim=1)

    def compact(self, z: Tensor) -> Tensor:
        """Unit vectors ``(N, d, h, w)`` of features ``(N, C, h, w)``: what :meth:`indices` compares."""
        return F.normalize(self.project_in(z.movedim(1, -1)), dim=-1).movedim(-1, 1)

    def indices(self, compact: Tensor) -> Tensor:
        """Index ``(N, h, w)`` of the nearest code vector; the first of two that are equally near."""
        return (compact.movedim(1, -1) @ self.vectors().T).argmax(-1)

    def lookup(self, index: Tensor) -> Tensor:
        """Features ``(N, C, h, w)`` of indices ``(N, h, w)``."""
        found: Tensor = self.project_out(self.vectors()[index]).movedim(-1, 1)
        return found

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Quantised features of the shape of ``z`` with a gradient to it, and indices ``(N, h, w)``."""
        compact = self.compact(z).movedim(1, -1)
        index = self.indices(compact.movedim(-1, 1).detach())
        if self.training:
            self._follow(compact.detach().reshape(-1, compact.shape[-1]).float(), index.flatten())
        code = self.vectors()[index].to(compact.dtype)
        passed = _rotated(compact, code) if self.gradient == "rotation" else compact + (code - compact).detach()
        found: Tensor = self.project_out(passed).movedim(-1, 1)
        return found, index

    @torch.no_grad()
    def _follow(self, inputs: Tensor, index: Tensor) -> None:
        """Move the running means by one step's inputs ``(n, d)``."""
        codes = len(self.share)
        counts = torch.bincount(index, minlength=codes).to(inputs.dtype)
        sums = torch.zeros_like(self.total).index_add_(0, index, inputs)
        self.share.lerp_(counts, 1 - self.decay)
        self.total.lerp_(sums, 1 - self.decay)
        self.codebook.copy_(torch.where(self.share[:, None] > 1e-3, F.normalize(self.total, dim=1), self.codebook))
        dead = self.share < self.revive * self.share.mean()
        if self.revive and bool(dead.any()):
            chosen = inputs[torch.randint(len(inputs), (int(dead.sum()),), device=inputs.device)]
            self.codebook[dead], self.total[dead] = chosen, chosen * self.share.mean()
            self.share[dead] = self.share.mean()


def _rotated(compact: Tensor, code: Tensor) -> Tensor:
    """The code vectors ``(…, d)``, reached from the inputs by a rotation that counts as constant; unit vectors all."""
    with torch.no_grad():
        middle = F.normalize(compact + code, dim=-1)
        start = compact.clone()
    along = (middle * compact).sum(-1, keepdim=True)
    return compact - 2 * along * middle + 2 * (start * compact).sum(-1, keepdim=True) * code
