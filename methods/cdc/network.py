"""CDC's network: a compressor whose decoder conditions a U-Net on pixels.

Yang and Mandt, "Lossy image compression with conditional diffusion models", NeurIPS 2023, arXiv 2209.06950.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from bench.training import Training
from methods.layers import diffusion_loss
from methods.layers.compressor import WIDTHS, Compressor
from methods.layers.diffusion import Process
from methods.layers.diffusion_network import DiffusionNetwork
from methods.layers.network import Sizes
from methods.layers.priors import HyperPrior
from methods.layers.unet import WIDTHS as SCALES
from methods.layers.unet import UNet

PROCESSES = {
    "noise": Process(20000, "linear", "noise", clamp=False, ranks=True),
    "picture": Process(8193, "cosine", "picture", clamp=True),
}
"""The two releases; that of ε clamps in training alone."""


@dataclass(frozen=True)
class Config(Sizes):
    """Sizes of one CDC; the keys of a recipe's ``model`` table.

    Attributes:
        target: ``noise`` or ``picture``: ε- or x-parameterisation.
        finest: Channels of the pyramid's finest level.
        rates: Rate points that one set of weights covers: one.
        widths: Channels of the compressor's stages.
        scales: Channels of the U-Net's scales.
    """

    target: str
    finest: int
    rates: int = 1
    widths: tuple[int, ...] = WIDTHS
    scales: tuple[int, ...] = SCALES


class CDC(DiffusionNetwork):
    """CDC in both parameterisations. Modules are called as in the authors' checkpoints."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, self.rates = config, config.rates
        self.process = PROCESSES[config.target]
        self.denoise_fn = UNet((config.finest, *config.widths[:-1]), config.scales)
        self.context_fn = Compressor(config.finest, config.widths)

    @property
    def prior(self) -> HyperPrior:  # type: ignore[override]
        """The compressor's."""
        return self.context_fn.prior

    def analyse(self, x: Tensor, rate: Tensor) -> Tensor:
        """Latent ``(N, M, H/16, W/16)`` of pictures in [0, 1]; the rate point has weights of its own."""
        latent: Tensor = self.context_fn.enc(x * 2 - 1)
        return latent

    def side(self, y: Tensor) -> list[Tensor] | None:
        """None: CDC reads no side view."""
        return None

    def condition(self, latent: Tensor, rate: Tensor, side: Sequence[Tensor] | None) -> list[Tensor]:
        """See :meth:`DiffusionNetwork.condition`: the pyramid, to which a side view's is added."""
        levels: list[Tensor] = self.context_fn.dec(latent)
        return levels if side is None else [own + other for own, other in zip(levels, side, strict=True)]

    def estimate(self, noisy: Tensor, time: Tensor, kept: Tensor, condition: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """See :meth:`DiffusionNetwork.estimate`."""
        made = self.denoise_fn(noisy, time, condition)
        return self.process.estimates(made, noisy, kept, clamp=self.process.clamp and not self.training)

    def forward(self, x: Tensor, y: Tensor, rate: Tensor) -> dict[str, Tensor]:
        """One training pass.

        Args:
            x: Pictures to code, ``(N, 3, H, W)`` in [0, 1].
            y: Side views, not used.
            rate: Rate indices ``(N,)``, not used.

        Returns:
            ``bits`` and ``error`` ``(N,)``, and ``recon``, the estimate at a random time, in [0, 1].
        """
        picture = x * 2 - 1
        levels, bits = self.context_fn(picture)
        error, recon = self.diffuse(picture, levels, self.process.draw(len(x), x.device))
        return {"bits": bits, "error": error, "recon": recon}

    def item_losses(
        self, out: dict[str, Tensor], x: Tensor, y: Tensor, lambdas: Tensor, how: Training
    ) -> dict[str, Tensor]:
        """See :func:`methods.layers.diffusion_loss.published`."""
        return diffusion_loss.published(out, x, lambdas, how)
