"""Picture coders that everybody has: JPEG, JPEG 2000, WebP, AVIF through Pillow, HEVC intra through pillow-heif.

Their rate points are fixed settings of the coder, measured on 128×256 photographs to spread over about 0.05 … 1 bit
per pixel where the coder reaches that low. Nothing here imports Pillow or torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.codec import CodecInfo, Method, RatePoint


def _method(
    name: str,
    codec_id: int,
    target: str,
    settings: Sequence[Mapping[str, Any]],
    title: str,
    paper: str,
    requires: tuple[str, ...] = ("PIL",),
) -> Method:
    rates = tuple(RatePoint(f"r{i + 1}", i, setting=setting) for i, setting in enumerate(settings))
    info = CodecInfo(
        name=name,
        codec_id=codec_id,
        sections=("coded",),
        rates=rates,
        requires=requires,
        coders=tuple("pillow" if module == "PIL" else module.replace("_", "-") for module in requires),
        title=title,
        paper=paper,
    )
    return Method(
        name, ("base",), "base", ("small",), lambda variant, preset: info, f"methods.classical.{target}", title, paper
    )


JPEG = _method(
    "jpeg",
    1,
    "jpeg:JpegCodec",
    [{"quality": q, "optimize": q < 27} for q in (1, 4, 6, 9, 13, 19, 28, 40)],
    "JPEG (baseline, 4:2:0)",
    "Wallace, The JPEG still picture compression standard, CACM 1991",
)
JPEG2000 = _method(
    "jpeg2000",
    2,
    "jpeg2000:Jpeg2000Codec",
    [{"ratio": r} for r in (300, 200, 140, 96, 66, 46, 32, 23)],
    "JPEG 2000 (9/7 wavelet)",
    "Skodras et al., The JPEG 2000 still image compression standard, IEEE SPM 2001",
)
WEBP = _method(
    "webp",
    3,
    "webp:WebpCodec",
    [{"quality": q} for q in (0, 1, 3, 6, 11, 18, 30, 50)],
    "WebP (VP8 intra)",
    "Google, WebP container and VP8 data format, RFC 9649 and RFC 6386",
)
AVIF = _method(
    "avif",
    4,
    "avif:AvifCodec",
    [{"quality": q} for q in (0, 5, 9, 14, 20, 28, 37, 46)],
    "AVIF (AV1 intra)",
    "Han et al., A technical overview of AV1, Proc. IEEE 2021",
)
HEIC = _method(
    "heic",
    5,
    "heic:HeicCodec",
    [{"quality": q} for q in (0, 5, 10, 15, 20, 26, 33, 41)],
    "HEIC (HEVC intra, as BPG)",
    "Sullivan et al., Overview of the High Efficiency Video Coding standard, IEEE TCSVT 2012",
    ("PIL", "pillow_heif"),
)
