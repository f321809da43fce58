"""Metrics on bytes alone: PSNR, SSIM, MS-SSIM, and SPDIC's beta and rho."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.protocol import PSNR_CLIP_DB

_LUMA = (0.299, 0.587, 0.114)
_PATCH = 8


def mse(recon: Tensor, orig: Tensor) -> Tensor:
    """Mean squared error of each picture, exact.

    Args:
        recon: uint8 ``(N, 3, H, W)``.
        orig: The same.

    Returns:
        float64 ``(N,)``, in squared grey levels.
    """
    difference = recon.to(torch.int32) - orig.to(torch.int32)
    return (difference * difference).flatten(1).to(torch.float64).mean(1)


def decibels(error: Tensor) -> Tensor:
    """PSNR in dB for 8-bit pictures from mean squared errors; identical pictures clip to 100 dB."""
    peak = torch.as_tensor(255.0**2, dtype=torch.float64, device=error.device)
    return torch.clamp(10.0 * torch.log10(peak / error), max=PSNR_CLIP_DB)


def ssim(recon: Tensor, orig: Tensor) -> Tensor:
    """SSIM on RGB, 11 Gaussian taps of sigma 1.5, mirrored borders, range 255 (Wang et al., 2004).

    The definition is torchmetrics'. Its own function is not separable: in float32 its variances cancel to 6e-6 off for
    identical pictures, in float64 it takes 0.2 s a picture. pytorch-msssim's filter gives the same number in 5 ms.

    Args:
        recon: uint8 ``(N, 3, H, W)``, at least 11 rows and columns.
        orig: The same.

    Returns:
        float64 ``(N,)``.
    """
    from pytorch_msssim import ssim as reference

    # The library's own window is float32: its sum misses 1 by 1e-7, which moves SSIM by 2e-6.
    offset = torch.arange(-5.0, 6.0, dtype=torch.float64, device=recon.device)
    window = torch.softmax(-(offset**2) / (2 * 1.5**2), 0).expand(3, 1, 1, 11)
    first, second = (torch.nn.functional.pad(p.double(), (5, 5, 5, 5), mode="reflect") for p in (recon, orig))
    value = reference(first, second, data_range=255, size_average=False, win=window)
    return torch.as_tensor(value)


def ms_ssim(recon: Tensor, orig: Tensor) -> Tensor:
    """MS-SSIM on RGB: 5 scales, 7 Gaussian taps of sigma 1.5, valid convolution, range 255 (pytorch-msssim).

    Eleven taps do not fit 128 rows at the fifth scale; seven is what the published codecs of this field use.

    Args:
        recon: uint8 ``(N, 3, H, W)``, at least 97 rows and columns.
        orig: The same.

    Returns:
        float64 ``(N,)``.
    """
    from pytorch_msssim import ms_ssim as reference

    value = reference(recon.double(), orig.double(), data_range=255, size_average=False, win_size=7, win_sigma=1.5)
    return torch.as_tensor(value)


def ms_ssim_decibels(value: Tensor) -> Tensor:
    """``-10 log10(1 - MS-SSIM)`` in dB, clipped to 100 dB for identical pictures."""
    return torch.clamp(-10.0 * torch.log10(1.0 - value), max=PSNR_CLIP_DB)


def patch_moments(recon: Tensor, orig: Tensor) -> Tensor:
    """Sums of variances and covariances over a picture's 8x8 luma patches.

    Args:
        recon: uint8 ``(N, 3, H, W)``, at least 8 rows and columns; what is left of whole patches is not used.
        orig: The same.

    Returns:
        float64 ``(N, 3)``: sum of var(recon), of var(orig), of their covariance, in squared grey levels.
    """
    first, second = _patches(recon), _patches(orig)
    return torch.stack(
        [(first * first).mean(2).sum(1), (second * second).mean(2).sum(1), (first * second).mean(2).sum(1)], dim=1
    )


def _patches(picture: Tensor) -> Tensor:
    """Luma patches less their means, float64 ``(N, patches, 64)``."""
    weight = torch.tensor(_LUMA, dtype=torch.float64, device=picture.device).view(1, 3, 1, 1)
    luma = (picture.double() * weight).sum(1)
    n, height, width = luma.shape
    rows, columns = height // _PATCH, width // _PATCH
    luma = luma[:, : rows * _PATCH, : columns * _PATCH].reshape(n, rows, _PATCH, columns, _PATCH)
    patches = luma.permute(0, 1, 3, 2, 4).reshape(n, rows * columns, _PATCH * _PATCH)
    return patches - patches.mean(2, keepdim=True)


def beta_rho(moments: Tensor) -> tuple[Tensor, Tensor]:
    """SPDIC's beta (detail kept) and rho (detail right) from patch moments.

    beta = sqrt(sum var(recon) / sum var(orig)); rho = sum cov / sqrt(sum var(recon) * sum var(orig)). A reconstruction
    without any detail has rho 0; an original without any has neither number (NaN).

    Args:
        moments: float64 ``(..., 3)`` as from ``patch_moments``.

    Returns:
        beta and rho, float64 ``(...)``.
    """
    recon, orig, both = moments.unbind(-1)
    # Constant patches leave rounding residue of about 1e-25; no real patch has less variance than 1e-6.
    recon, orig = (torch.where(v < 1e-9, torch.zeros_like(v), v) for v in (recon, orig))
    beta = torch.sqrt(recon / orig)
    rho = both / torch.sqrt(recon * orig)
    flat = (recon == 0) & (orig > 0)
    undefined = orig == 0
    nan = torch.full_like(beta, float("nan"))
    return torch.where(undefined, nan, beta), torch.where(undefined, nan, torch.where(flat, torch.zeros_like(rho), rho))
