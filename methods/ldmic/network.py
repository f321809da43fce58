"""LDMIC's network: one encoder for both views, a context model, and a decoder that joins the views twice.

Zhang, Shao, Zhang, "LDMIC: Learning-based distributed multi-view image coding", ICLR 2023, arXiv 2301.09799, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.layers.autoencoder import Gains
from methods.layers.network import Sizes
from methods.layers.prior_network import PriorNetwork
from methods.layers.transforms import STACK, Stack, analysis, synthesis
from methods.ldmic.coder import ContextCoder
from methods.ldmic.context import ContextPrior
from methods.ldmic.transfer import JointContextTransfer, SmallTransfer


@dataclass(frozen=True)
class Config(Sizes):
    """Sizes of one LDMIC; the keys of a recipe's ``model`` table.

    Attributes:
        widths: Channels of the hidden stages of the encoder; the decoder mirrors them.
        latent: Channels of the latent.
        rates: Rate points that one set of weights covers; gain vectors exist where there is more than one.
        checkerboard: Context model of LDMIC-Fast rather than the autoregressive one.
        form: ``small`` or ``joint``, the published hyper transforms and training.
        hyper: Channels of the hyper-latent.
        hyper_width: Hidden width of the small hyperprior.
        context: Channels of the context.
        hidden: Channels of the hidden layers of the entropy parameters.
        transfer_16: Arguments of the joint context transfer at stride 16: (inner, attended, blocks) of the small form,
            (keys, values, heads) of the published one.
        transfer_4: The same at stride 4.
        stack: Kernel and stride of each convolution of the encoder.
    """

    widths: tuple[int, ...]
    latent: int
    rates: int
    checkerboard: bool
    form: str
    hyper: int
    context: int
    hidden: tuple[int, ...]
    transfer_16: tuple[int, ...]
    transfer_4: tuple[int, ...]
    hyper_width: int = 0
    stack: Stack = STACK


class LDMIC(PriorNetwork):
    """LDMIC and LDMIC-Fast. Modules are called as in the authors' checkpoints.

    Both views pass the same encoder and the same decoder; the side view's latent is neither quantised nor coded.
    """

    coder_type = ContextCoder

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, self.rates = config, config.rates
        self.encoder = analysis(config.widths, config.latent, config.stack)
        self.prior = ContextPrior(
            config.latent,
            config.hyper,
            config.hyper_width,
            config.rates,
            config.form,
            config.context,
            config.hidden,
            config.checkerboard,
        )
        transfer = SmallTransfer if config.form == "small" else JointContextTransfer
        self.atten_3 = transfer(config.latent, *config.transfer_16)
        decoder = synthesis(config.latent, config.widths[::-1], config.stack)
        # Two doublings lead from stride 16 to stride 4.
        self.decoder_1, self.decoder_2 = nn.Sequential(*decoder[:4]), nn.Sequential(*decoder[4:])
        self.atten_4 = transfer(config.widths[-2], *config.transfer_4)
        if config.rates > 1:
            self.gain = Gains(config.rates, config.latent, span=8.0)
            self.inverse_gain = Gains(config.rates, config.latent, span=1 / 8.0)
            self.side_gain = Gains(config.rates, config.latent, span=1.0)

    def analyse(self, x: Tensor, rate: Tensor) -> Tensor:
        """Latent ``(N, M, H/16, W/16)`` of pictures in [0, 1], scaled for rate indices ``(N,)``."""
        latent: Tensor = self.encoder(x)
        return latent * self.gain(rate).to(latent.dtype) if self.rates > 1 else latent

    def side(self, y: Tensor) -> Tensor:
        """Unquantised latent ``(N, M, H/16, W/16)`` of side views in [0, 1]."""
        latent: Tensor = self.encoder(y)
        return latent

    def synthesise(self, latent: Tensor, rate: Tensor, side: Tensor) -> Tensor:
        """Picture ``(N, 3, H, W)``, unclamped, from the quantised latent and the side view's.

        The side view is decoded as far as the second transfer reads it, and no further.
        """
        if self.rates > 1:
            latent, side = latent * self.inverse_gain(rate), side * self.side_gain(rate)
        joined = torch.cat(self.atten_3.both(latent, side))
        x, y = self.decoder_1(joined).chunk(2)
        picture: Tensor = self.decoder_2(self.atten_4(x, y))
        return picture

    def forward(self, x: Tensor, y: Tensor, rate: Tensor) -> dict[str, Tensor]:
        """One training pass.

        Args:
            x: Pictures to code, ``(N, 3, H, W)`` in [0, 1]; item ``i`` is at rate point ``i mod rates``.
            y: Side views of the same shape.
            rate: Rate indices ``(N,)``.

        Returns:
            ``recon`` and ``bits`` ``(N,)`` of ``x``.
        """
        latent, side = self.encoder(torch.cat([x, y])).chunk(2)
        if self.rates > 1:
            latent = latent * self.gain(rate)
        known, bits = self.prior(latent.float())
        return {"recon": self.synthesise(known, rate, side), "bits": bits}
