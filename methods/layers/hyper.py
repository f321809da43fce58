"""Hyper-analysis and hyper-synthesis transforms of the scale hyperprior and of its small mean-scale form."""

from __future__ import annotations

from torch import Tensor, nn


class Magnitude(nn.Module):
    """Absolute value: the published hyper-analysis reads magnitudes."""

    def forward(self, x: Tensor) -> Tensor:
        """Return ``|x|``."""
        return x.abs()


def published(latent: int, hyper: int, ndic: bool) -> tuple[nn.Sequential, nn.Sequential]:
    """Transforms of Ballé et al. (ICLR 2018): scales only.

    Args:
        latent: Channels M of the latent.
        hyper: Channels N of the hyper-latent.
        ndic: As in NDIC's release: no ReLU after the first layer nor after the last, the last analysis layer
            without bias.
    """
    first: list[nn.Module] = [nn.Conv2d(latent, hyper, 3, 1, 1)] + ([] if ndic else [nn.ReLU()])
    down = nn.Sequential(
        Magnitude(),
        *first,
        nn.Conv2d(hyper, hyper, 5, 2, 2),
        nn.ReLU(),
        nn.Conv2d(hyper, hyper, 5, 2, 2, bias=not ndic),
    )
    last = [nn.ConvTranspose2d(hyper, latent, 3, 1, 1)] if ndic else [nn.Conv2d(hyper, latent, 3, 1, 1), nn.ReLU()]
    up = nn.Sequential(
        nn.ConvTranspose2d(hyper, hyper, 5, 2, 2, 1),
        nn.ReLU(),
        nn.ConvTranspose2d(hyper, hyper, 5, 2, 2, 1),
        nn.ReLU(),
        *last,
    )
    return down, up


def small(latent: int, width: int, hyper: int) -> tuple[nn.Sequential, nn.Sequential]:
    """Means and scales with 3×3 kernels, for the small presets; the synthesis gives ``2·latent`` channels."""
    down = nn.Sequential(
        nn.Conv2d(latent, width, 3, 1, 1),
        nn.LeakyReLU(0.1),
        nn.Conv2d(width, width, 3, 2, 1),
        nn.LeakyReLU(0.1),
        nn.Conv2d(width, hyper, 3, 2, 1),
    )
    up = nn.Sequential(
        nn.ConvTranspose2d(hyper, width, 4, 2, 1),
        nn.LeakyReLU(0.1),
        nn.ConvTranspose2d(width, width, 4, 2, 1),
        nn.LeakyReLU(0.1),
        nn.Conv2d(width, 2 * latent, 3, 1, 1),
    )
    return down, up


def means(latent: int, hyper: int, wider: tuple[int, int], slope: float) -> tuple[nn.Sequential, nn.Sequential]:
    """Means and scales with kernels of 3 and 5, as published; the synthesis gives ``2·latent`` channels.

    Args:
        latent: Channels M of the latent.
        hyper: Channels N of the hyper-latent.
        wider: Channels of the synthesis: M and 1.5·M in Minnen et al. (NeurIPS 2018), N and N in CDC.
        slope: Slope below zero: 0.01 and 0.2.
    """
    first, second = wider
    down = nn.Sequential(
        nn.Conv2d(latent, hyper, 3, 1, 1),
        nn.LeakyReLU(slope),
        nn.Conv2d(hyper, hyper, 5, 2, 2),
        nn.LeakyReLU(slope),
        nn.Conv2d(hyper, hyper, 5, 2, 2),
    )
    up = nn.Sequential(
        nn.ConvTranspose2d(hyper, first, 5, 2, 2, 1),
        nn.LeakyReLU(slope),
        nn.ConvTranspose2d(first, second, 5, 2, 2, 1),
        nn.LeakyReLU(slope),
        nn.Conv2d(second, 2 * latent, 3, 1, 1),
    )
    return down, up
