"""Latent diffusion's schedule as diffusers writes it down: noise levels, the target, the estimate of the latent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Schedule:
    """A scheduler's configuration.

    Attributes:
        config: What diffusers' schedulers are built from.
        kept: ᾱ of each index, float32 ``(T,)``: the latent's share of the variance.
    """

    config: Mapping[str, Any]
    kept: Tensor

    @property
    def length(self) -> int:
        """T, the number of indices."""
        return len(self.kept)

    def _roots(self, time: Tensor) -> tuple[Tensor, Tensor]:
        kept = self.kept.to(time.device)[time].view(-1, 1, 1, 1)
        return kept.sqrt(), (1 - kept).sqrt()

    def noisy(self, clean: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """Latents ``(N, C, h, w)`` with the noise of indices ``(N,)``."""
        signal, spread = self._roots(time)
        return signal * clean + spread * noise

    def target(self, clean: Tensor, noise: Tensor, time: Tensor) -> Tensor:
        """What the U-Net should give: v, or the noise where the foundation predicts that."""
        if self.config["prediction_type"] == "epsilon":
            return noise
        signal, spread = self._roots(time)
        return signal * noise - spread * clean

    def clean(self, made: Tensor, noisy: Tensor, time: Tensor) -> Tensor:
        """Estimate of the latent from what the U-Net gave."""
        signal, spread = self._roots(time)
        if self.config["prediction_type"] == "epsilon":
            return (noisy - spread * made) / signal
        return signal * noisy - spread * made

    def sampler(self, kind: str, steps: int) -> Any:
        """Return diffusers' scheduler, ``ddim`` or ``ddpm``, set to a number of steps."""
        import diffusers

        known = {"ddim": diffusers.DDIMScheduler, "ddpm": diffusers.DDPMScheduler}
        made = known[kind].from_config(dict(self.config))
        made.set_timesteps(steps)
        return made


def schedule_of(config: Mapping[str, Any], **changed: Any) -> Schedule:
    """Read a scheduler's configuration, but for what is ``changed``."""
    import diffusers

    own = {key: value for key, value in {**config, **changed}.items() if not key.startswith("_")}
    ddpm = diffusers.DDPMScheduler.from_config(own)
    kept: Tensor = ddpm.alphas_cumprod.float()
    return Schedule({**own, "prediction_type": ddpm.config.prediction_type}, kept)
