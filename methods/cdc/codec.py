"""CDC's codec: the diffusion codec around the published network or the small one."""

from __future__ import annotations

from bench.codec import CodecInfo
from methods.cdc import official
from methods.cdc.network import CDC, Config
from methods.layers.diffusion_codec import DiffusionCodec
from methods.layers.network import Network
from methods.layers.official import KeyMap
from methods.layers.small_network import Config as SmallConfig
from methods.layers.small_network import SmallDiffusion
from methods.layers.weights import sizes


class CDCCodec(DiffusionCodec):
    """CDC in the parameterisations ``x`` and ``eps``."""

    reads_official = True

    @staticmethod
    def build(info: CodecInfo) -> Network:
        """Return the untrained network of one (variant, preset)."""
        if info.preset == "small":
            return SmallDiffusion(SmallConfig.parse(*sizes(info)))
        return CDC(Config.parse(*sizes(info)))

    @staticmethod
    def official_keys(info: CodecInfo) -> KeyMap:
        """Return the map of the authors' keys."""
        return official.cdc(info.variant)
