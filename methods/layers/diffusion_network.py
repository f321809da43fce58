"""What a codec whose decoder is a diffusion model offers beyond the latent codecs' networks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from methods.layers.diffusion import Process, Step, add_noise, ddim
from methods.layers.noise import noise_like
from methods.layers.prior_network import PriorNetwork

Estimate = Callable[[Tensor, Tensor, Tensor, Any], tuple[Tensor, Tensor]]

SNR_LIMIT = 5.0
"""Largest weight of an error of the picture: min-SNR of Hang et al., ICCV 2023, as CDC's x release has it."""


class DiffusionNetwork(PriorNetwork):
    """Analysis, entropy model, and a denoiser that a decoded latent conditions.

    Pictures are in [0, 1] outside and in [−1, 1] inside.

    Attributes:
        process: The schedule of noise, and what the denoiser estimates.
        steps: Steps of the sampler that :meth:`synthesise` takes.
    """

    process: Process
    steps: int = 10

    @abstractmethod
    def condition(self, latent: Tensor, rate: Tensor, side: Any) -> Any:
        """All that the denoiser reads besides noise and time, from the decoded latent and what ``side`` gave."""

    @abstractmethod
    def estimate(self, noisy: Tensor, time: Tensor, kept: Tensor, condition: Any) -> tuple[Tensor, Tensor]:
        """Estimates of picture and noise, each ``(N, 3, H, W)``; nothing is clamped in training.

        Args:
            noisy: ``(N, 3, H, W)``.
            time: What the denoiser is told, ``(N,)``.
            kept: ᾱ, of one value or ``(N, 1, 1, 1)``.
            condition: What :meth:`condition` gave.
        """

    def sample(self, condition: Any, start: Tensor, steps: int, estimate: Estimate | None = None) -> Tensor:
        """Run the process backwards; nothing is drawn.

        Args:
            condition: What :meth:`condition` gave.
            start: Where to start, ``(N, 3, H, W)``.
            steps: Steps of the sampler.
            estimate: :meth:`estimate`, perhaps compiled.

        Returns:
            Pictures ``(N, 3, H, W)`` in [0, 1], unclamped.
        """
        estimate = estimate or self.estimate

        def predict(noisy: Tensor, step: Step) -> tuple[Tensor, Tensor]:
            time = torch.full((len(noisy),), step.time, device=noisy.device)
            # In float64 and without axes: 1 − ᾱ is exact, results stay float32, and compiled code takes any step.
            kept = torch.tensor(step.kept, dtype=torch.float64)
            picture, noise = estimate(noisy, time, kept, condition)
            return picture.float(), noise.float()

        return (ddim(predict, start, self.process.steps(steps)) + 1) / 2

    def synthesise(self, latent: Tensor, rate: Tensor, side: Any) -> Tensor:
        """Picture ``(N, 3, H, W)`` in [0, 1], unclamped, of a start without noise."""
        height, width = (length * self.stride for length in latent.shape[2:])
        start = latent.new_zeros(len(latent), 3, height, width)
        return self.sample(self.condition(latent, rate, side), start, self.steps)

    def diffuse(self, picture: Tensor, condition: Any, draw: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """One training pass of the denoiser at times drawn before.

        Args:
            picture: ``(N, 3, H, W)`` in [−1, 1].
            condition: What :meth:`condition` gave.
            draw: What :meth:`Process.draw` gave.

        Returns:
            The error ``(N,)`` — of the noise, absolute, or of the picture, squared and weighted by min(SNR, 5) — and
            the estimated picture in [0, 1], clamped where the noise is what is estimated.
        """
        time, kept = draw
        noise = noise_like(picture)
        found, blamed = self.estimate(add_noise(picture, noise, kept), time, kept, condition)
        found = found.float()
        if self.process.target == "noise":
            error = (blamed.float() - noise).abs().flatten(1).mean(1)
            found = found.clamp(-1, 1)
        else:
            weight = (kept / (1 - kept)).clamp_max(SNR_LIMIT).flatten()
            error = weight * (found - picture).square().flatten(1).mean(1)
        return error, (found + 1) / 2
