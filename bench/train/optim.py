"""Optimisers of the recipes: Adam, and Muon for convolution kernels with Adam for the rest."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from bench.training import Training


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised by Newton–Schulz iterations, for kernels of any rank.

    Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024; the step is scaled to the
    root-mean-square of Adam's (Liu et al., "Muon is scalable for LLM training", 2025). ``torch.optim.Muon`` takes
    matrices only, hence this class for kernels, which it reads as ``(first axis, all others)``.

    Args:
        params: Tensors of rank 2 and more.
        lr: Step size.
        momentum: Decay of the gradient's running mean.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every kernel that has a gradient."""
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is None:
                    continue
                state = self.state[param]
                if not state:
                    state["mean"] = torch.zeros_like(param)
                mean = state["mean"].lerp_(param.grad, 1 - group["momentum"])
                update = orthogonalised(param.grad.lerp(mean, group["momentum"]).flatten(1))
                scale = 0.2 * max(update.shape) ** 0.5 * max(1.0, update.shape[0] / update.shape[1]) ** 0.5
                param.add_(update.view(param.shape), alpha=-group["lr"] * scale)


def orthogonalised(matrix: Tensor, iterations: int = 5) -> Tensor:
    """Nearest semi-orthogonal matrix, roughly: all singular values move to about 1."""
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / (wide.norm() + 1e-7)
    for _ in range(iterations):
        gram = wide @ wide.T
        cubic = torch.addmm(gram, gram, gram, beta=-4.7750, alpha=2.0315)
        wide = torch.addmm(wide, cubic, wide, beta=3.4445)
    turned: Tensor = wide.T if matrix.shape[0] > matrix.shape[1] else wide
    return turned


def optimisers(model: nn.Module, how: Training) -> tuple[list[torch.optim.Optimizer], torch.optim.Optimizer | None]:
    """Return the optimisers of a network's loss, and the one of its quantiles' auxiliary loss if it has any."""
    quantiles = [p for n, p in model.named_parameters() if n.endswith("quantiles")]
    rest = [p for n, p in model.named_parameters() if not n.endswith("quantiles")]
    main: list[torch.optim.Optimizer]
    if how.optimizer == "muon":
        kernels = [p for p in rest if p.ndim == 4]
        main = [
            Muon(kernels, how.muon_rate),
            torch.optim.Adam([p for p in rest if p.ndim != 4], how.rate, betas=(0.9, 0.98)),
        ]
    else:
        main = [torch.optim.Adam(rest, how.rate, amsgrad=how.amsgrad)]
    for optimiser in main:
        for group in optimiser.param_groups:
            group["peak"] = group["lr"]
    return main, torch.optim.Adam(quantiles, how.aux_rate) if quantiles else None
