"""NDIC's codec: the latent codec with the map of the authors' checkpoints."""

from __future__ import annotations

from bench.codec import CodecInfo
from methods.layers.latent_codec import LatentCodec
from methods.layers.official import KeyMap
from methods.ndic import official


class NDICCodec(LatentCodec):
    """NDIC in all variants."""

    reads_official = True

    @staticmethod
    def official_keys(info: CodecInfo) -> KeyMap:
        """Return the map of the authors' keys."""
        return official.ndic(info.variant)
