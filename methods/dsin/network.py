"""DSIN: an autoencoder with a conditional entropy model, patch matching in the side view, and siNet.

Ayzik and Avidan, "Deep image compression using decoder side information", ECCV 2020; its autoencoder is that of
Mentzer et al., "Conditional probability models for deep image compression", CVPR 2018.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from bench.training import Training
from methods.dsin.coder import SymbolCoder
from methods.dsin.context import ContextModel
from methods.dsin.matching import side_synthesis
from methods.dsin.quantiser import Centres
from methods.dsin.sinet import SiNet
from methods.dsin.transforms import decoder, encoder
from methods.layers.autoencoder import Gains
from methods.layers.decisions import make_tables, read_tables
from methods.layers.network import Coder, Network, Sizes

MEAN = (93.70, 98.28, 94.85)
"""Mean of KITTI's red, green and blue, grey levels, as published."""

VARIANCE = (5411.8, 5758.6, 5890.3)


@dataclass(frozen=True)
class Config(Sizes):
    """Sizes of one network; the keys of a recipe's ``model`` table.

    Attributes:
        widths: Channels after each strided convolution before the trunk.
        latent: Channels of the latent.
        context: Hidden channels of the conditional entropy model.
        patch: Height and width of the patches that are matched.
        sinet: Hidden channels of siNet.
        dilations: Dilations of siNet's 3×3 convolutions.
        rates: Rate points that one set of weights covers.
        groups: Groups of three residual blocks; 0 for the small form without batch norm.
        blocks: Residual blocks of the small form.
        centres: The quantiser's centres before training.
        reduction: The matcher's first search is on pictures averaged over squares of this side.
        grid: siNet works on pixels folded over squares of this side.
        weight: Share of the merged picture in the distortion (0.7 as published).
        beta: Weight of the bits a symbol above the target.
        decay: L2 weight of the convolutions' kernels.
        centre_decay: L2 weight of the centres.
        learned_centres: Whether the centres move, as published.
        pace: How fast the price of a bit a symbol moves; 0 keeps the published hinge. Else each rate point has its own
            price, whose logarithm moves at each step by this much times the logarithm of bits over target, at most 1.
            It stays above that of one grey level, next to nothing. Each item's loss is divided by the price's root.
    """

    widths: tuple[int, ...]
    latent: int
    context: int
    patch: tuple[int, int]
    sinet: int
    dilations: tuple[int, ...]
    rates: int
    centres: tuple[float, ...]
    groups: int = 0
    blocks: int = 0
    reduction: int = 1
    grid: int = 1
    weight: float = 0.7
    beta: float = 500.0
    decay: float = 0.0
    centre_decay: float = 0.0
    learned_centres: bool = True
    pace: float = 0.0


class Side(NamedTuple):
    """Side views, normalised, ``(N, 3, H, W)`` each: as they are, and after the codec's own loss."""

    original: Tensor
    decoded: Tensor


class Dsin(Network):
    """The network of DSIN; ``multiple`` and ``stride`` are those of its latent."""

    multiple = 8
    stride = 8
    training_only = ("log_price",)
    mean: Tensor
    spread: Tensor
    log_price: Tensor

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, self.rates = config, config.rates
        self.encoder = encoder(config.widths, config.latent, config.groups, config.blocks)
        self.decoder = decoder(config.widths, config.latent, config.groups, config.blocks)
        self.centres = Centres(config.centres, config.learned_centres)
        self.context = ContextModel(config.context, len(config.centres), config.rates)
        self.sinet = SiNet(config.sinet, config.dilations, config.grid)
        if config.pace:
            self.register_buffer("log_price", torch.zeros(config.rates))
        if config.rates > 1:
            self.gain = Gains(config.rates, config.latent, span=4.0)
            self.inverse_gain = Gains(config.rates, config.latent, span=1 / 4.0)
            self.importance = nn.Parameter(torch.linspace(-1.5, 1.5, config.rates))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("spread", torch.tensor(VARIANCE).sqrt().view(1, 3, 1, 1), persistent=False)

    def normalise(self, picture: Tensor) -> Tensor:
        """Pictures in [0, 1] with KITTI's mean and variance taken out."""
        return (picture * 255 - self.mean) / self.spread

    def masked(self, x: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
        """Latent under its importance mask, and the mask, each ``(N, C, h, w)``, of normalised pictures."""
        out = self.encoder(x).float() if x.dtype != torch.float64 else self.encoder(x)
        level, latent = out[:, :1], out[:, 1:]
        if self.config.rates > 1:
            level = level + self.importance[rate][:, None, None, None].to(level.dtype)
            latent = latent * self.gain(rate).to(latent.dtype)
        channels = torch.arange(self.config.latent, device=x.device).view(1, -1, 1, 1)
        mask = (torch.sigmoid(level) * self.config.latent - channels).clamp(0, 1)
        return latent * mask, mask

    def picture(self, values: Tensor, rate: Tensor) -> Tensor:
        """Normalised picture ``(N, 3, H, W)`` of quantised values, within the range of pixels."""
        if self.config.rates > 1:
            values = values * self.inverse_gain(rate).to(values.dtype)
        out = self.decoder(values)
        low, high = -self.mean / self.spread, (255 - self.mean) / self.spread
        return torch.maximum(torch.minimum(out, high), low)

    def analyse(self, x: Tensor, rate: Tensor) -> Tensor:
        """See :meth:`methods.layers.network.Network.analyse`."""
        return self.masked(self.normalise(x), rate)[0]

    def side(self, y: Tensor, rate: Tensor | None = None) -> Side:
        """Side views, and what the codec itself would make of them at rate indices ``(N,)``; by default the first."""
        rate = torch.zeros(len(y), dtype=torch.long, device=y.device) if rate is None else rate
        original = self.normalise(y)
        latent, _ = self.masked(original, rate)
        return Side(original, self.picture(self.centres.values[self.centres.symbols(latent)], rate))

    def synthesise(self, latent: Tensor, rate: Tensor, side: Side) -> Tensor:
        """See :meth:`methods.layers.network.Network.synthesise`."""
        return self.merge(self.picture(latent, rate), side) * self.spread / 255 + self.mean / 255

    def merge(self, x_dec: Tensor, side: Side) -> Tensor:
        """Merge the decoded picture with its synthetic side view, normalised pictures."""
        found = side_synthesis(x_dec.detach(), side.decoded, side.original, self.config.patch, self.config.reduction)
        merged: Tensor = self.sinet(x_dec, found)
        return merged

    @torch.no_grad()
    def _training_side(self, y: Tensor, rate: Tensor) -> Side:
        """The side view in a training pass: by running statistics, as when decoding, and without gradient."""
        modes = [(part, part.training) for part in (self.encoder, self.decoder)]
        for part, _ in modes:
            part.eval()
        side = self.side(y, rate)
        for part, mode in modes:
            part.train(mode)
        return Side(side.original.float(), side.decoded.float())

    def forward(self, x: Tensor, y: Tensor, rate: Tensor) -> dict[str, Tensor]:
        """One training pass.

        Args:
            x: Pictures to code, ``(N, 3, H, W)`` in [0, 1].
            y: Side views of the same shape.
            rate: Rate indices ``(N,)``.

        Returns:
            ``recon`` ``(N, 3, H, W)``; ``decoded``, the picture before the side view helps; ``bits`` ``(N,)``;
            ``entropy`` ``(N,)``, bits a symbol as the loss counts them; and ``rate`` as given.
        """
        latent, mask = self.masked(self.normalise(x), rate)
        values, symbols, soft = self.centres.assign(latent.float())
        x_dec = self.picture(values, rate).float()
        entropy, bits = self._rate(values, symbols, soft, mask, rate)
        merged = x_dec if self.alone else self.merge(x_dec, self._training_side(y, rate)).float()
        decoded, recon = ((p * self.spread + self.mean) / 255 for p in (x_dec, merged))
        return {"recon": recon, "decoded": decoded, "bits": bits, "entropy": entropy, "rate": rate}

    def _rate(self, values: Tensor, symbols: Tensor, soft: Tensor, mask: Tensor, rate: Tensor) -> tuple[Tensor, Tensor]:
        """Bits a symbol, half of them weighted with the mask, and bits, ``(N,)`` each."""
        logits = self.context(values, self.centres.values[0], rate).float()
        log = torch.log_softmax(logits, -1) / -math.log(2)
        cost = log.gather(-1, symbols[..., None])[..., 0]
        bits = cost.detach().flatten(1).sum(1)
        if self.config.pace:
            blurred = (log.detach() * soft).sum(-1)
            cost = cost + blurred - blurred.detach()
        return 0.5 * (cost + cost * mask).flatten(1).mean(1), bits

    def item_losses(
        self, out: dict[str, Tensor], x: Tensor, y: Tensor, targets: Tensor, how: Training
    ) -> dict[str, Tensor]:
        """Loss, bits per pixel and mean squared error of each item, ``(N,)``.

        Args:
            out: What :meth:`forward` gave.
            x: Pictures, in [0, 1].
            y: Side views, not used.
            targets: Bits per pixel to stay below, ``(N,)``; to hold, where bits have a price.
            how: The recipe's training table.
        """
        config = self.config
        near = [255 * (out[name] - x).abs().flatten(1).mean(1) for name in ("decoded", "recon")]
        loss = near[0] if self.alone else (1 - config.weight) * near[0] + config.weight * near[1]
        target = targets * self.stride**2 / config.latent
        if config.pace:
            price = self._price(out["entropy"].detach() / target, out["rate"])
            # As with λ elsewhere: else the dearest bits, a hundred times the others' price, own the shared encoder.
            loss = (loss + price * out["entropy"]) * price.rsqrt()
        else:
            loss = loss + config.beta * (out["entropy"] - target).clamp_min(0)
        loss = loss + self._regularisers()
        mse = (out["recon"] - x).square().flatten(1).mean(1)
        return {"loss": loss, "bpp": out["bits"] / x[0, 0].numel(), "mse": mse}

    @torch.no_grad()
    def _price(self, share: Tensor, rate: Tensor) -> Tensor:
        """Price of a bit a symbol of each item, ``(N,)``, which rises with the share of the target that it takes."""
        if self.training:
            self.log_price.index_add_(0, rate, self.config.pace * share.log().clamp(-1, 1)).clamp_(min=0)
        return self.log_price[rate].exp()

    @torch.no_grad()
    def settle(self) -> None:
        """Give the rate points between the last that met its target and the highest places of their own.

        With their price at its least they end as one point, the network's highest. Their gains and biases become
        geometric and arithmetic means of those at either end (Cui et al., CVPR 2021).
        """
        # The average over steps, which is what is exported, comes as near to the least price as it likes.
        met = (self.log_price > 0.01).nonzero() if self.config.pace else ()
        if len(met) == 0:
            return
        last = int(met[-1])
        for part in (self.gain.log, self.inverse_gain.log, self.importance, self.context.rate_bias):
            share = torch.linspace(0, 1, len(part) - last).view(-1, *[1] * (part.ndim - 1))
            part[last:] = torch.lerp(part[last], part[-1], share)

    def _regularisers(self) -> Tensor:
        config, total = self.config, self.centres.values.new_zeros(())
        if config.centre_decay:
            total = total + 0.5 * config.centre_decay * self.centres.values.square().sum()
        if config.decay:
            kernels = [p for part in (self.encoder, self.decoder) for p in part.parameters() if p.ndim == 4]
            total = total + 0.5 * config.decay * torch.stack([kernel.square().sum() for kernel in kernels]).sum()
        return total

    def tables(self) -> dict[str, np.ndarray]:
        """See :meth:`methods.layers.network.Network.tables`."""
        return make_tables()

    def coder(self, arrays: Mapping[str, np.ndarray], rate: int) -> Coder:
        """See :meth:`methods.layers.network.Network.coder`."""
        model, centres = (copy.deepcopy(part).cpu().double() for part in (self.context, self.centres))
        return SymbolCoder(model, centres, read_tables(arrays), rate, self.config.latent)
