"""dic-bench: the reference evaluation suite for distributed image compression."""

from bench.codec import Codec, CodecInfo, Method, Payload, RatePoint
from bench.loading import codec_info, load_codec

__all__ = ["Codec", "CodecInfo", "Method", "Payload", "RatePoint", "codec_info", "load_codec"]
__version__ = "0.1.0"
