"""The network of the small diffusion codecs: one set of weights for all rates, with or without a side view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from bench.training import Training
from methods.layers import diffusion_loss
from methods.layers.autoencoder import Gains
from methods.layers.diffusion import Process
from methods.layers.diffusion_network import DiffusionNetwork
from methods.layers.network import Sizes
from methods.layers.noise import noisy_common
from methods.layers.priors import HyperPrior
from methods.layers.small_diffusion import FoldedUNet, Pyramid, SideLevels
from methods.layers.transforms import STACK, Stack, analysis


@dataclass(frozen=True)
class Config(Sizes):
    """Sizes of one small diffusion codec; the keys of a recipe's ``model`` table.

    Attributes:
        target: ``noise`` (linear schedule, T = 20000) or ``picture`` (cosine, T = 8193), as CDC's two releases.
        widths: Channels of the hidden stages of the analysis transform.
        latent: Channels of the latent.
        hyper: Channels of the hyper-latent.
        hyper_width: Hidden width of the hyperprior.
        levels: Channels of the pyramid at strides 4, 8 and 16.
        level_blocks: Mixing blocks of each level.
        unet: Channels of the denoiser there.
        unet_blocks: Blocks of each scale.
        rates: Rate points that the weights cover.
        side: Add a side view's pyramid.
        expansion: Hidden width of all blocks over their width.
        time: Length of the time's embedding.
        doubt: Standard deviation that the denoiser assumes of the pyramid's picture, in [−1, 1].
        error: Weight of the denoiser's error in the loss.
        stack: Kernel and stride of each convolution of the analysis transform.
    """

    target: str
    widths: tuple[int, ...]
    latent: int
    hyper: int
    hyper_width: int
    levels: tuple[int, ...]
    level_blocks: tuple[int, ...]
    unet: tuple[int, ...]
    unet_blocks: tuple[int, ...]
    rates: int
    side: bool = False
    expansion: float = 1.5
    time: int = 32
    doubt: float = 0.12
    error: float = 0.1
    stack: Stack = STACK


PROCESSES = {
    "noise": Process(20000, "linear", "noise", clamp=True),
    "picture": Process(8193, "cosine", "picture", clamp=True),
}


class SmallDiffusion(DiffusionNetwork):
    """Latents of a gained hyperprior, a pyramid, and a denoiser that corrects the pyramid's picture.

    What the denoiser knows of a picture is the pyramid's, whose error it takes to be ``doubt``, and the noisy one. Its
    output is added to the best mean of the two, in units of what that mean leaves open (the preconditioning of Karras
    et al., NeurIPS 2022, around another centre): at the first step it starts from the pyramid's picture.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, self.rates = config, config.rates
        self.process = PROCESSES[config.target]
        self.g_a = analysis(config.widths, config.latent, config.stack)
        self.prior = HyperPrior(config.latent, config.hyper, config.hyper_width, config.rates, "small", (3, 3, 3, 3))
        self.gain = Gains(config.rates, config.latent, span=8.0)
        self.inverse_gain = Gains(config.rates, config.latent, span=1 / 8.0)
        self.pyramid = Pyramid(config.latent, config.levels, config.level_blocks, config.expansion)
        self.denoiser = FoldedUNet(config.unet, config.levels, config.unet_blocks, config.expansion, config.time)
        if config.side:
            self.side_levels = SideLevels(config.levels, config.expansion)

    def analyse(self, x: Tensor, rate: Tensor) -> Tensor:
        """Latent ``(N, M, H/16, W/16)`` of pictures in [0, 1], scaled for rate indices ``(N,)``."""
        latent: Tensor = self.g_a(x)
        return latent * self.gain(rate).to(latent.dtype)

    def side(self, y: Tensor) -> list[Tensor] | None:
        """Levels of side views in [0, 1], fine to coarse; None for a codec without."""
        return self.side_levels(y) if self.config.side else None

    def condition(self, latent: Tensor, rate: Tensor, side: Sequence[Tensor] | None) -> list[Tensor]:
        """See :meth:`DiffusionNetwork.condition`: the pyramid's picture in [−1, 1], and its levels."""
        levels: list[Tensor] = self.pyramid(latent * self.inverse_gain(rate), side)
        return levels

    def estimate(self, noisy: Tensor, time: Tensor, kept: Tensor, condition: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """See :meth:`DiffusionNetwork.estimate`."""
        trust = self.config.doubt**2
        noise = (1 - kept) / kept  # variance of the noise beside the picture, once the picture has its own scale
        scaled = noisy * kept**-0.5
        width = (trust + noise) ** -0.5
        made = self.denoiser(scaled * width, time, condition)
        share = trust / (trust + noise)
        picture = condition[0] + share * (scaled - condition[0]) + (share * noise) ** 0.5 * made
        if self.process.clamp and not self.training:
            picture = picture.clamp(-1, 1)
        return picture, (noisy - kept**0.5 * picture) / (1 - kept) ** 0.5

    def forward(self, x: Tensor, y: Tensor, rate: Tensor) -> dict[str, Tensor]:
        """One training pass.

        Args:
            x: Pictures to code, ``(N, 3, H, W)`` in [0, 1]; item ``i`` is at rate point ``i mod rates``.
            y: Side views of the same shape.
            rate: Rate indices ``(N,)``.

        Returns:
            ``bits`` and ``error`` ``(N,)``; ``recon``, the denoiser's picture at a random time, and ``anchor``, the
            pyramid's, in [0, 1].
        """
        latent, bits = self.prior(self.analyse(x, rate).float())
        side = None if self.alone else self.side(y)
        if side is not None and self.training:
            side = [noisy_common(level) for level in side]
        condition = self.condition(latent, rate, side)
        error, recon = self.diffuse(x * 2 - 1, condition, self.process.draw(len(x), x.device))
        return {"bits": bits, "error": error, "recon": recon, "anchor": (condition[0] + 1) / 2}

    def item_losses(
        self, out: dict[str, Tensor], x: Tensor, y: Tensor, lambdas: Tensor, how: Training
    ) -> dict[str, Tensor]:
        """See :func:`methods.layers.diffusion_loss.small`."""
        return diffusion_loss.small(out, x, lambdas, how, self.config.error)
