"""LDMIC's codec: the latent codec around its network."""

from __future__ import annotations

from bench.codec import CodecInfo
from methods.layers.latent_codec import LatentCodec
from methods.layers.network import Network
from methods.layers.official import KeyMap
from methods.layers.weights import sizes
from methods.ldmic import official
from methods.ldmic.network import LDMIC, Config


class LDMICCodec(LatentCodec):
    """LDMIC with an autoregressive (``ar``) or a checkerboard (``fast``) context model."""

    reads_official = True

    @staticmethod
    def build(info: CodecInfo) -> Network:
        """Return the untrained network of one (variant, preset)."""
        return LDMIC(Config.parse(*sizes(info)))

    @staticmethod
    def official_keys(info: CodecInfo) -> KeyMap:
        """Return the map of the authors' keys."""
        return official.ldmic()
