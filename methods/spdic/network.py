"""SPDIC's network: CDC's encoder and hyperprior for ``x``, diffusion on the latent, a decoder that reads ``y``.

Xu, Xiang, Zhang, Zhou, "Perceptual Distributed Image Compression: Only Need Stochasticity", 2025, as its repository and
figures describe it. The decoded latent is projected to the four channels of a pretrained text-conditional U-Net,
noised, denoised, projected back and added; features of ``y`` join the decoder at 1/16, 1/8, 1/4 and 1/2.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from bench.training import Training
from methods.foundation.parts import Untrained
from methods.foundation.sampling import Draws, Predict, indices, sample
from methods.foundation.schedule import schedule_of
from methods.foundation.text import SideText
from methods.layers.autoencoder import Gains
from methods.layers.network import Network, Sizes
from methods.layers.prior_network import PriorNetwork
from methods.layers.priors import HyperPrior
from methods.spdic.transforms import PublishedJoin, PublishedSide, SmallJoin, SmallSide, encoder


@dataclass(frozen=True)
class Config(Sizes):
    """Sizes of one SPDIC; the keys of a recipe's ``model`` table.

    Attributes:
        foundation: Folder of configurations that gives the U-Net's sizes and the schedule.
        widths: Channels of the encoder's stages: at 1/2 to 1/16 as published, at 1/4 to 1/16 in the small form; the
            last is the latent's.
        projection: Channels between the latent and the U-Net's four.
        beta_schedule: Schedule of the noise: the foundation's ``scaled_linear``, or ``linear`` as released.
        rates: Rate points that one set of weights covers.
        form: Form of hyperprior and transforms: ``small`` or ``cdc``.
        hyper: Channels of the hyper-latent.
        hyper_width: Hidden width of the small hyperprior.
        mixing: Blocks that mix latent and features of ``y`` in the small form.
        filters: Widths of the factorised density.
    """

    foundation: str
    widths: tuple[int, ...]
    projection: int
    beta_schedule: str
    rates: int
    form: str
    hyper: int
    hyper_width: int = 0
    mixing: int = 0
    filters: tuple[int, ...] = (3, 3, 3)


class Side(NamedTuple):
    """What the decoder takes from side views: features, coarse to fine, and text states ``(N, L, D)``."""

    features: list[Tensor]
    text: Tensor


class SPDIC(PriorNetwork):
    """SPDIC. Pictures are in [0, 1] outside and in [−1, 1] inside."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, self.rates = config, config.rates
        widths, latent = config.widths, config.widths[-1]
        small = config.form == "small"
        self.enc_x = encoder(widths, small)
        self.views: nn.Module = SmallSide(widths) if small else PublishedSide(widths)
        self.join: nn.Module = SmallJoin(widths, config.mixing) if small else PublishedJoin(widths)
        self.prior = HyperPrior(latent, config.hyper, config.hyper_width, config.rates, config.form, config.filters)
        parts = Untrained(config.foundation)
        self.unet = parts.untrained_unet()
        self.unet.conv_in.requires_grad_(False)  # as released
        self.schedule = schedule_of(parts.config("scheduler"), beta_schedule=config.beta_schedule)
        self.scale = float(parts.config("vae")["scaling_factor"])
        between, deep = config.projection, self.unet.config.in_channels
        self.latent_proj = nn.Sequential(nn.Conv2d(latent, between, 1), nn.Conv2d(between, deep, 1))
        self.latent_proj_back = nn.Sequential(nn.Conv2d(deep, between, 1), nn.Conv2d(between, latent, 1))
        if config.rates > 1:
            self.gain = Gains(config.rates, latent, span=8.0)
            self.inverse_gain = Gains(config.rates, latent, span=1 / 8.0)
        self.text: SideText | None = None
        self._spread = 0.0
        self._states: Tensor | None = None

    def analyse(self, x: Tensor, rate: Tensor) -> Tensor:
        """Latent ``(N, M, H/16, W/16)`` of pictures in [0, 1], scaled for rate indices ``(N,)``."""
        latent: Tensor = self.enc_x(2 * x - 1)
        return latent * self.gain(rate).to(latent.dtype) if self.rates > 1 else latent

    def analyser(self) -> Network:
        """See :meth:`methods.layers.network.Network.analyser`; the U-Net, which it does not use, is left out."""
        held, self.unet = self.unet, nn.Identity()
        try:
            return copy.deepcopy(self)
        finally:
            self.unet = held

    def side(self, y: Tensor, text: Tensor | None = None) -> Side:
        """Features of side views ``(N, 3, H, W)`` in [0, 1], beside the states of their text."""
        if text is None:
            raise ValueError("SPDIC reads text: give its states.")
        return Side(self.views(2 * y - 1), text)

    def correction(self, latent: Tensor, text: Tensor, start: Tensor, time: Tensor) -> Tensor:
        """Latent ``(N, M, h, w)`` of one estimate at noisy ``start`` and indices ``(N,)``: what training adds."""
        made = self.unet(start, time, text).sample.float()
        found: Tensor = self.latent_proj_back(self.schedule.clean(made, start, time))
        return latent + found

    def compact(self, latent: Tensor) -> Tensor:
        """Projection ``(N, 4, h, w)`` of a latent, on the U-Net's scale."""
        found: Tensor = self.latent_proj(latent) * self.scale
        return found

    def corrected(self, latent: Tensor, text: Tensor, how: Mapping[str, Any], draws: Draws | None) -> Tensor:
        """Latent ``(N, M, h, w)`` after the whole sampler.

        Args:
            latent: Decoded latent without gain.
            text: Text states ``(N, L, D)``.
            how: ``start``: ``noised-z`` or ``pure-noise``; ``noise``: level of the noise, a share of the schedule;
                ``steps``.
            draws: Noise of the items; None where the level is 0.
        """
        compact = self.compact(latent).float()
        predict: Predict = lambda noisy, time: self.unet(noisy.to(self.unet.dtype), time, text).sample  # noqa: E731
        text = text.to(self.unet.dtype)
        if how["start"] == "pure-noise":
            assert draws is not None
            found = sample(self.schedule, predict, draws.like(compact), how["steps"], draws)
        else:
            steps = indices(self.schedule.length, float(how["noise"]), how["steps"])
            noise = draws.like(compact) if draws is not None else torch.zeros_like(compact)
            first = torch.full((len(compact),), steps[0], device=compact.device)
            # Without noise the estimate is that of the latent itself.
            start = self.schedule.noisy(compact, noise, first) if draws is not None else compact
            found = sample(self.schedule, predict, start, steps, draws)
        corrected: Tensor = latent + self.latent_proj_back(found.to(latent.dtype))
        return corrected

    def picture(self, latent: Tensor, side: Side) -> Tensor:
        """Picture ``(N, 3, H, W)`` in [0, 1], unclamped, from the corrected latent and the side view's features."""
        made: Tensor = self.join(latent, side.features)
        return (made + 1) / 2

    def plain(self, latent: Tensor, rate: Tensor) -> Tensor:
        """The decoded latent without its gain."""
        return latent * self.inverse_gain(rate).to(latent.dtype) if self.rates > 1 else latent

    def synthesise(self, latent: Tensor, rate: Tensor, side: Side) -> Tensor:
        """Picture of the correction without noise."""
        how = {"start": "noised-z", "noise": 0.0, "steps": 1}
        return self.picture(self.corrected(self.plain(latent, rate), side.text, how, None), side)

    def phase(self, progress: float, how: Training) -> None:
        """Also note the weight of the spread between two draws."""
        super().phase(progress, how)
        self._spread = how.spread if progress >= how.spread_after else 0.0

    def meet(self, whole: Sequence[Tensor], captions: Sequence[str | None]) -> None:
        """Take the step's side views as stored; their text is what the decoder's captioner says."""
        assert self.text is not None
        self._states = self.text.of(torch.stack(list(whole)))

    def forward(self, x: Tensor, y: Tensor, rate: Tensor) -> dict[str, Tensor]:
        """One training pass, at an index of the schedule drawn for each item, one call of the U-Net.

        Args:
            x: Pictures to code, ``(N, 3, H, W)`` in [0, 1]; item ``i`` is at rate point ``i mod rates``.
            y: Side views of the same shape.
            rate: Rate indices ``(N,)``.

        Returns:
            ``recon`` and ``bits`` ``(N,)`` of ``x``; with a spread also ``other``, the picture of a second draw, and
            ``spread`` ``(N,)``, in proportion to the level of the item's noise.
        """
        assert self._states is not None, "training calls meet() before each step"
        known, bits = self.prior(self.analyse(x, rate).float())
        latent = self.plain(known, rate)
        side = self.side(y, self._states.to(x.device))
        if self.alone:
            side = side._replace(features=[torch.zeros_like(feature) for feature in side.features])
        compact = self.compact(latent).float()
        time = torch.randint(self.schedule.length, (len(x),), device=x.device)

        def draw() -> Tensor:
            start = self.schedule.noisy(compact, torch.randn_like(compact), time)
            return self.picture(self.correction(latent, side.text, start, time), side)

        out = {"recon": draw(), "bits": bits}
        if self._spread:
            with torch.no_grad():
                out["other"] = draw()
            out["spread"] = self._spread * time / (self.schedule.length - 1)
        return out
