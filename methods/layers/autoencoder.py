"""The autoencoder behind Ballé2017, Ballé2018 and NDIC: one configuration gives the small and the published forms.

Ballé et al., ICLR 2017 and 2018; Mital, Özyılkan, Garjani, Gündüz, "Neural distributed image compression using common
information", DCC 2022, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.layers.fusion import fusion
from methods.layers.network import Sizes
from methods.layers.noise import noisy_common
from methods.layers.prior_network import PriorNetwork
from methods.layers.priors import FactorizedPrior, HyperPrior
from methods.layers.transforms import STACK, Stack, analysis, synthesis


@dataclass(frozen=True)
class Config(Sizes):
    """Sizes of one autoencoder; the keys of a recipe's ``model`` table.

    Attributes:
        widths: Channels of the hidden stages of the analysis transform.
        latent: Channels of the latent.
        rates: Rate points that one set of weights covers; gain vectors exist where there is more than one.
        prior: ``factorized`` or ``hyper``.
        form: Form of the hyperprior: ``small``, ``canonical`` or ``ndic``.
        hyper: Channels of the hyper-latent.
        hyper_width: Hidden width of the small hyperprior.
        filters: Widths of the factorised densities' layers.
        common: Channels of the common information computed from ``y``; 0 for a codec without side view.
        common_kernel: Kernel of the last convolution of the common information's analysis, where it differs.
        mixing: Blocks that mix latent and common information before the synthesis; with 0 they are concatenated, as
            published.
        own: Also code ``y`` by itself in training, as NDIC's loss does (α = β = 1).
        stack: Kernel and stride of each convolution of the analysis transform.
        twice: The synthesis applies its second convolution twice and has no third, as NDIC's first release does.
    """

    widths: tuple[int, ...]
    latent: int
    rates: int
    prior: str = "hyper"
    form: str = "small"
    hyper: int = 0
    hyper_width: int = 0
    filters: tuple[int, ...] = (3, 3, 3, 3)
    common: int = 0
    common_kernel: int | None = None
    mixing: int = 0
    own: bool = False
    stack: Stack = STACK
    twice: bool = False

    def make_prior(self, rates: int) -> FactorizedPrior | HyperPrior:
        """Build the prior of a latent."""
        if self.prior == "factorized":
            return FactorizedPrior(self.latent, rates, self.filters, centred=self.form != "ndic")
        return HyperPrior(self.latent, self.hyper, self.hyper_width, rates, self.form, self.filters)


class Gains(nn.Module):
    """Gain vectors, one a rate point (Cui et al., "Asymmetric Gained Deep Image Compression", CVPR 2021).

    Args:
        rates: Number of rate points.
        channels: Channels that are scaled.
        span: Ratio between the last and the first rate point's initial gain.
    """

    def __init__(self, rates: int, channels: int, span: float) -> None:
        super().__init__()
        ramp = torch.linspace(-0.5, 0.5, rates) * torch.log(torch.tensor(span))
        self.log = nn.Parameter(ramp[:, None].repeat(1, channels))

    def forward(self, rate: Tensor) -> Tensor:
        """Gains ``(N, C, 1, 1)`` of rate indices ``(N,)``."""
        return self.log[rate].exp()[:, :, None, None]


class Autoencoder(PriorNetwork):
    """Analysis, prior and synthesis, with or without common information from a side view."""

    training_only = ("own_a.", "own_s.", "own_prior.", "common_prior.")

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, self.rates = config, config.rates
        self.g_a = analysis(config.widths, config.latent, config.stack)
        joined = config.latent + (0 if config.mixing else config.common)
        self.g_s = synthesis(joined, config.widths[::-1], config.stack, config.twice)
        self.prior = config.make_prior(config.rates)
        if config.mixing:
            self.mix = fusion(config.latent, config.common, config.mixing)
        if config.rates > 1:
            self.gain = Gains(config.rates, config.latent, span=8.0)
            self.inverse_gain = Gains(config.rates, config.latent, span=1 / 8.0)
        if config.common:
            self.common = analysis(config.widths, config.common, config.stack, config.common_kernel)
            if config.rates > 1:
                self.common_gain = Gains(config.rates, config.common, span=1.0)
        if config.own:
            self.own_a = analysis(config.widths, config.latent, config.stack)
            self.own_s = synthesis(config.latent + config.common, config.widths[::-1], config.stack, config.twice)
            self.own_prior = config.make_prior(1)
            self.common_prior = FactorizedPrior(config.common, 1, config.filters, centred=False)

    def analyse(self, x: Tensor, rate: Tensor) -> Tensor:
        """Latent ``(N, M, H/16, W/16)`` of pictures in [0, 1], scaled for rate indices ``(N,)``."""
        y: Tensor = self.g_a(x)
        return y * self.gain(rate).to(y.dtype) if self.config.rates > 1 else y

    def side(self, y: Tensor) -> Tensor | None:
        """Common information ``(N, C, H/16, W/16)`` of side views in [0, 1]; None for a codec without."""
        return self.common(y) if self.config.common else None

    def synthesise(self, latent: Tensor, rate: Tensor, common: Tensor | None) -> Tensor:
        """Picture ``(N, 3, H, W)``, unclamped, from the quantised latent and the common information."""
        if self.config.rates > 1:
            latent = latent * self.inverse_gain(rate)
        if common is not None:
            if self.config.rates > 1:
                common = common * self.common_gain(rate)
            latent = torch.cat([latent, common], 1)
            if self.config.mixing:
                latent = self.mix(latent)
        picture: Tensor = self.g_s(latent)
        return picture

    def forward(self, x: Tensor, y: Tensor, rate: Tensor) -> dict[str, Tensor]:
        """One training pass.

        Args:
            x: Pictures to code, ``(N, 3, H, W)`` in [0, 1]; item ``i`` is at rate point ``i mod rates``.
            y: Side views of the same shape.
            rate: Rate indices ``(N,)``.

        Returns:
            ``recon`` and ``bits`` ``(N,)`` of ``x``; with ``own`` also ``recon_y``, ``bits_y`` and ``bits_common``,
            what NDIC's loss adds for the side view.
        """
        latent, bits = self.prior(self.analyse(x, rate).float())
        common = self.side(y)
        if common is not None and self.training:
            common = noisy_common(common)
        out = {"recon": self.synthesise(latent, rate, common), "bits": bits}
        if self.config.own and common is not None:
            own = self.own_a(y)
            out["recon_y"] = self.own_s(torch.cat([own, common], 1))
            out["bits_y"] = (
                self.own_prior.unquantised_bits(own)
                if isinstance(self.own_prior, HyperPrior)
                else self.own_prior.latent.continuous_bits(own)
            )
            out["bits_common"] = self.common_prior.latent.continuous_bits(common)
        return out
