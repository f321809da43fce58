"""The metrics of the protocol by name: what each means, what it needs and under which licence. Imports no torch."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import UnknownName


@dataclass(frozen=True)
class MetricSpec:
    """What is known of a metric without computing it.

    Attributes:
        name: Column name.
        higher_is_better: Direction; None for diagnostics without one (``beta``: 1 is perfect perception).
        unit: Unit for axes, empty for plain numbers.
        kind: ``item`` (one number a picture) or ``set`` (one number a set).
        needs: Names of weights in ``weights.toml``.
        labelled_needs: The same on data with class labels of its own; empty where they make no difference.
        title: Name for people.
        library: The library whose definition is used.
        licence: Licence of that library.
        also: Further set columns that come with the metric, without a direction of their own.
        scale: Factor that tables print the value with (1000 for kernel distances).
        min_side: Smallest height and width in pixels that the metric is defined for.
        flag: A warning that belongs beside every figure.
    """

    name: str
    higher_is_better: bool | None
    unit: str
    kind: str
    needs: tuple[str, ...]
    title: str
    library: str
    licence: str
    also: tuple[str, ...] = ()
    scale: float = 1.0
    min_side: int = 1
    flag: str = ""
    labelled_needs: tuple[str, ...] = ()

    def networks(self, labelled: bool) -> tuple[str, ...]:
        """Names of the weights that the metric needs on data with or without class labels of its own."""
        return (labelled and self.labelled_needs) or self.needs


_BSD2, _BSD3, _MIT, _APACHE = "BSD-2-Clause", "BSD-3-Clause", "MIT", "Apache-2.0"
_PYIQA = "PolyForm-Noncommercial-1.0.0"
_TWO_BLOCKS = "low confidence at 128x256, where only two 96-pixel blocks fit"
_ENDS = ("_low", "_high")
_KERNEL = (*_ENDS, "_sub_mean", "_sub_sd", "_jackknife_sd")


def _also(name: str, suffixes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name + suffix for suffix in suffixes)


_SPECS = (
    MetricSpec("psnr", True, "dB", "item", (), "PSNR", "torchmetrics", _APACHE, ("psnr_identical",)),
    MetricSpec("psnr_pooled", True, "dB", "set", (), "PSNR of the pooled error", "torchmetrics", _APACHE),
    MetricSpec("ms_ssim", True, "", "item", (), "MS-SSIM, 7 taps", "pytorch-msssim", _MIT, min_side=97),
    MetricSpec("ms_ssim_db", True, "dB", "item", (), "MS-SSIM, 7 taps", "pytorch-msssim", _MIT, min_side=97),
    MetricSpec("ssim", True, "", "item", (), "SSIM, 11 taps", "torchmetrics", _APACHE, min_side=11),
    MetricSpec("lpips_alex", False, "", "item", ("alexnet",), "LPIPS AlexNet v0.1", "lpips", _BSD2, min_side=32),
    MetricSpec("lpips_vgg", False, "", "item", ("vgg16",), "LPIPS VGG16 v0.1", "lpips", _BSD2, min_side=32),
    MetricSpec(
        "lpips_squeeze", False, "", "item", ("squeezenet1_1",), "LPIPS SqueezeNet v0.1", "lpips", _BSD2, min_side=32
    ),
    MetricSpec(
        "lpips_vgg_01",
        False,
        "",
        "item",
        ("vgg16",),
        "LPIPS VGG16 on unscaled input",
        "lpips",
        _BSD2,
        min_side=32,
        flag="input left in [0, 1], as two published scripts feed it; for comparison with their figures only",
    ),
    MetricSpec("dists", False, "", "item", ("vgg16", "dists"), "DISTS", "pyiqa", _PYIQA, min_side=32),
    MetricSpec(
        "niqe", False, "", "item", ("niqe",), "NIQE", "pyiqa", _PYIQA, ("niqe_originals",), 1.0, 96, _TWO_BLOCKS
    ),
    MetricSpec(
        "niqe_pooled",
        False,
        "",
        "set",
        ("niqe",),
        "NIQE, one model over the set's blocks",
        "pyiqa",
        _PYIQA,
        ("niqe_pooled_originals",),
        min_side=96,
    ),
    MetricSpec("fid", False, "", "set", ("inception",), "FID (clean)", "clean-fid", _MIT, _also("fid", _ENDS)),
    MetricSpec(
        "kid", False, "1e-3", "set", ("inception",), "KID (clean)", "clean-fid", _MIT, _also("kid", _KERNEL), 1e3
    ),
    MetricSpec(
        "fd_squeeze",
        False,
        "",
        "set",
        ("squeezenet1_1",),
        "Fréchet distance, SqueezeNet",
        "torchvision",
        _BSD3,
        _also("fd_squeeze", _ENDS),
        min_side=32,
    ),
    MetricSpec(
        "kd_squeeze",
        False,
        "",
        "set",
        ("squeezenet1_1",),
        "Kernel distance, SqueezeNet",
        "torchvision",
        _BSD3,
        _also("kd_squeeze", _KERNEL),
        min_side=32,
    ),
    MetricSpec(
        "miou",
        True,
        "",
        "set",
        ("segformer",),
        "Segmentation agreement (mIoU)",
        "transformers",
        _APACHE,
        ("miou_originals",),
        min_side=32,
        labelled_needs=("street_segmenter",),
    ),
    MetricSpec("beta", None, "", "item", (), "Detail kept, 8x8 patches", "own", _MIT, ("beta_pooled",), min_side=8),
    MetricSpec("rho", True, "", "item", (), "Detail right, 8x8 patches", "own", _MIT, ("rho_pooled",), min_side=8),
)

METRICS: dict[str, MetricSpec] = {spec.name: spec for spec in _SPECS}
"""All metrics in the order of the tables."""


def resolve(names: Sequence[str] | None = None) -> list[str]:
    """Return the metrics asked for in table order, each once; None or an empty list means all.

    Raises:
        UnknownName: A name that no metric has; the sentence suggests near ones.
    """
    if not names:
        return list(METRICS)
    for name in names:
        if name not in METRICS:
            near = difflib.get_close_matches(name, METRICS, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(METRICS)}."
            raise UnknownName(f"There is no metric {name!r}; {hint}")
    return [name for name in METRICS if name in set(names)]
