"""The loss of each item of a batch: λ·scale·D + R, with D as the recipe says."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.errors import BenchError
from bench.training import Training

_TAPS = 7
_TINY = 1e-9
"""Keeps the gradient of a root finite where two draws are the same."""
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

    Where the network gives a second draw, D becomes an energy score of its root (Gneiting and Raftery, JASA 2007,
    section 4.2), E√D(a, x) − w/2·E√D(a, b), which is lowest for w = 1 where draws vary as the originals do given the
    bits. A distance alone is lowest without any variation, so a decoder learns to ignore its noise. Draws are alike, so
    the gradient through one of them is half of both; the factor 2·√D(a, x) keeps the size of the gradient of D.

    Args:
        out: What the network's ``forward`` gave: ``recon`` and ``bits``, and perhaps ``recon_y``, ``bits_y`` and
            ``bits_common``, or ``other``, a second draw without gradient, and ``spread``, w of each item; with what
            :func:`add_perceptual` adds.
        x: Pictures, ``(N, 3, H, W)`` in [0, 1].
        y: Side views of the same shape.
        lambdas: λ of each item, ``(N,)``.
        how: The recipe's training table.
    """
    pixels = x.shape[2] * x.shape[3]
    bpp = out["bits"] / pixels
    near = _mixed(out, "", x, how)
    if "other" in out:
        apart = _mixed(out, "", out["other"], how, "_apart")
        near = near - out["spread"] * 2 * near.detach().sqrt() * (apart + _TINY).sqrt()
    loss = lambdas * how.scale * near + bpp
    if "recon_y" in out:
        own = lambdas * how.scale * _mixed(out, "_y", y, how) + out["bits_y"] / pixels
        loss = loss + how.alpha * own + how.beta * out["bits_common"] / pixels
    if how.loss == "sqrt":
        weight = lambdas.rsqrt()
        loss = loss * weight / weight.mean()
    return {"loss": loss, "bpp": bpp, "mse": mse(out["recon"], x)}


def _mixed(out: dict[str, Tensor], which: str, picture: Tensor, how: Training, to: str = "") -> Tensor:
    """(1 − a)·D + a·P of one view to ``picture``, ``(N,)``; D where the recipe has no perceptual distance."""
    plain = distortion(out[f"recon{which}"], picture, how)
    if how.perceptual == "none":
        return plain
    return (1 - how.perceptual_weight) * plain + how.perceptual_weight * out[f"perceptual{which}{to}"]


def add_perceptual(out: dict[str, Tensor], x: Tensor, y: Tensor, distance: Distance | None) -> dict[str, Tensor]:
    """Add perceptual distances ``(N,)``, if there is one: of ``recon``, of ``recon_y``, of ``recon`` from ``other``."""
    if distance is None:
        return out
    if "other" in out:  # one call, so that both look through the same window
        both = distance(out["recon"].repeat(2, 1, 1, 1), torch.cat([x, out["other"]])).chunk(2)
        return out | {"perceptual": both[0], "perceptual_apart": both[1]}
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
