"""What dic-bench needs to know of the codec before it runs: imported by ``bench list``, so it imports no torch."""

from __future__ import annotations

from bench import CodecInfo, Method, RatePoint

# From the lowest rate to the highest: side of the averaged blocks in pixels, and step of the uniform quantiser.
RATES = tuple(
    RatePoint(f"r{index + 1}", index, setting={"block": block, "step": step})
    for index, (block, step) in enumerate([(16, 40), (12, 32), (8, 28), (6, 24), (4, 24), (4, 12)])
)


def describe(variant: str, preset: str) -> CodecInfo:
    """Return the codec's declaration for one variant; there is one preset."""
    return CodecInfo(
        name="downscale",
        variant=variant,
        preset=preset,
        codec_id=0,  # numbers are for codecs that dic-bench ships; a plug-in's name is written into its files
        revision=1,  # raise it whenever the codec's output changes: cached results are keyed by it
        sections=("means",),
        rates=RATES,
        uses_side=variant == "side",
        twin="downscale:blind" if variant == "side" else None,
        title="Block means, sharpened by the side view" if variant == "side" else "Block means",
    )


METHOD = Method(
    name="downscale",
    variants=("side", "blind"),
    default_variant="side",
    presets=("small",),
    describe=describe,
    target="dic_bench_downscale.codec:DownscaleCodec",
    title="Block means (example plug-in)",
)
