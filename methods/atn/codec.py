"""The codec around ATN's network."""

from __future__ import annotations

from bench.codec import CodecInfo
from methods.atn import official
from methods.atn.network import ATN, Config
from methods.layers.latent_codec import LatentCodec
from methods.layers.official import KeyMap
from methods.layers.weights import sizes


class ATNCodec(LatentCodec):
    """ATN; its patch embeddings tie it to pictures of 128×256."""

    reads_official = True

    @staticmethod
    def build(info: CodecInfo) -> ATN:
        """See :meth:`methods.layers.latent_codec.LatentCodec.build`."""
        return ATN(Config.parse(*sizes(info)))

    @staticmethod
    def official_keys(info: CodecInfo) -> KeyMap:
        """Return the map of the authors' keys."""
        return official.base()
