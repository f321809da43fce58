"""ATN's network: NDIC on a factorised prior, whose decoder of ``x`` attends to a decoder of ``y`` after each stage.

Mital, Özyılkan, Garjani, Gündüz, "Neural distributed image compression with cross-attention feature alignment",
WACV 2023, arXiv 2207.08489, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from compressai.layers import GDN
from torch import Tensor, nn

from methods.atn.attention import CrossAttention
from methods.layers.autoencoder import Gains
from methods.layers.fusion import fusion
from methods.layers.network import Sizes
from methods.layers.noise import noisy_common
from methods.layers.prior_network import PriorNetwork
from methods.layers.priors import FactorizedPrior
from methods.layers.transforms import STACK, Stack, analysis, synthesis


@dataclass(frozen=True)
class Config(Sizes):
    """Sizes of one ATN; the keys of a recipe's ``model`` table.

    Attributes:
        widths: Channels of the hidden stages of the three analysis transforms.
        latent: Channels of the latent, of the side view's own latent and of the common information.
        rates: Rate points that one set of weights covers; gain vectors exist where there is more than one.
        up: Channels of the three hidden stages of both decoders.
        embed: Length of a token.
        heads: Attention heads.
        head_width: Width of one head.
        size: Height and width of the pictures.
        stack: Kernel and stride of each convolution of the analysis transforms.
        mixing: Blocks that mix latent and common information before the decoder; with 0 they are concatenated, as
            published.
        dropout: Dropout of the attention's output, in training.
        filters: Widths of the factorised densities' layers.
        centred: Quantise around learned medians; the authors' code rounds plainly.
        own: Also decode and charge the side view in training, as the authors' code does (with weights α and β).
        unit: Scale the side view's features to a mean square of 1 before each stage of its decoder. Without its own
            loss nothing holds their scale, for a layer norm stands between them and ``x``, and each inverse GDN squares
            what has grown.
    """

    widths: tuple[int, ...]
    latent: int
    rates: int
    up: tuple[int, int, int]
    embed: int
    heads: int
    head_width: int
    size: tuple[int, int] = (128, 256)
    stack: Stack = STACK
    mixing: int = 0
    dropout: float = 0.0
    filters: tuple[int, ...] = (3, 3, 3, 3)
    centred: bool = True
    own: bool = False
    unit: bool = False


class Side(NamedTuple):
    """What the decoder takes from the side view, each ``(N, M, H/16, W/16)`` and never quantised."""

    own: Tensor
    common: Tensor


class ATN(PriorNetwork):
    """Three analysis transforms, and two decoders in lockstep."""

    multiple = 16
    training_only = ("own_s.6.", "own_prior.", "common_prior.")

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, self.rates = config, config.rates
        self.g_a, self.own_a, self.common = (analysis(config.widths, config.latent, config.stack) for _ in range(3))
        if config.mixing:
            self.mix = fusion(config.latent, config.latent, config.mixing)
        first, second, third = config.up
        enter = config.latent if config.mixing else 2 * config.latent
        stages: list[nn.Module] = []
        for channels, out in ((enter, first), (2 * first, second), (2 * second, third), (2 * third, 3)):
            stages += [nn.ConvTranspose2d(channels, out, 5, 2, 2, 1), GDN(out, inverse=True)]
        self.g_s = nn.Sequential(*stages[:-1])
        self.own_s = synthesis(2 * config.latent, config.up)
        if not config.own:
            self.own_s = self.own_s[:-1]
        height, width = config.size
        self.attend = nn.ModuleList(
            CrossAttention(height // s, width // s, config.embed, config.heads, config.head_width, config.dropout)
            for s in (8, 4, 2)
        )
        self.prior = self._prior(config.rates)
        if config.rates > 1:
            self.gain = Gains(config.rates, config.latent, span=8.0)
            self.inverse_gain = Gains(config.rates, config.latent, span=1 / 8.0)
            self.common_gain = Gains(config.rates, config.latent, span=1.0)
        if config.own:
            self.own_prior, self.common_prior = self._prior(1), self._prior(1)

    def _prior(self, rates: int) -> FactorizedPrior:
        return FactorizedPrior(self.config.latent, rates, self.config.filters, self.config.centred)

    def analyse(self, x: Tensor, rate: Tensor) -> Tensor:
        """See :meth:`methods.layers.network.Network.analyse`."""
        latent: Tensor = self.g_a(x)
        return latent * self.gain(rate).to(latent.dtype) if self.rates > 1 else latent

    def side(self, y: Tensor) -> Side:
        """See :meth:`methods.layers.network.Network.side`."""
        return Side(self.own_a(y), self.common(y))

    def synthesise(self, latent: Tensor, rate: Tensor, side: Side) -> Tensor:
        """See :meth:`methods.layers.network.Network.synthesise`."""
        return self._decode(latent, rate, side)[0]

    def _decode(self, latent: Tensor, rate: Tensor, side: Side) -> tuple[Tensor, Tensor]:
        """Picture of ``x``, and the side view's features before its last convolution."""
        common = side.common
        if self.rates > 1:
            latent, common = latent * self.inverse_gain(rate), common * self.common_gain(rate)
        own = unit(side.own) if self.config.unit else side.own
        x, y = torch.cat([latent, common], 1), torch.cat([own, common], 1)
        x = self.mix(x) if self.config.mixing else x
        for stage, attend in enumerate(self.attend):
            up, norm = 2 * stage, 2 * stage + 1
            x, y = self.g_s[norm](self.g_s[up](x)), self.own_s[norm](self.own_s[up](y))
            y = unit(y) if self.config.unit else y
            x = torch.cat([x, attend(x, y)], 1)
        return self.g_s[6](x), y

    def forward(self, x: Tensor, y: Tensor, rate: Tensor) -> dict[str, Tensor]:
        """One training pass; see :meth:`methods.layers.autoencoder.Autoencoder.forward`."""
        latent, bits = self.prior(self.analyse(x, rate).float())
        side = self.side(y)
        if self.training:
            side = side._replace(common=noisy_common(side.common))
        recon, features = self._decode(latent, rate, side)
        out = {"recon": recon, "bits": bits}
        if self.config.own:
            out["recon_y"] = self.own_s[6](features)
            out["bits_y"] = self.own_prior.latent.continuous_bits(side.own)
            out["bits_common"] = self.common_prior.latent.continuous_bits(side.common)
        return out


def unit(features: Tensor) -> Tensor:
    """Features ``(N, C, H, W)``, each item's scaled to a mean square of 1."""
    square = features.float().square().mean((1, 2, 3), keepdim=True)
    return features * (square + 1e-12).rsqrt().to(features.dtype)
