"""The loss of each item of a batch: λ·scale·D + R, with D as the recipe says."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.errors import BenchError
from bench.training import Training

_TAPS = 7
_SMALLEST = (_TAPS - 1) * 2**4 + 1
"""Rows and columns that MS-SSIM's five scales need."""


Distance = Callable[[Tensor, Tensor], Tensor]
"""From reconstructions and pictures ``(N, 3, H, W)`` in [0, 1] to distances ``(N,)``."""


def distortion(recon: Tensor, x: Tensor, how: Training) -> Tensor:
    """Distortion ``(N,)`` of reconstructions, unclamped, against pictures ``(N, 3, H, W)`` in [0, 1].

    Mean squared error, or 1 − MS-SSIM with data range 1 and 7 taps, as NDIC's and ATN's authors train.

    Raises:
        BenchError: The pictures are too small for MS-SSIM.
    """
    if how.distortion == "mse":
        return mse(recon, x)
    if min(x.shape[2:]) < _SMALLEST:
        raise BenchError(
            f"MS-SSIM needs pictures of {_SMALLEST} rows and columns or more, and the training pairs have "
            f"{x.shape[2]}×{x.shape[3]}; take a larger set, or a variant that is trained for MSE."
        )
    from pytorch_msssim import ms_ssim

    similarity: Tensor = ms_ssim(recon.float(), x, data_range=1.0, size_average=False, win_size=_TAPS)
    return 1 - similarity


def mse(recon: Tensor, x: Tensor) -> Tensor:
    """Mean squared error of each item, ``(N,)``."""
    return (recon.float() - x).square().flatten(1).mean(1)


def item_losses(out: dict[str, Tensor], x: Tensor, y: Tensor, lambdas: Tensor, how: Training) -> dict[str, Tensor]:
    """Loss, bits per pixel and mean squared error of each item, ``(N,)``.

    λ·scale·D + R (Ballé et al., ICLR 2017), D mixed with the perceptual distance where the recipe has one; where the
    network gives them, the side view's own terms are added by α and β (Mital et al., DCC 2022, section 3).

    Args:
        out: What the network's ``forward`` gave: ``recon`` and ``bits``, and perhaps ``recon_y``, ``bits_y`` and
            ``bits_common``; with what :func:`add_perceptual` adds.
        x: Pictures, ``(N, 3, H, W)`` in [0, 1].
        y: Side views of the same shape.
        lambdas: λ of each item, ``(N,)``.
        how: The recipe's training table.
    """
    pixels = x.shape[2] * x.shape[3]
    bpp = out["bits"] / pixels
    loss = lambdas * how.scale * _mixed(out, "", x, how) + bpp
    if "recon_y" in out:
        own = lambdas * how.scale * _mixed(out, "_y", y, how) + out["bits_y"] / pixels
        loss = loss + how.alpha * own + how.beta * out["bits_common"] / pixels
    if how.loss == "sqrt":
        weight = lambdas.rsqrt()
        loss = loss * weight / weight.mean()
    return {"loss": loss, "bpp": bpp, "mse": mse(out["recon"], x)}


def _mixed(out: dict[str, Tensor], which: str, picture: Tensor, how: Training) -> Tensor:
    """(1 − a)·D + a·P of one view, ``(N,)``; D where the recipe has no perceptual distance."""
    plain = distortion(out[f"recon{which}"], picture, how)
    if how.perceptual == "none":
        return plain
    return (1 - how.perceptual_weight) * plain + how.perceptual_weight * out[f"perceptual{which}"]


def add_perceptual(out: dict[str, Tensor], x: Tensor, y: Tensor, distance: Distance | None) -> dict[str, Tensor]:
    """Add ``perceptual`` and, where there is a ``recon_y``, ``perceptual_y``, each ``(N,)``, if there is a distance."""
    if distance is None:
        return out
    found = {"perceptual": distance(out["recon"], x)}
    if "recon_y" in out:
        found["perceptual_y"] = distance(out["recon_y"], y)
    return out | found


def losses_of(
    model: nn.Module, out: dict[str, Tensor], x: Tensor, y: Tensor, lambdas: Tensor, how: Training
) -> dict[str, Tensor]:
    """Losses of the network's own ``item_losses`` where it has one, else of the one above."""
    found: dict[str, Tensor] = getattr(model, "item_losses", item_losses)(out, x, y, lambdas, how)
    return found


def batch_lambdas(lambdas: list[float], rates: Tensor) -> Tensor:
    """λ of each item, float32 ``(N,)``, from rate indices ``(N,)``."""
    return torch.tensor(lambdas, device=rates.device)[rates]
