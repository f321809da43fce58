"""DICM's network: CDC's ε-parameterisation with the side view's pyramid added to that of the decoded latent.

"Distributed image compression with conditional diffusion models", repository dongqingcc/DICC, 2024.
"""

from __future__ import annotations

from torch import Tensor

from methods.cdc.network import CDC, Config
from methods.layers.compressor import Compressor
from methods.layers.noise import noisy_common


class DICM(CDC):
    """One U-Net and three compressors. Modules are called as in the authors' code.

    ``encode_w`` gives the common information of ``y``, ``context_fn_cor`` what training codes of ``y`` by itself.
    """

    training_only = ("context_fn_cor.",)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.encode_w = Compressor(config.finest, config.widths)
        self.context_fn_cor = Compressor(config.finest, config.widths)

    def side_latent(self, y: Tensor, quantise: bool) -> Tensor:
        """Latent of side views in [0, 1], through its bottleneck or not; nothing of it is sent."""
        latent: Tensor = self.encode_w.enc(y * 2 - 1)
        return self.encode_w.prior(latent)[0] if quantise else latent

    def side(self, y: Tensor, quantise: bool = True) -> list[Tensor]:
        """Common information of side views in [0, 1]: a pyramid as that of ``x``."""
        levels: list[Tensor] = self.encode_w.dec(self.side_latent(y, quantise))
        return levels

    def forward(self, x: Tensor, y: Tensor, rate: Tensor) -> dict[str, Tensor]:
        """One training pass of both views, at one time a pair.

        Args:
            x: Pictures to code, ``(N, 3, H, W)`` in [0, 1].
            y: Side views of the same shape.
            rate: Rate indices ``(N,)``, not used.

        Returns:
            ``bits``, ``error`` and ``recon`` of ``x`` given ``y``; ``bits_common``; ``bits_y``, ``error_y`` and
            ``recon_y`` of ``y`` by itself.
        """
        picture, other = x * 2 - 1, y * 2 - 1
        common, bits_common = self.encode_w(other)
        if self.training:
            common = [noisy_common(level) for level in common]
        levels, bits = self.context_fn(picture)
        own, bits_y = self.context_fn_cor(other)
        draw = self.process.draw(len(x), x.device)
        joined = [level + extra for level, extra in zip(levels, common, strict=True)]
        error, recon = self.diffuse(picture, joined, draw)
        error_y, recon_y = self.diffuse(other, own, draw)
        return {
            "bits": bits, "error": error, "recon": recon, "bits_common": bits_common,
            "bits_y": bits_y, "error_y": error_y, "recon_y": recon_y,
        }  # fmt: skip
