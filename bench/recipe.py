"""Recipes: the TOML file that states what a learned method is and how it is trained.

One file a method (``methods/<name>/recipe.toml``); a table ``[variant.preset]`` holds the sizes (``model``), the
training (``train``), what ``load_codec`` takes (``options``), λ of each rate point (``lambdas``) or its target in bits
per pixel (``targets``), and the weights file with its sha256. A table with ``like = "OTHER"`` takes what it does not
state from that variant's table of the same preset, digests aside: so a codec trained for MS-SSIM is a variant of its
own. Reading a recipe imports neither torch nor compressai.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import platformdirs

from bench.codec import CodecInfo, Method, RatePoint
from bench.errors import BenchError, UnknownName
from bench.training import Training

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@cache
def read(path: Path) -> Mapping[str, Any]:
    """Return the parsed recipe file."""
    with path.open("rb") as file:
        return tomllib.load(file)


def table(path: Path, variant: str, preset: str) -> Mapping[str, Any]:
    """Return the table of one (variant, preset), with what it takes from the variant that it is ``like``.

    Raises:
        UnknownName: The recipe has no such table.
    """
    recipe = read(path)
    found = recipe.get("variants", {}).get(variant, {}).get(preset)
    if not isinstance(found, dict):
        raise UnknownName(f"{recipe['name']}:{variant} has no preset {preset!r}; see {path.name}.")
    if "like" not in found:
        return found
    base = table(path, found["like"], preset)
    parts = {part: {**base.get(part, {}), **found.get(part, {})} for part in ("model", "train")}
    return {**{key: base[key] for key in base if key != "sha256"}, **found, **parts}


def training(path: Path, variant: str, preset: str) -> Training:
    """Return how one (variant, preset) is trained.

    Raises:
        BenchError: The recipe's ``train`` table has an unknown key, or what it states does not fit together.
    """
    stated = table(path, variant, preset)["train"]
    where = f"The recipe {path} of {variant} ({preset})"
    unknown = sorted(set(stated) - {field.name for field in fields(Training)})
    if unknown:
        raise BenchError(f"{where} has an unknown training key {unknown[0]!r}; see bench.training.Training.")
    how = Training(**stated)
    if how.faults():
        raise BenchError(f"{where} cannot be trained: {'; '.join(how.faults())}.")
    return how


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


def steps_taken(log: Path) -> int | None:
    """Step of the last row of a training's log; None where there is no log, or none yet."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    return int(float(lines[-1].split(",")[0])) if len(lines) > 1 else None


def unfinished(path: Path, variant: str, preset: str) -> tuple[int, int] | None:
    """Steps behind the weights that cover all rate points and steps of the recipe; None where none are missing."""
    steps = training(path, variant, preset).steps
    taken = steps_taken(path.parent / "weights" / Path(weights_name(variant, preset, None)).with_suffix(".csv"))
    return (taken, steps) if taken is not None and taken < steps else None


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
        stochastic=recipe.get("stochastic", False),
        options=found.get("options", {}),
        estimates=True,
        sizes=tuple(recipe["sizes"]) if "sizes" in recipe else None,
        twin=found.get("twin", recipe.get("twin")),
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
