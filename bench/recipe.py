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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal

import platformdirs

from bench.codec import CodecInfo, Method, RatePoint
from bench.errors import BenchError, UnknownName

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Training:
    """How one preset is trained; a recipe's ``train`` table.

    The schedule says how pairs are taken. ``cosine`` and ``hold`` count steps and draw pairs with replacement, each
    from either view; the others count epochs, one pass over the list of pairs in a seeded order.

    Attributes:
        batch: Items a step; a multiple of the number of rate points that one set of weights covers.
        steps: Optimiser steps; training ends here, 0 for no such end. ``cosine`` and ``hold`` need it.
        rate: Peak learning rate of Adam.
        epochs: Passes over the pairs after which training ends; 0 for no such end.
        optimizer: ``adam`` (as published) or ``muon`` (orthogonalised momentum for convolution kernels, Adam for
            the rest).
        amsgrad: Adam's AMSGrad form.
        muon_rate: Peak learning rate of the kernels under ``muon``.
        aux_rate: Learning rate of the quantiles' own Adam; it does not decay.
        schedule: ``cosine``; ``plateau``: down by ``factor`` once ``patience`` epochs in a row have not lowered the
            validation loss, and the end once ``floor`` is reached; ``multistep``: down after each epoch of
            ``milestones``; ``staircase``: down every ``every`` epochs; ``hold``: the peak for ``hold`` steps, then down
            every ``every`` steps as far as ``least``.
        milestones: Epochs of ``multistep``.
        every: Epochs a stair; steps between two falls of ``hold``.
        hold: Steps at the peak rate.
        least: Where ``hold`` ends, as a part of the peak rate.
        factor: What the rate is multiplied with.
        patience: Epochs without gain that ``plateau`` bears.
        floor: Lowest rate of ``plateau``.
        keep: ``best`` exports the weights of the lowest validation loss, ``last`` those of the last step.
        validate: Epochs between two validations, where the schedule or ``keep`` needs them.
        warmup: Steps of linear warm-up where steps are counted.
        restarts: Shares of the steps at which the cosine begins anew, warm-up included (Loshchilov and Hutter, ICLR
            2017), for networks that are trained in stages.
        ema: Decay of the exponential moving average of the weights; 0 keeps the plain weights.
        clip: Largest gradient norm; 0 for none.
        precision: ``auto`` takes bfloat16 where it is faster; ``float32``, as published.
        loss: ``plain`` is the published λ·scale·D + R; ``sqrt`` divides each sample's by √λ.
        scale: Factor on λ·D: 255² on NDIC's scale, 1 on LDMIC's.
        distortion: D, on pictures in [0, 1]: ``mse``, or ``ms_ssim`` for 1 − MS-SSIM (5 scales, 7 taps).
        perceptual: Perceptual distance P: LPIPS v0.1 on the named backbone, whose weights must be there.
        perceptual_weight: Its weight a: D becomes (1 − a)·D + a·P, unless the network has a loss of its own.
        perceptual_crop: Rows and columns of the window, at a random place, on which it is measured; empty for all.
        alpha: Weight of the side view's own rate and distortion in NDIC's loss.
        beta: Weight of the common information's rate.
        augment: Words joined by ``+``, each done to x and y alike in half of the items: ``flip`` (left to right),
            ``colour`` (exposure and colour balance; where steps are counted), and for schedules by epochs ``vflip``
            (upside down) and ``swap`` (x for y); ``none`` for none of them.
        crop: Rows and columns of a random crop, at the same place in x and y; along an axis on which the picture is
            not larger, all of it. Empty for whole pictures; schedules by epochs alone.
        alone: Share of the steps in which a network that can leaves the side view out.
    """

    batch: int
    steps: int = 0
    rate: float = 1e-4
    epochs: int = 0
    optimizer: Literal["adam", "muon"] = "adam"
    amsgrad: bool = False
    muon_rate: float = 2e-3
    aux_rate: float = 1e-3
    schedule: Literal["cosine", "hold", "plateau", "multistep", "staircase"] = "cosine"
    milestones: Sequence[int] = ()
    every: int = 0
    hold: int = 0
    least: float = 0.0
    factor: float = 0.1
    patience: int = 10
    floor: float = 1e-7
    keep: Literal["last", "best"] = "last"
    validate: int = 1
    warmup: int = 100
    restarts: Sequence[float] = ()
    ema: float = 0.0
    clip: float = 1.0
    precision: Literal["auto", "float32"] = "auto"
    loss: Literal["sqrt", "plain"] = "sqrt"
    scale: float = 255.0**2
    distortion: Literal["mse", "ms_ssim"] = "mse"
    perceptual: Literal["none", "lpips_squeeze", "lpips_vgg"] = "none"
    perceptual_weight: float = 0.0
    perceptual_crop: Sequence[int] = ()
    alpha: float = 0.0
    beta: float = 0.0
    augment: str = "flip"
    crop: Sequence[int] = ()
    alone: float = 0.0

    @property
    def by_epochs(self) -> bool:
        """Whether training counts passes over the list of pairs."""
        return self.schedule not in ("cosine", "hold")

    @property
    def validates(self) -> bool:
        """Whether training needs a validation set."""
        return self.schedule == "plateau" or self.keep == "best"

    def faults(self) -> list[str]:
        """Say what does not fit together, one phrase each."""
        words = set(self.augment.split("+"))
        known = {"flip", "vflip", "swap", "none"} if self.by_epochs else {"flip", "colour"}
        stated = {"multistep": bool(self.milestones), "staircase": self.every > 0, "hold": self.every > 0}
        weight = self.perceptual_weight
        found = {
            "perceptual and perceptual_weight go together": (weight > 0) != (self.perceptual != "none"),
            "batch and validate are 1 or more": min(self.batch, self.validate) < 1,
            f"{self.schedule} needs steps, and counts no epochs": not self.by_epochs
            and (self.steps < 1 or self.epochs > 0),
            "no end is stated: give steps or epochs": self.by_epochs and not (self.steps or self.epochs),
            "multistep needs milestones, staircase and hold need every": not stated.get(self.schedule, True),
            f"augment {self.augment!r} is none of this schedule's": not words <= known,
            "restarts are rising shares of a cosine's steps": bool(self.restarts)
            and (
                self.schedule != "cosine"
                or not min(self.restarts) > 0
                or list(self.restarts) != sorted({*self.restarts, 1.0})[:-1]
            ),
            "perceptual_crop is [rows, columns]": len(self.perceptual_crop) not in (0, 2),
            "crop is [rows, columns], for schedules by epochs": len(self.crop)
            not in ((0, 2) if self.by_epochs else (0,)),
            "validation goes by epochs and knows no ema": self.validates and (not self.by_epochs or self.ema > 0),
        }
        return [fault for fault, is_so in found.items() if is_so]


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
        raise BenchError(f"{where} has an unknown training key {unknown[0]!r}; see bench.recipe.Training.")
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
