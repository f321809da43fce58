"""Ballé2018's codec: the latent codec with the maps of CompressAI's zoo and of NDIC's release."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bench.codec import CodecInfo
from methods.balle2018 import official
from methods.layers.autoencoder import Autoencoder, Config
from methods.layers.checkpoint import Checkpoint
from methods.layers.latent_codec import LatentCodec
from methods.layers.network import Network
from methods.layers.official import KeyMap
from methods.layers.weights import sizes
from methods.ndic import official as release


class Balle2018Codec(LatentCodec):
    """Ballé2018; ``canonical`` has the zoo's two sizes besides its own."""

    reads_official = True

    @staticmethod
    def official_keys(info: CodecInfo) -> KeyMap:
        """Return the map of the variant's release."""
        return official.canonical() if info.variant == "canonical" else release.balle2018()

    @staticmethod
    def official_sizes(info: CodecInfo, checkpoint: Checkpoint) -> Mapping[str, Any]:
        """Return the zoo's sizes of a checkpoint."""
        return official.sizes(checkpoint) if info.variant == "canonical" else {}

    @classmethod
    def sized(cls, info: CodecInfo, held: Mapping[str, Any]) -> Network:
        """Return the untrained network with the sizes that a weights file states.

        Raises:
            ValueError: There are no such sizes.
        """
        if not held:
            return cls.build(info)
        found = (held.get("filters"), held.get("latent"))
        if info.variant != "canonical" or info.preset != "paper" or found not in official.SIZES:
            raise ValueError(f"sizes {found}, which {info.full_name} ({info.preset}) does not have")
        filters, latent = found
        config = Config.parse(*sizes(info))
        return Autoencoder(replace(config, widths=(filters,) * 3, latent=latent, hyper=filters))
