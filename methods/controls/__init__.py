"""Controls: what the side view alone is worth, and what nothing is worth.

``warp-y:oracle`` sees both views at its encoder and is ranked apart. Nothing here imports torch.
"""

from __future__ import annotations

from bench.codec import CodecInfo, Method, RatePoint

_ONE = (RatePoint("r1", 0),)

_COPY = CodecInfo(
    name="copy-y", codec_id=10, sections=(), rates=_ONE, uses_side=True, title="Copy of the side view (0 bits)"
)
_WARP = CodecInfo(
    name="warp-y",
    codec_id=11,
    sections=(),
    rates=_ONE,
    uses_side=True,
    options={"x_view": "left"},
    title="Side view shifted by the mean disparity of its rows (0 bits)",
)
_ORACLE = CodecInfo(
    name="warp-y",
    variant="oracle",
    codec_id=12,
    sections=("disparity",),
    rates=tuple(RatePoint(f"r{i + 1}", i, setting={"block": block}) for i, block in enumerate((16, 8, 4, 2))),
    uses_side=True,
    encoder_sees_y=True,
    requires=("cv2",),
    title="Side view warped by the disparity of both views",
    paper="Hirschmüller, Stereo processing by semi-global matching and mutual information, IEEE TPAMI 2008",
)
_GREY = CodecInfo(name="grey", codec_id=13, sections=(), rates=_ONE, title="Mid-grey (0 bits)")

COPY_Y = Method(
    "copy-y", ("base",), "base", ("small",), lambda v, p: _COPY, "methods.controls.codec:CopyCodec", _COPY.title
)
WARP_Y = Method(
    "warp-y",
    ("base", "oracle"),
    "base",
    ("small",),
    lambda v, p: _ORACLE if v == "oracle" else _WARP,
    "methods.controls.codec:WarpCodec",
    _WARP.title,
)
GREY = Method(
    "grey", ("base",), "base", ("small",), lambda v, p: _GREY, "methods.controls.codec:GreyCodec", _GREY.title
)
