"""CDC's compressor: an analysis transform, a hyperprior, and a decoder whose every scale conditions what follows.

Yang and Mandt, "Lossy image compression with conditional diffusion models", NeurIPS 2023, arXiv 2209.06950; DICM has
three of it, SPDIC and DPCON build on its transforms.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from methods.layers.priors import HyperPrior
from methods.layers.resnet import ResnetBlock, double, halve

WIDTHS = (64, 128, 192, 256)
"""Published channels of the four stages; the last is the latent's."""


class Encoder(nn.ModuleList):
    """Stages of a residual block and a halving; the first convolution is 7×7.

    Args:
        widths: Channels after each stage.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        for i, (channels, out) in enumerate(zip((3, *widths[:-1]), widths, strict=True)):
            self.append(nn.Sequential(ResnetBlock(channels, out, kernel=3 if i else 7), halve(out)))

    def forward(self, picture: Tensor) -> Tensor:
        """Pictures ``(N, 3, H, W)`` in [−1, 1] to latents ``(N, widths[-1], H/16, W/16)``."""
        for stage in self:
            picture = stage(picture)
        return picture


class PyramidDecoder(nn.ModuleList):
    """Stages of a residual block and a doubling, each of which gives one level of the pyramid.

    Args:
        latent: Channels of what comes in.
        widths: Channels of the levels, coarse to fine.
        joined: Channels that a caller concatenates to what each stage reads, in the stages' order.
    """

    def __init__(self, latent: int, widths: Sequence[int], joined: Sequence[int] = (0, 0, 0, 0)) -> None:
        super().__init__()
        for i, (channels, out) in enumerate(zip((latent, *widths[:-1]), widths, strict=True)):
            inner = out if i + 1 < len(widths) else channels
            self.append(nn.Sequential(ResnetBlock(channels + joined[i], inner), double(inner, out)))

    def forward(self, latent: Tensor) -> list[Tensor]:
        """Latents ``(N, latent, h, w)`` to the levels, fine (16h × 16w) to coarse (2h × 2w)."""
        levels = []
        for stage in self:
            latent = stage(latent)
            levels.append(latent)
        return levels[::-1]


class Compressor(nn.Module):
    """Encoder, prior and decoder. Modules are called as in the authors' checkpoints, the prior's aside.

    Args:
        out: Channels of the finest level: 3, or 64 in CDC's x-parameterisation.
        widths: Channels of the stages.
    """

    def __init__(self, out: int, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        latent = widths[-1]
        self.enc = Encoder(widths)
        self.prior = HyperPrior(latent, latent, 0, 1, "cdc", (3, 3, 3))
        self.dec = PyramidDecoder(latent, (*widths[-2::-1], out))

    def forward(self, picture: Tensor) -> tuple[list[Tensor], Tensor]:
        """Pyramid of pictures ``(N, 3, H, W)`` in [−1, 1] through the quantised latent, and its bits ``(N,)``."""
        latent, bits = self.prior(self.enc(picture).float())
        return self.dec(latent), bits
