"""Recipes: the TOML file that states what a learned method is and how it is trained.

One file a method (``methods/<name>/recipe.toml``); a table ``[variant.preset]`` holds the sizes (``model``), the
training (``train``), λ of each rate point (``lambdas``) or its target in bits per pixel (``targets``), and the weights
file with its sha256. Reading one imports neither torch nor compressai.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import platformdirs

from bench.codec import CodecInfo, Method, RatePoint
from bench.errors import UnknownName

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Training:
    """How one preset is trained; a recipe's ``train`` table.

    Attributes:
        batch: Items a step; a multiple of the number of rate points that one set of weights covers.
        steps: Optimiser steps; with ``batch`` it fixes the number of samples seen.
        rate: Peak learning rate of Adam.
        optimizer: ``adam`` (as published) or ``muon`` (orthogonalised momentum for convolution kernels, Adam for
            the rest).
        muon_rate: Peak learning rate of the kernels under ``muon``.
        schedule: ``cosine``, or ``plateau``: three decades down as the published rule ends, but by steps, not by
            validation loss, so that a resumed run repeats it.
        warmup: Steps of linear warm-up.
        ema: Decay of the exponential moving average of the weights; 0 keeps the plain weights.
        clip: Largest gradient norm; 0 for none.
        loss: ``sqrt`` divides each sample's loss by √λ; ``plain`` is the published λ·255²·D + R.
        alpha: Weight of the side view's own rate and distortion in NDIC's loss.
        beta: Weight of the common information's rate.
        augment: ``flip`` (joint horizontal flip), or ``flip+colour``.
        alone: Share of the steps in which a network that can leaves the side view out.
    """

    batch: int
    steps: int
    rate: float
    optimizer: Literal["adam", "muon"] = "adam"
    muon_rate: float = 2e-3
    schedule: Literal["cosine", "plateau"] = "cosine"
    warmup: int = 100
    ema: float = 0.0
    clip: float = 1.0
    loss: Literal["sqrt", "plain"] = "sqrt"
    alpha: float = 0.0
    beta: float = 0.0
    augment: Literal["flip", "flip+colour"] = "flip"
    alone: float = 0.0


@cache
def read(path: Path) -> Mapping[str, Any]:
    """Return the parsed recipe file."""
    with path.open("rb") as file:
        return tomllib.load(file)


def table(path: Path, variant: str, preset: str) -> Mapping[str, Any]:
    """Return the table of one (variant, preset).

    Raises:
        UnknownName: The recipe has no such table.
    """
    recipe = read(path)
    found = recipe.get("variants", {}).get(variant, {}).get(preset)
    if not isinstance(found, dict):
        raise UnknownName(f"{recipe['name']}:{variant} has no preset {preset!r}; see {path.name}.")
    return found


def training(path: Path, variant: str, preset: str) -> Training:
    """Return how one (variant, preset) is trained."""
    return Training(**table(path, variant, preset)["train"])


def publish_digest(path: Path, variant: str, preset: str, key: str, digest: str) -> None:
    """Write the sha256 of a newly trained weights file into the recipe, leaving the rest of the file as it is.

    Args:
        path: The recipe file.
        variant: The variant trained.
        preset: Its preset.
        key: ``all``, or the rate point of a single-rate file.
        digest: The file's sha256.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    header = f"[variants.{variant}.{preset}.sha256]"
    if header not in lines:
        lines += ["", header]
    start = lines.index(header) + 1
    end = next((i for i in range(start, len(lines)) if lines[i].startswith("[")), len(lines))
    kept = [line for line in lines[start:end] if line.strip() and not line.startswith(f"{key} =")]
    lines[start:end] = [*kept, f'{key} = "{digest}"', *([""] if end < len(lines) else [])]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    read.cache_clear()


def weights_name(variant: str, preset: str, rate: str | None) -> str:
    """File name of a set of weights; ``rate`` is None where one file covers all rate points."""
    return f"{variant}-{preset}{'' if rate is None else '-' + rate}.safetensors"


def own_folder() -> Path:
    """Return the folder of weights that the user imported: ``BENCH_CACHE_DIR``, else the user's cache.

    An installed package is no place for them: it may be read-only, and the next installation may take it away.
    """
    root = os.environ.get("BENCH_CACHE_DIR")
    return (Path(root).expanduser() if root else Path(platformdirs.user_cache_dir("dic-bench"))) / "codecs"


def _rates(folder: Path, variant: str, preset: str, found: Mapping[str, Any]) -> tuple[RatePoint, ...]:
    shared = preset == "small"
    points = []
    targets = found.get("targets")
    for index, value in enumerate(targets or found["lambdas"]):
        name = f"r{index + 1}"
        file = weights_name(variant, preset, None if shared else name)
        weights, own = folder / "weights" / file, own_folder() / folder.name / file
        if not shared and not weights.is_file() and own.is_file():
            weights = own
        digests = found.get("sha256", {})
        lmbda, setting = (None, {"target_bpp": value}) if targets else (value, {})
        points.append(RatePoint(name, index, lmbda, setting, weights, digests.get("all" if shared else name) or None))
    return tuple(points)


def describe(path: Path, variant: str, preset: str) -> CodecInfo:
    """Return a codec's declaration, read from its recipe."""
    recipe, found = read(path), table(path, variant, preset)
    return CodecInfo(
        name=recipe["name"],
        variant=variant,
        preset=preset,
        codec_id=found["id"],
        revision=recipe["revision"],
        sections=tuple(recipe["sections"]),
        rates=_rates(path.parent, variant, preset, found),
        uses_side=recipe["uses_side"],
        estimates=True,
        sizes=tuple(recipe["sizes"]) if "sizes" in recipe else None,
        twin=recipe.get("twin"),
        requires=("compressai", "constriction"),
        title=recipe["title"],
        paper=recipe["paper"],
    )


def method(path: Path, target: str) -> Method:
    """Return the registry's entry for a learned method from its recipe file."""
    recipe = read(path)
    variants: Mapping[str, Any] = recipe["variants"]
    presets = tuple(sorted({preset for tables in variants.values() for preset in tables}, reverse=True))
    return Method(
        name=recipe["name"],
        variants=tuple(variants),
        default_variant=recipe["default_variant"],
        presets=presets,
        describe=lambda variant, preset: describe(path, variant, preset),
        target=target,
        title=recipe["title"],
        paper=recipe["paper"],
        recipe=path,
    )
