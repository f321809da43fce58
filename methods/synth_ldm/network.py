"""The foundation as it is trained: stages, one after the other, each with a loss of its own.

Rombach et al., CVPR 2022: an autoencoder with a weakly regularised latent (section 3.1) and a text-conditional U-Net on
it (section 3.2 and 3.3), here estimating v (Salimans and Ho, ICLR 2022, appendix D). Li et al., ICML 2022: a captioner
trained to say the next word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.training import Training
from methods.foundation.captions import fit
from methods.foundation.parts import Untrained
from methods.foundation.schedule import schedule_of

STAGES = ("vae", "captioner", "unet", "captioner")


class SynthLDMNetwork(nn.Module):
    """All parts of the foundation.

    Args:
        crop: Side of the squares that the autoencoder is trained on, pixels.
        divergence: Weight of the latent's divergence from the unit Gaussian.
        alone: Share of items whose sentence is left out, so that guidance without classifier can serve.
    """

    def __init__(self, crop: int, divergence: float, alone: float) -> None:
        super().__init__()
        self.crop, self.divergence, self.alone = crop, divergence, alone
        self.parts = Untrained("synth-ldm")
        for name in ("vae", "captioner", "unet", "text_encoder"):
            setattr(self, name, self.parts.module(name).train().requires_grad_(True))
        self.schedule = schedule_of(self.parts.config("scheduler"))
        self.words = {name: self.parts.words(name) for name in ("captioner", "text_encoder")}
        self.register_buffer("deviation", torch.ones(()))
        self.stage = STAGES[0]
        self.captions: Sequence[str | None] = ()

    def phase(self, progress: float, how: Training) -> None:
        """Choose the stage: they change where the cosine begins anew."""
        self.stage = STAGES[sum(progress >= share for share in how.restarts)]

    def meet(self, whole: Sequence[Tensor], captions: Sequence[str | None]) -> None:
        """Take the step's sentences; None for pairs without one."""
        self.captions = captions

    def forward(self, x: Tensor, y: Tensor, rate: Tensor) -> dict[str, Tensor]:
        """One training pass of the present stage.

        Args:
            x: Pictures ``(N, 3, H, W)`` in [0, 1].
            y: Not used.
            rate: Not used.

        Returns:
            ``loss`` and ``mse`` ``(N,)``; the second is the reconstruction's in the first stage, else 0.
        """
        return {"vae": self._autoencode, "captioner": self._caption, "unet": self._denoise}[self.stage](x)

    def item_losses(self, out: dict[str, Tensor], *_: Any) -> dict[str, Tensor]:
        """Losses as :func:`bench.train.loss.item_losses` gives them; nothing is coded, so bpp is 0."""
        return {"loss": out["loss"], "bpp": torch.zeros_like(out["mse"]), "mse": out["mse"]}

    def _autoencode(self, x: Tensor) -> dict[str, Tensor]:
        height, width = x.shape[2:]
        size = min(self.crop, height, width)
        row, column = (int(torch.randint(length - size + 1, ())) for length in (height, width))
        square = x[:, :, row : row + size, column : column + size]
        posterior = self.vae.encode(2 * square - 1).latent_dist
        with torch.no_grad():
            # Of single squares, over the last hundreds of steps: the scale that makes latents of unit variance.
            self.deviation.lerp_(posterior.mean.float().std(), 0.01)
        recon = (self.vae.decode(posterior.sample()).sample.float() + 1) / 2
        absolute = (recon - square).abs().flatten(1).mean(1)
        return {
            "loss": absolute + self.divergence * posterior.kl(),
            "mse": (recon - square).square().flatten(1).mean(1),
        }

    def _caption(self, x: Tensor) -> dict[str, Tensor]:
        told = [i for i, text in enumerate(self.captions) if text is not None]
        losses = x.new_zeros(len(x))
        if told:
            rows = self.words["captioner"].encode([self.captions[i] or "" for i in told]).to(x.device)
            squares = fit(x[told], self.captioner.config.vision_config.image_size)
            logits = self.captioner(pixel_values=squares, input_ids=rows).logits
            pad = self.captioner.config.text_config.pad_token_id
            wrong = functional.cross_entropy(logits[:, :-1].transpose(1, 2).float(), rows[:, 1:], reduction="none")
            known = (rows[:, 1:] != pad).float()
            losses = losses.index_put((torch.tensor(told, device=x.device),), (wrong * known).sum(1) / known.sum(1))
        return {"loss": losses + 0 * self.captioner.text_decoder.cls.predictions.bias.sum(), "mse": x.new_zeros(len(x))}

    def _denoise(self, x: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            clean = self.vae.encode(2 * x - 1).latent_dist.mode().float() / self.deviation
        silent = torch.rand(len(x)) < self.alone
        texts = ["" if quiet else text or "" for text, quiet in zip(self.captions, silent.tolist(), strict=True)]
        states = self.text_encoder(self.words["text_encoder"].encode(texts).to(x.device)).last_hidden_state
        time = torch.randint(self.schedule.length, (len(x),), device=x.device)
        noise = torch.randn_like(clean)
        made = self.unet(self.schedule.noisy(clean, noise, time), time, states).sample.float()
        error = (made - self.schedule.target(clean, noise, time)).square().flatten(1).mean(1)
        return {"loss": error, "mse": torch.zeros_like(error)}

    def configs(self) -> Mapping[str, Mapping[str, Any]]:
        """Configurations that training decides: the scale of the latents."""
        return {"vae": {"scaling_factor": float(1 / self.deviation)}}
