"""How a preset is trained: the schema of a recipe's ``train`` table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Training:
    """How one preset is trained; a recipe's ``train`` table.

    The schedule says how pairs are taken. ``cosine`` and ``hold`` count steps and draw pairs with replacement, each
    from either view; the others count epochs, one pass over the list of pairs in a seeded order.

    Attributes:
        batch: Items a step; a multiple of the number of rate points that one set of weights covers.
        steps: Optimiser steps; training ends here, 0 for no such end. ``cosine`` and ``hold`` need it.
        rate: Peak learning rate of Adam.
        epochs: Passes over the pairs after which training ends; 0 for no such end.
        optimizer: ``adam`` (as published) or ``muon`` (orthogonalised momentum for convolution kernels, Adam for
            the rest).
        amsgrad: Adam's AMSGrad form.
        muon_rate: Peak learning rate of the kernels under ``muon``.
        aux_rate: Learning rate of the quantiles' own Adam; it does not decay.
        schedule: ``cosine``; ``plateau``: down by ``factor`` once ``patience`` epochs in a row have not lowered the
            validation loss, and the end once ``floor`` is reached; ``multistep``: down after each epoch of
            ``milestones``; ``staircase``: down every ``every`` epochs; ``hold``: the peak for ``hold`` steps, then down
            every ``every`` steps as far as ``least``.
        milestones: Epochs of ``multistep``.
        every: Epochs a stair; steps between two falls of ``hold``.
        hold: Steps at the peak rate.
        least: Where ``hold`` ends, as a part of the peak rate.
        factor: What the rate is multiplied with.
        patience: Epochs without gain that ``plateau`` bears.
        floor: Lowest rate of ``plateau``.
        keep: ``best`` exports the weights of the lowest validation loss, ``last`` those of the last step.
        validate: Epochs between two validations, where the schedule or ``keep`` needs them.
        warmup: Steps of linear warm-up where steps are counted.
        restarts: Shares of the steps at which the cosine begins anew, warm-up included (Loshchilov and Hutter, ICLR
            2017), for networks that are trained in stages.
        ema: Decay of the exponential moving average of the weights; 0 keeps the plain weights.
        clip: Largest gradient norm; 0 for none.
        precision: ``auto`` takes bfloat16 where it is faster; ``float32``, as published.
        loss: ``plain`` is the published λ·scale·D + R; ``sqrt`` divides each sample's by √λ.
        scale: Factor on λ·D: 255² on NDIC's scale, 1 on LDMIC's.
        distortion: D, on pictures in [0, 1]: ``mse``, or ``ms_ssim`` for 1 − MS-SSIM (5 scales, 7 taps).
        perceptual: Perceptual distance P: LPIPS v0.1 on the named backbone, whose weights must be there.
        perceptual_weight: Its weight a: D becomes (1 − a)·D + a·P, unless the network has a loss of its own.
        perceptual_crop: Rows and columns of the window, at a random place, on which it is measured; empty for all.
        alpha: Weight of the side view's own rate and distortion in NDIC's loss.
        beta: Weight of the common information's rate.
        augment: Words joined by ``+``, each done to x and y alike in half of the items: ``flip`` (left to right),
            ``colour`` (exposure and colour balance; where steps are counted), and for schedules by epochs ``vflip``
            (upside down) and ``swap`` (x for y); ``none`` for none of them.
        crop: Rows and columns of a random crop, at the same place in x and y; along an axis on which the picture is
            not larger, all of it. Empty for whole pictures; schedules by epochs alone.
        alone: Share of the steps in which a network that can leaves the side view out.
        spread: Weight of the spread between two draws of a decoder that draws noise, at the noise's full level; see
            :func:`bench.train.loss.item_losses`. 0 for none.
        spread_after: Share of the steps that pass before it.
        start: Variant of the same preset from whose finished weights training starts; empty to start from scratch.
    """

    batch: int
    steps: int = 0
    rate: float = 1e-4
    epochs: int = 0
    optimizer: Literal["adam", "muon"] = "adam"
    amsgrad: bool = False
    muon_rate: float = 2e-3
    aux_rate: float = 1e-3
    schedule: Literal["cosine", "hold", "plateau", "multistep", "staircase"] = "cosine"
    milestones: Sequence[int] = ()
    every: int = 0
    hold: int = 0
    least: float = 0.0
    factor: float = 0.1
    patience: int = 10
    floor: float = 1e-7
    keep: Literal["last", "best"] = "last"
    validate: int = 1
    warmup: int = 100
    restarts: Sequence[float] = ()
    ema: float = 0.0
    clip: float = 1.0
    precision: Literal["auto", "float32"] = "auto"
    loss: Literal["sqrt", "plain"] = "sqrt"
    scale: float = 255.0**2
    distortion: Literal["mse", "ms_ssim"] = "mse"
    perceptual: Literal["none", "lpips_squeeze", "lpips_vgg"] = "none"
    perceptual_weight: float = 0.0
    perceptual_crop: Sequence[int] = ()
    alpha: float = 0.0
    beta: float = 0.0
    augment: str = "flip"
    crop: Sequence[int] = ()
    alone: float = 0.0
    spread: float = 0.0
    spread_after: float = 0.0
    start: str = ""

    @property
    def by_epochs(self) -> bool:
        """Whether training counts passes over the list of pairs."""
        return self.schedule not in ("cosine", "hold")

    @property
    def validates(self) -> bool:
        """Whether training needs a validation set."""
        return self.schedule == "plateau" or self.keep == "best"

    def faults(self) -> list[str]:
        """Say what does not fit together, one phrase each."""
        words = set(self.augment.split("+"))
        known = {"flip", "vflip", "swap", "none"} if self.by_epochs else {"flip", "colour"}
        stated = {"multistep": bool(self.milestones), "staircase": self.every > 0, "hold": self.every > 0}
        weight = self.perceptual_weight
        found = {
            "perceptual and perceptual_weight go together": (weight > 0) != (self.perceptual != "none"),
            "batch and validate are 1 or more": min(self.batch, self.validate) < 1,
            f"{self.schedule} needs steps, and counts no epochs": not self.by_epochs
            and (self.steps < 1 or self.epochs > 0),
            "no end is stated: give steps or epochs": self.by_epochs and not (self.steps or self.epochs),
            "multistep needs milestones, staircase and hold need every": not stated.get(self.schedule, True),
            f"augment {self.augment!r} is none of this schedule's": not words <= known,
            "restarts are rising shares of a cosine's steps": bool(self.restarts)
            and (
                self.schedule != "cosine"
                or not min(self.restarts) > 0
                or list(self.restarts) != sorted({*self.restarts, 1.0})[:-1]
            ),
            "perceptual_crop is [rows, columns]": len(self.perceptual_crop) not in (0, 2),
            "crop is [rows, columns], for schedules by epochs": len(self.crop)
            not in ((0, 2) if self.by_epochs else (0,)),
            "validation goes by epochs and knows no ema": self.validates and (not self.by_epochs or self.ema > 0),
        }
        return [fault for fault, is_so in found.items() if is_so]
