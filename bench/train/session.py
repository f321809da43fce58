"""What `bench train` does for one codec: data, warm start, training, and the finished weights file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast

from bench import recipe
from bench.codec import CodecInfo
from bench.digests import digest_of
from bench.errors import BenchError
from bench.loading import codec_info, find_method
from bench.registry import import_target
from bench.train.batches import Pairs
from bench.train.loop import Job, Trainer, state_path
from bench.training import Training

DEFAULT_DATA = "synthdrive:train1200,kitti-mini:train"


class Trainable(Protocol):
    """What a codec class offers to training.

    One that starts from pretrained parts also has ``prime(model, info, device)``, called on the untrained network, and
    one whose weights are a folder sets ``exports_folder``.
    """

    def build(self, info: CodecInfo) -> Any:
        """Return the untrained network."""

    def export(self, model: Any, info: CodecInfo, rate: str | None, path: Path) -> str:
        """Write the weights file and return its sha256."""

    def warm(self, model: Any, path: Path) -> None:
        """Fill the network from a weights file of the same architecture."""


@dataclass(frozen=True)
class Target:
    """One set of weights to train.

    Attributes:
        info: The codec.
        rate: Rate point of a single-rate file; None where one file covers all.
        recipe: The recipe file.
        codec: The codec's class.
    """

    info: CodecInfo
    rate: str | None
    recipe: Path
    codec: Trainable

    @property
    def key(self) -> str:
        """The file's key in the recipe's ``sha256`` table."""
        return self.rate or "all"

    @property
    def label(self) -> str:
        """Name for progress lines."""
        return f"{self.info.full_name} {self.info.preset} {self.key}"

    @property
    def shipped(self) -> Path:
        """Where the finished weights belong."""
        name = Path(recipe.weights_name(self.info.variant, self.info.preset, self.rate))
        folder = getattr(self.codec, "exports_folder", False)
        return self.recipe.parent / "weights" / (name.stem if folder else name)

    @property
    def log(self) -> Path:
        """Log of the shipped weights' training, beside them."""
        return self.shipped.with_suffix(".csv")


def find_target(method: str, variant: str | None, preset: str, rate: str | None) -> Target:
    """Resolve the options of `bench train`.

    Raises:
        BenchError: The method has no recipe, or a rate is missing or superfluous.
    """
    from bench.registry import foundations

    name, _, named = method.partition(":")
    if name in foundations:
        found = foundations.get(name)
        info = found.describe(variant or named or found.default_variant, preset)
    else:
        info, found = codec_info(method, preset, variant), find_method(method)[0]
    if found.recipe is None:
        raise BenchError(f"{info.full_name} is not trained by this project: it has no recipe.")
    if preset == "small":
        if rate is not None:
            raise BenchError(f"One file covers all rate points of {info.full_name} ({preset}); leave --rate out.")
    else:
        rate = info.rate(rate).name
    return Target(info, rate, found.recipe, cast(Trainable, import_target(found.target)))


def pending(preset: str = "small") -> list[Target]:
    """Weights of the preset that are absent, without a digest, or published before their last step.

    Foundations come first, since codecs cannot be trained without theirs; then registry order.
    """
    from bench.registry import foundations, methods

    targets = []
    for name, registry in [*((name, foundations) for name in foundations), *((name, methods) for name in methods)]:
        method = registry.get(name)
        if method.recipe is None:
            continue
        for variant in method.variants:
            if preset in recipe.read(method.recipe)["variants"][variant]:
                target = find_target(name, variant, preset, None)
                absent = target.info.rates[0].sha256 is None or not target.shipped.exists()
                if absent or recipe.unfinished(method.recipe, variant, preset):
                    targets.append(target)
    return targets


def open_data(data: str) -> list[Pairs]:
    """Open a comma-separated list of training sets, such as ``synthdrive:train1200,kitti-mini:train``."""
    from bench.data import open_pairs

    return [cast(Pairs, open_pairs(name)) for name in data.split(",")]


def train(
    target: Target,
    data: str,
    folder: Path,
    device: str,
    seconds: float | None,
    resume: bool,
    report: Callable[[dict[str, float]], None],
    steps: int | None = None,
    val: str | None = None,
) -> bool:
    """Train one set of weights, or go on training it.

    Args:
        target: What to train.
        data: Sets of pairs, comma-separated.
        folder: Where state, log and the weights so far go.
        device: ``cpu`` or ``cuda``.
        seconds: Time budget; None for none.
        resume: Continue from the folder's state; where it holds none, from the shipped weights, at the step at which
            their log ends. Without it training starts anew, from the variant that the recipe names, or at the nearest
            trained rate point where each has its own model.
        report: Called with each log row.
        steps: Number of steps at which training ends, in place of the recipe's.
        val: Validation sets, comma-separated; None for the split ``val`` of those in ``data`` that have one.

    Returns:
        Whether the training is complete.

    Raises:
        BenchError: The folder holds a state and ``resume`` is off, or it cannot be written; the recipe needs a
            validation set and there is none; it starts from a variant that is not trained.
    """
    import torch

    from bench.train.validation import default_sets

    how = recipe.training(target.recipe, target.info.variant, target.info.preset)
    how = replace(how, steps=steps) if steps else how
    begun = state_path(folder).is_file()
    if begun and not resume:
        raise BenchError(f"{folder} holds an unfinished training; add --resume to go on with it, or remove the folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BenchError(f"{folder} cannot be made ({error.strerror}); choose another --out.") from error
    sets = open_data(data)
    held_out = open_data(val or default_sets(data)) if how.validates else []
    torch.manual_seed(0)  # first weights that do not depend on what was trained before in this process
    points = target.info.rates if target.rate is None else (target.info.rate(target.rate),)
    model = target.codec.build(replace(target.info, rates=points))
    if how.batch % len(points):
        raise BenchError(f"The recipe's batch {how.batch} of {target.label} is no multiple of its {len(points)} rates.")
    lambdas = [point.setting.get("target_bpp", 0.0) if point.lmbda is None else point.lmbda for point in points]
    prime = getattr(target.codec, "prime", None)
    if prime is not None:
        prime(model, target.info, device)
    start = None if begun else _start(target, how, resume)
    if start is not None:
        target.codec.warm(model, start)
    trainer = Trainer(Job(model, how, lambdas, sets, folder, device, val=held_out))
    if not trainer.restore() and start == target.shipped and target.log.is_file() and not how.by_epochs:
        shutil.copyfile(target.log, folder / "log.csv")
        trainer.step = recipe.steps_taken(target.log) or 0
    done = trainer.run(seconds, report)
    target.codec.export(trainer.result(), target.info, target.rate, folder / target.shipped.name)
    return done


def _start(target: Target, how: Training, resume: bool) -> Path | None:
    """Weights to start from: the shipped ones to go on from, the stated variant's, or the nearest rate point's."""
    if resume and target.shipped.exists():
        return target.shipped
    if how.start:
        return _finished(find_target(target.info.name, how.start, target.info.preset, target.rate), target)
    if target.rate is None:
        return None
    own = target.info.rate(target.rate).index
    trained = [p for p in target.info.rates if p.index != own and p.weights is not None and p.weights.is_file()]
    nearest = min(trained, key=lambda p: abs(p.index - own), default=None)
    return nearest.weights if nearest is not None else None


def _finished(first: Target, target: Target) -> Path:
    """The weights of ``first``, from which ``target`` starts."""
    if not first.shipped.exists() or recipe.unfinished(first.recipe, first.info.variant, first.info.preset):
        raise BenchError(
            f"{target.label} starts from {first.info.full_name}, which is not fully trained yet; train it with "
            f"'python -m bench train --method {first.info.full_name} --resume --publish'."
        )
    return first.shipped


def publish(target: Target, folder: Path) -> Path:
    """Put weights where the codec looks for them and their digest into the recipe; the log says how far they are."""
    trained = folder / target.shipped.name
    target.shipped.parent.mkdir(parents=True, exist_ok=True)
    if trained.is_dir():
        shutil.rmtree(target.shipped, ignore_errors=True)
        shutil.copytree(trained, target.shipped)
    else:
        shutil.copyfile(trained, target.shipped)
    digest = digest_of(trained)
    recipe.publish_digest(target.recipe, target.info.variant, target.info.preset, target.key, digest)
    log = folder / "log.csv"
    if log.is_file():
        shutil.copyfile(log, target.log)
    return target.shipped
