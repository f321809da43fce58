"""Forward process of a diffusion model on pictures, and the deterministic DDIM that runs it backwards.

Ho et al., NeurIPS 2020 (linear schedule); Nichol and Dhariwal, ICML 2021 (cosine); Song et al., ICLR 2021 (DDIM with
η = 0). As in CDC's release the sampler's indices are spaced evenly from 0 to the last, so that a step goes to the next
index of the list and the last one to the picture; diffusers' schedulers step by T // n instead, which agrees where
n = T.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from bench.errors import BenchError


class Step(NamedTuple):
    """One step of the sampler.

    Attributes:
        time: What the network is told, in [0, 1].
        kept: ᾱ, the picture's share of the variance, here.
        before: ᾱ where the step leads.
    """

    time: float
    kept: float
    before: float


Predict = Callable[[Tensor, Step], tuple[Tensor, Tensor]]
"""From noisy pictures at a step to the estimates of picture and noise."""


@dataclass(frozen=True)
class Process:
    """A schedule of noise and what the network estimates under it.

    Attributes:
        length: T, the number of indices.
        schedule: ``linear`` (β from 1e-4 to 0.02 at T = 1000, scaled by 1000/T) or ``cosine``.
        target: What the network gives: ``noise`` or ``picture``.
        clamp: The sampler clamps each estimate of the picture to [−1, 1].
        ranks: The sampler tells the network a step's rank over the number of steps, as CDC's ε release does, in place
            of its index over T.
    """

    length: int
    schedule: str
    target: str
    clamp: bool
    ranks: bool = False

    def kept(self) -> np.ndarray:
        """ᾱ of every index, float64 ``(T,)``."""
        return _kept(self.length, self.schedule)

    def steps(self, count: int) -> list[Step]:
        """Steps of the sampler, from noise to picture.

        A single one starts at the last index: CDC's x release does so, and its ε release starts at index 0, where it
        hands the start back.

        Raises:
            BenchError: There are more steps than indices, or none.
        """
        if not 1 <= count <= self.length:
            raise BenchError(f"steps {count} is not between 1 and {self.length}, the steps of training; change steps.")
        kept = self.kept()
        chosen = torch.linspace(0, self.length - 1, count).long().tolist() if count > 1 else [self.length - 1]
        before = [1.0, *(float(kept[i]) for i in chosen[:-1])]
        made = []
        for rank, index in enumerate(chosen):
            time = rank / count if self.ranks else index / self.length
            made.append(Step(time, float(kept[index]), before[rank]))
        return made[::-1]

    def draw(self, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """Draw times for training from torch's generator.

        Returns:
            What the network is told, ``(count,)``, and ᾱ, ``(count, 1, 1, 1)``, both float32.
        """
        index = torch.randint(self.length, (count,), device=device)
        kept = torch.from_numpy(self.kept()).to(device)
        return index.float() / self.length, kept[index].float().view(-1, 1, 1, 1)

    def estimates(
        self, made: Tensor, noisy: Tensor, kept: float | Tensor, clamp: bool | None = None
    ) -> tuple[Tensor, Tensor]:
        """Picture and noise from what the network made of ``noisy``.

        Where the noise is what the network gives, clamping the picture leaves it as it is.

        Args:
            made: What the network gave.
            noisy: What it was given.
            kept: ᾱ, a number or ``(N, 1, 1, 1)``.
            clamp: Clamp the picture; as the process says where None.
        """
        clamp = self.clamp if clamp is None else clamp
        if self.target == "noise":
            picture = (noisy - (1 - kept) ** 0.5 * made) / kept**0.5
            return picture.clamp(-1, 1) if clamp else picture, made
        picture = made.clamp(-1, 1) if clamp else made
        return picture, (noisy - kept**0.5 * picture) / (1 - kept) ** 0.5


@cache
def _kept(length: int, schedule: str) -> np.ndarray:
    if schedule == "linear":
        scale = 1000 / length
        betas = np.linspace(1e-4 * scale, 0.02 * scale, length)
    else:
        count = length + 1
        curve = np.cos((np.linspace(0, count, count) / count + 0.008) / 1.008 * np.pi / 2) ** 2
        betas = np.clip(1 - curve[1:] / curve[:-1], 0, 0.999)
    return np.asarray(np.cumprod(1 - betas))


def add_noise(picture: Tensor, noise: Tensor, kept: Tensor) -> Tensor:
    """Noisy pictures ``(N, C, H, W)`` of times whose ᾱ is ``kept``, ``(N, 1, 1, 1)``."""
    return kept.sqrt() * picture + (1 - kept).sqrt() * noise


def ddim(predict: Predict, start: Tensor, steps: Sequence[Step]) -> Tensor:
    """Run the process backwards without drawing anything.

    Args:
        predict: Estimates of picture and noise.
        start: Where to start, ``(N, C, H, W)``.
        steps: What :meth:`Process.steps` gave.

    Returns:
        Pictures in about [−1, 1].
    """
    noisy = start
    for step in steps:
        picture, noise = predict(noisy, step)
        noisy = step.before**0.5 * picture + (1 - step.before) ** 0.5 * noise
    return noisy


def starts(seeds: Sequence[int], shape: Sequence[int], scale: float) -> Tensor:
    """Start of each item, float32 on the CPU ``(N, *shape)``: normal noise of its own seed alone, times ``scale``."""
    return torch.stack(
        [scale * torch.randn(tuple(shape), generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    )
