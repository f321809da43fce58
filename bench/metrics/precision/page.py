"""The page of distances, docs/precision.md."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.metrics import METRICS
from bench.metrics.precision.inputs import DISTORTIONS
from bench.metrics.precision.measure import Row

_PACKAGES = ("torch", "torchvision", "torchmetrics", "lpips", "pyiqa", "clean-fid", "pytorch-msssim", "scikit-image")


def page(rows: Sequence[Row], dataset: str, pairs: int, capability: str, versions: dict[str, str]) -> str:
    """The page as Markdown.

    Args:
        rows: As measured.
        dataset: Where the originals come from.
        pairs: How many they are.
        capability: Instruction set of the CPU.
        versions: Package to version.
    """
    known = ", ".join(f"{name} {versions[name]}" for name in _PACKAGES if name in versions)
    lines = [
        "# Precision of the metrics",
        "",
        "How far each metric of this suite lies from the reference implementation, both given the same 8-bit pictures",
        "and the same weights. `python -m bench precision` measures this and writes the page.",
        "",
        f"{pairs} originals of `{dataset}`, each under {len(DISTORTIONS)} distortions: {'; '.join(DISTORTIONS)}.",
        f"Instruction set {capability}; {known}.",
        "",
        "| metric | reference | weights | device | values | their mean | largest distance | mean distance | accepted "
        "| within |",
        "| :-- | :-- | :-- | :-- | --: | --: | --: | --: | --: | :-- |",
    ]
    for row in rows:
        unit = " relative" if row.relative else " dB" if METRICS[row.metric].unit == "dB" else ""
        accepted = f"{row.tolerance:g}{unit}" if math.isfinite(row.tolerance) else "–"
        lines.append(
            f"| `{row.metric}` | {row.reference} | {row.weights or '–'} | {row.device} | {row.values} "
            f"| {row.typical:.4g} "
            f"| {row.largest:.1e} | {row.mean:.1e} | {accepted} | {'yes' if row.within else '**no**'} |"
        )
    lines += [
        "",
        "**Stand-in** weights are seeded values in networks of the right shapes, given to both sides: they prove the",
        "arithmetic where the genuine file is not on the machine that measured. `ms_ssim_db` and `niqe_pooled` follow",
        "from `ms_ssim` and the blocks of `niqe`; `lpips_vgg_01` is `lpips_vgg` on another input. β and ρ have no",
        "other implementation, and mIoU is a count: tests hold them against written-out formulas.",
        "",
        "Where nothing is accepted or refused (–) the reference is less precise than ours: float32 rounds MS-SSIM's",
        "variances.",
        "",
        "On the CPU float32 networks run one picture at a time, so that no figure depends on its neighbours.",
    ]
    if any(row.device.startswith("cuda") for row in rows):
        lines.append("On an accelerator TF32 and bfloat16 are off: rows `cuda, TF32` say what TF32 would do.")
    else:
        lines += [
            "**No GPU was available to the machine that measured**: there are no rows of one, and nothing here speaks",
            "of GPUs. There TF32 and bfloat16 are off; measured on one, the page has rows with TF32 off and on.",
        ]
    lines.append("")
    return "\n".join(lines)
