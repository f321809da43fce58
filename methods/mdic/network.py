"""MDIC's network: indices of the picture's latent, features of the side view's, and a U-Net that both condition.

Xu, Zhang, Xiang, Tan, Yang, Zhou, "Distributed Image Compression with Multimodal Side Information at Extremely Low
Bitrates", CVPR 2026, arXiv 2605.22061, as its repository has it, corrected where that does not repeat or run: the mode
of the autoencoder's posterior in place of a sample, a mask without noise when decoding, bits in place of nats, and a
first convolution that keeps the pretrained kernels.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from bench.training import Training
from methods.foundation.captions import content
from methods.foundation.parts import Untrained
from methods.foundation.schedule import schedule_of
from methods.foundation.text import SideText
from methods.layers.decisions import make_tables, read_tables
from methods.layers.network import Network, Sizes
from methods.mdic.align import PublishedAlign, SharedAlign
from methods.mdic.alignment import Alignment
from methods.mdic.coder import IndexCoder
from methods.mdic.entropy import IndexModel
from methods.mdic.fuse import ClusterCompensation, LocalDetail, MaskGenerator, expand
from methods.mdic.vq import VectorQuantiser

LATENT = 4
"""Channels of the autoencoder's latent."""


@dataclass(frozen=True)
class Config(Sizes):
    """Sizes of one MDIC; the keys of a recipe's ``model`` table, and the rate points that the weights cover.

    Attributes:
        foundation: Folder of configurations that gives the U-Net's sizes and the schedule.
        form: ``small``, with one trunk for all rate points, or ``published``.
        ratios: Latent rows to one row of indices, of each rate point.
        codes: Codebook size of each rate point, a power of two.
        width: Channels of the align networks.
        channels: Channels of the features.
        depth: Length of the code vectors.
        side_codes: Size of the side view's own codebook.
        gradient: How gradients pass the quantiser: ``ste`` or ``rotation``.
        revive: See :class:`methods.mdic.vq.VectorQuantiser`.
        mask: Channels of the mask generator.
        cluster: Heads, inner channels, positions and pooling of the cluster compensation.
        gate: Channels of the gate of the local detail.
        entropy: Channels, heads, inner channels and blocks of the entropy model.
        dropout: Share of values that its training drops.
        above: Its small form.
        weight: Weight of the rate in the loss; it trains the entropy model alone, since indices pass no gradient.
        silence: Share of items trained without text.
        remember: Keep the latents of training's pictures in memory: most of a step, where few pictures come often. Of
            use without changes of colour alone, which make each picture a new one.
        rates: Rate points that one set of weights covers.
    """

    foundation: str
    form: str
    ratios: tuple[int, ...]
    codes: tuple[int, ...]
    width: int
    channels: int
    depth: int
    side_codes: int
    gradient: str
    mask: int
    cluster: tuple[int, int, int, int]
    gate: tuple[int, int]
    entropy: tuple[int, int, int, int]
    weight: float
    rates: int
    revive: float = 0.0
    dropout: float = 0.1
    above: bool = False
    silence: float = 0.1
    remember: bool = False
    alignment: float = 0.1
    words: tuple[str, ...] = ()


class Side(NamedTuple):
    """Features of side views: continuous and quantised, ``(N, C, h, w)``; and text states ``(N, L, D)``."""

    features: Tensor
    quantised: Tensor
    text: Tensor | None


class MDIC(Network):
    """MDIC. Pictures are in [0, 1] outside, in [−1, 1] inside; the frozen autoencoder is not among the parameters."""

    multiple = 64
    stride = 8
    training_only = ("alignment.",)

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, self.rates = config, config.rates
        small, channels = config.form == "small", config.channels
        if small:
            self.align: nn.Module = SharedAlign(LATENT, config.width, channels, config.ratios, blocks=1)
            self.align_y: nn.Module = SharedAlign(LATENT, config.width, channels, (1,), blocks=1)
        else:
            self.align = PublishedAlign(LATENT, config.width, channels, config.ratios[0])
            self.align_y = PublishedAlign(LATENT, config.width, channels, 1)
        self.vq = nn.ModuleList([self._quantiser(codes) for codes in config.codes])
        self.vq_y = self._quantiser(config.side_codes)
        self.mask = MaskGenerator(channels, config.mask)
        self.cluster = ClusterCompensation(channels, *config.cluster)
        self.detail = LocalDetail(channels, config.gate)
        self.entropy = IndexModel(config.codes, *config.entropy, config.dropout, config.above)
        parts = Untrained(config.foundation)
        self.unet = parts.untrained_unet(in_channels=LATENT + 2 * channels)
        self.alignment = Alignment(channels, parts.config("text_encoder")["hidden_size"], config.words)
        self.schedule = schedule_of(parts.config("scheduler"))
        self.text: SideText | None = None
        self._vae: list[Any] = []
        self._states: Tensor | None = None
        self._hidden: list[tuple[int, Tensor] | None] = []
        self._met: dict[str, Tensor] = {}

    def _quantiser(self, codes: int) -> VectorQuantiser:
        config = self.config
        return VectorQuantiser(config.channels, config.depth, codes, config.gradient, revive=config.revive)

    @property
    def vae(self) -> Any:
        """The frozen autoencoder; a list keeps it out of the parameters."""
        return self._vae[0]

    def use(self, vae: Any) -> None:
        """Take the frozen autoencoder."""
        self._vae = [vae]

    def analyser(self) -> Network:
        """See :meth:`methods.layers.network.Network.analyser`; U-Net and the autoencoder's decoder are left out."""
        held, self.unet = self.unet, nn.Identity()
        vae, self._vae = self.vae, []
        decoder, vae.decoder = vae.decoder, nn.Identity()
        try:
            made = copy.deepcopy(self)
            made.use(copy.deepcopy(vae).cpu().double())
            return made
        finally:
            self.unet, self._vae, vae.decoder = held, [vae], decoder

    @torch.no_grad()
    def latent(self, picture: Tensor) -> Tensor:
        """Scaled latent ``(N, 4, H/8, W/8)`` of pictures in [0, 1]: the posterior's mode."""
        vae = self.vae
        mode = vae.encode((2 * picture - 1).to(vae.dtype)).latent_dist.mode()
        return (mode * vae.config.scaling_factor).to(picture.dtype)

    def remembered(self, pictures: Tensor) -> Tensor:
        """:meth:`latent`, of each picture by itself and once; so a run that was cut finds the same."""
        found = []
        for picture in pictures:
            key = content(picture)
            if key not in self._met:
                self._met[key] = self.latent(picture[None])
            found.append(self._met[key])
        return torch.cat(found)

    def analyse(self, x: Tensor, rate: Tensor) -> Tensor:
        """Compact unit vectors ``(N, d, h, w)`` of pictures at one rate point, which the coder turns into indices."""
        point = int(rate[0])
        compact: Tensor = self.vq[point].compact(self.align(self.latent(x), point))  # type: ignore[operator]
        return compact

    def side(self, y: Tensor, text: Tensor | None = None) -> Side:
        """Features of side views ``(N, 3, H, W)`` in [0, 1], beside the states of their text."""
        features = self.align_y(self.latent(y), 0)
        return Side(features, self.vq_y.lookup(self.vq_y.indices(self.vq_y.compact(features))), text)

    def conditions(self, found: Tensor, side: Side, mask: Tensor) -> Tensor:
        """What the U-Net reads besides the noisy latent, ``(N, 2C, h, w)``: detail, then compensation."""
        shared = expand(self.cluster(found, side.quantised, mask), side.features)
        return torch.cat([self.detail(side.features, mask), shared], 1)

    def synthesise(self, latent: Tensor, rate: Tensor, side: Any) -> Tensor:
        """Not this network's: its pictures depend on noise; see :class:`methods.mdic.codec.MDICCodec`."""
        raise TypeError("MDIC's pictures depend on noise and text; decode with its codec.")

    def phase(self, progress: float, how: Training) -> None:
        """Cool the mask."""
        self.mask.cool(progress)

    def meet(self, whole: Sequence[Tensor], captions: Sequence[str | None]) -> None:
        """Take the step's side views as stored; their text is what the decoder's captioner says."""
        assert self.text is not None
        texts = self.text.captions(torch.stack(list(whole)))
        silent = torch.rand(len(texts)) < self.config.silence
        self._states = self.text.states(["" if quiet else text for text, quiet in zip(texts, silent, strict=True)])
        self._hidden = [self.alignment.hide(text, self.text) for text in texts] if self.config.words else []

    def forward(self, x: Tensor, y: Tensor, rate: Tensor) -> dict[str, Tensor]:
        """One training pass, at an index of the schedule drawn for each item.

        Args:
            x: Pictures to code, ``(N, 3, H, W)`` in [0, 1].
            y: Side views of the same shape.
            rate: Rate indices ``(N,)``.

        Returns:
            ``error`` ``(N,)`` of the U-Net's estimate, ``bits`` ``(N,)``, and ``hidden``, the loss of the hidden words.
        """
        assert self._states is not None, "training calls meet() before each step"
        latent = self.remembered if self.config.remember else self.latent
        both = latent(torch.cat([x, y])).float()
        clean, other = both.chunk(2)
        features = self.align_y(other, 0)
        side = Side(features, self.vq_y(features)[0], self._states.to(x.device))
        conditions = features.new_zeros(len(x), 2 * self.config.channels, *features.shape[2:])
        masks, bits = features.new_zeros(len(x), 1, *features.shape[2:]), x.new_zeros(len(x))
        for point in range(len(self.config.codes)):
            at = torch.nonzero(rate == point).flatten() if self.rates > 1 else torch.arange(len(x), device=x.device)
            if not len(at):
                continue
            found, index = self.vq[point](self.align(clean[at], point))
            own = Side(side.features[at], side.quantised[at], None)
            mask = self.mask(found, own.quantised)
            conditions = conditions.index_copy(0, at, self.conditions(found, own, mask).to(conditions.dtype))
            masks = masks.index_copy(0, at, mask.to(masks.dtype))
            bits = bits.index_copy(0, at, self.entropy.bits(index, point).to(bits.dtype))
        time = torch.randint(self.schedule.length, (len(x),), device=x.device)
        noise = torch.randn_like(clean)
        noisy = self.schedule.noisy(clean, noise, time)
        made = self.unet(torch.cat([noisy, conditions], 1), time, side.text).sample.float()
        error = (made - self.schedule.target(clean, noise, time)).square().flatten(1).mean(1)
        return {"error": error, "bits": bits, "hidden": self.alignment(masks * features, self._hidden)}

    def item_losses(
        self, out: dict[str, Tensor], x: Tensor, y: Tensor, lambdas: Tensor, how: Training
    ) -> dict[str, Tensor]:
        """The released loss: error of v, rate in bits per pixel, and the hidden words' cross-entropy.

        The column of the squared error holds that of v: no picture is decoded in training.
        """
        bpp = out["bits"] / (x.shape[2] * x.shape[3])
        loss = out["error"] + self.config.weight * bpp + self.config.alignment * out["hidden"]
        return {"loss": loss, "bpp": bpp, "mse": out["error"]}

    def aux_loss(self) -> Tensor:
        """Nothing: no density has quantiles."""
        return torch.zeros(())

    def tables(self) -> dict[str, np.ndarray]:
        """See :meth:`methods.layers.network.Network.tables`."""
        return make_tables()

    def coder(self, arrays: Mapping[str, np.ndarray], rate: int) -> IndexCoder:
        """See :meth:`methods.layers.network.Network.coder`."""
        model, quantiser = (copy.deepcopy(part).cpu().double().eval() for part in (self.entropy, self.vq[rate]))
        return IndexCoder(model, quantiser, read_tables(arrays), rate, self.config.ratios[rate])  # type: ignore[arg-type]
