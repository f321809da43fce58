"""Ballé2017's codec: the latent codec with the map of NDIC's release of it."""

from __future__ import annotations

from bench.codec import CodecInfo
from methods.layers.latent_codec import LatentCodec
from methods.layers.official import KeyMap
from methods.ndic import official


class Balle2017Codec(LatentCodec):
    """Ballé2017."""

    reads_official = True

    @staticmethod
    def official_keys(info: CodecInfo) -> KeyMap:
        """Return the map of NDIC's keys."""
        return official.balle2017()
