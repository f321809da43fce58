"""One codec at several settings of its options: perception over distortion, and β along the way.

The page of the trade-off that Blau and Michaeli (CVPR 2018) proved and SPDIC steers by its noise: at one rate, more
noise moves the spread of the reconstruction (β) towards that of the original, and its error up.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.metrics.registry import METRICS
from bench.report.plots.canvas import figure, metric_title
from bench.store.atomic import write_bytes

PERCEPTION = ("lpips_alex", "lpips_squeeze", "dists", "fid", "fd_squeeze")
"""Perceptual metrics in the order of choice; the page draws an item's and a set's, the first that there is of each."""

COLUMNS = ("bpp", "psnr", "lpips_alex", "lpips_squeeze", "dists", "fid", "fd_squeeze", "niqe", "beta", "rho")


@dataclass(frozen=True)
class Setting:
    """What one setting reached.

    Attributes:
        rate: The rate point.
        options: The options that were swept.
        values: Means of its metrics, bits per pixel as ``bpp``.
    """

    rate: str
    options: Mapping[str, Any]
    values: Mapping[str, float]

    @property
    def label(self) -> str:
        """The options in words."""
        return ", ".join(f"{key}={value}" for key, value in self.options.items())


def metrics_of(settings: Sequence[Setting]) -> list[str]:
    """Perceptual metrics to draw: of an item and of a set, each the first that every setting has."""
    there = [name for name in PERCEPTION if all(name in one.values for one in settings)]
    kinds = {METRICS[name].kind: name for name in reversed(there)}
    return [kinds[kind] for kind in ("item", "set") if kind in kinds]


def write_page(codec: str, where: str, settings: Sequence[Setting], stem: Path) -> list[Path]:
    """Write ``stem.md`` and, where there are metrics to draw, ``stem.png`` and ``stem.svg``.

    Args:
        codec: Its name.
        where: Dataset and number of pairs.
        settings: What was measured, in the order of the sweep.
        stem: Path without suffix; its folder must exist.
    """
    files = _draw(codec, where, settings, stem)
    shown = [name for name in COLUMNS if any(name in one.values for one in settings)]
    heads = ["rate", "setting", *(name if name == "bpp" else metric_title(name) for name in shown)]
    lines = [f"# Perception and distortion of {codec}", "", f"{where}. Each row is one setting of the decoder.", ""]
    lines += [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for one in settings:
        cells = [_cell(name, one.values.get(name)) for name in shown]
        lines.append(f"| {' | '.join([one.rate, one.label, *cells])} |")
    lines += ["", f"![Perception over distortion]({stem.name}.png)"] if files else []
    write_bytes(stem.with_suffix(".md"), ("\n".join(lines) + "\n").encode())
    return [stem.with_suffix(".md"), *files]


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value * (METRICS[name].scale if name in METRICS else 1.0):.4f}"


def _draw(codec: str, where: str, settings: Sequence[Setting], stem: Path) -> list[Path]:
    metrics = metrics_of(settings)
    if not metrics or any("psnr" not in one.values for one in settings):
        return []
    with figure(len(metrics), 1, 6.2, 4.4) as (made, panels):
        for axes, metric in zip(panels, metrics, strict=True):
            for rate in dict.fromkeys(one.rate for one in settings):
                own = [one for one in settings if one.rate == rate]
                xs = [one.values["psnr"] for one in own]
                ys = [one.values[metric] * METRICS[metric].scale for one in own]
                axes.plot(xs, ys, marker="o", markersize=4, linewidth=1.2, label=rate)
                for x, y, one in zip(xs, ys, own, strict=True):
                    beta = f"\nβ {one.values['beta']:.2f}" if "beta" in one.values else ""
                    axes.annotate(one.label + beta, (x, y), (5, 4), textcoords="offset points", fontsize=7)
            axes.set_xlabel(metric_title("psnr"))
            axes.set_ylabel(metric_title(metric))
            if METRICS[metric].higher_is_better is False:
                axes.invert_yaxis()
            axes.legend(title="rate point")
        made.suptitle(f"{codec}: perception over distortion; the upper right is better. {where}", fontsize=9.5)
        made.tight_layout()
        files = []
        for kind, more in (("png", {"Software": None}), ("svg", {"Date": None})):
            buffer = io.BytesIO()
            made.savefig(buffer, format=kind, dpi=110, metadata=more)
            files.append(stem.with_suffix(f".{kind}"))
            write_bytes(files[-1], buffer.getvalue())
    return files
