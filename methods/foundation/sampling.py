"""Running a latent diffusion backwards, with noise of each item's own seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from bench.errors import BenchError
from methods.foundation.schedule import Schedule

Predict = Callable[[Tensor, Tensor], Tensor]
"""The U-Net with all its conditions: noisy latents ``(N, C, h, w)`` and indices ``(N,)`` to what it estimates."""


class Draws:
    """Normal noise, item by item from its seed, step by step; on the CPU in float32.

    Args:
        seeds: One for each item.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self.generators = [torch.Generator().manual_seed(seed % (1 << 63)) for seed in seeds]

    def like(self, latent: Tensor) -> Tensor:
        """Noise of the shape ``(N, C, h, w)`` and device of ``latent``, float32."""
        drawn = [torch.randn(latent.shape[1:], generator=generator) for generator in self.generators]
        return torch.stack(drawn).to(latent.device)


def indices(length: int, level: float, steps: int) -> list[int]:
    """Indices of the sampler from a level of noise, 0 … 1 of the schedule's length, down to 0."""
    top = round(level * (length - 1))
    return torch.linspace(top, 0, steps).round().long().unique().flip(0).tolist() if steps > 1 else [top]


def check_steps(steps: object, schedule: Schedule) -> int:
    """Return a number of steps.

    Raises:
        BenchError: It is no whole number from 1 to the schedule's length.
    """
    if not isinstance(steps, int) or isinstance(steps, bool) or not 1 <= steps <= schedule.length:
        raise BenchError(f"steps={steps} is no whole number from 1 to {schedule.length}; change the option.")
    return steps


@torch.inference_mode()
def sample(schedule: Schedule, predict: Predict, start: Tensor, steps: int | list[int], draws: Draws | None) -> Tensor:
    """Run DDPM's ancestral sampler (Ho et al., NeurIPS 2020) as diffusers steps it.

    Args:
        schedule: The foundation's schedule.
        predict: The U-Net.
        start: Latents at the first index, ``(N, C, h, w)``, float32.
        steps: A number of steps over the whole schedule, or their indices, falling.
        draws: Where the noise comes from; None where no step needs any, that is for index 0 alone.
    """
    import diffusers

    sampler = diffusers.DDPMScheduler.from_config(dict(schedule.config))
    if isinstance(steps, int):
        sampler.set_timesteps(steps)
    else:
        sampler.set_timesteps(timesteps=steps)
    latent = start
    for index in sampler.timesteps.tolist():
        made = predict(latent, torch.full((len(latent),), index, device=latent.device)).float()
        generators = draws.generators if draws is not None else None
        latent = sampler.step(made, index, latent, generator=generators).prev_sample
    return latent
