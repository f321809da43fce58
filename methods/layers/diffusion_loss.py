"""Losses of codecs whose decoder is a diffusion model, an item each."""

from __future__ import annotations

from torch import Tensor

from bench.training import Training


def published(out: dict[str, Tensor], x: Tensor, lambdas: Tensor, how: Training) -> dict[str, Tensor]:
    """CDC's β·R + (1 − a)·E + a·P, and DICM's, which is CDC's of both views and the common information's rate.

    a is the recipe's ``perceptual_weight`` and β = 1 / (λ · ``scale``), so that a recipe's λ rise as everywhere.

    Args:
        out: What the network's ``forward`` gave: ``bits``, ``error``, ``recon`` and ``perceptual``, and perhaps
            ``bits_common``, ``bits_y``, ``error_y`` and ``perceptual_y``.
        x: Pictures, ``(N, 3, H, W)`` in [0, 1].
        lambdas: λ of each item, ``(N,)``.
        how: The recipe's training table.
    """
    pixels, share = x.shape[2] * x.shape[3], how.perceptual_weight
    beta = 1 / (lambdas * how.scale)
    bpp = out["bits"] / pixels
    loss = beta * bpp + (1 - share) * out["error"] + share * out["perceptual"]
    if "bits_y" in out:
        loss = loss + beta * (out["bits_common"] + out["bits_y"]) / pixels
        loss = loss + (1 - share) * out["error_y"] + share * out["perceptual_y"]
    return {"loss": loss, "bpp": bpp, "mse": _mse(out["recon"], x)}


def small(out: dict[str, Tensor], x: Tensor, lambdas: Tensor, how: Training, error: float) -> dict[str, Tensor]:
    """R + λ·scale·(MSE + e·E + a·P) over √λ: what trains a small codec from scratch for all rates at once.

    MSE is that of the pyramid's own picture, which anchors the denoiser. It is what the log shows.

    Args:
        out: What the network's ``forward`` gave: ``bits``, ``anchor``, ``error`` and ``perceptual``.
        x: Pictures, ``(N, 3, H, W)`` in [0, 1].
        lambdas: λ of each item, ``(N,)``.
        how: The recipe's training table; a is its ``perceptual_weight``.
        error: e, the weight of the denoiser's error.
    """
    bpp = out["bits"] / (x.shape[2] * x.shape[3])
    mse = _mse(out["anchor"], x)
    distortion = mse + error * out["error"] + how.perceptual_weight * out["perceptual"]
    weight = lambdas.rsqrt()
    loss = (lambdas * how.scale * distortion + bpp) * weight / weight.mean()
    return {"loss": loss, "bpp": bpp, "mse": mse}


def _mse(recon: Tensor, x: Tensor) -> Tensor:
    return (recon.float() - x).square().flatten(1).mean(1)
