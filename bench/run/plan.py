"""What a command will measure: its units, each with key, folder, and what is already there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.codec import CodecInfo, RatePoint
from bench.digests import digest_of
from bench.errors import BenchError, MissingData, UnknownName
from bench.loading import codec_info
from bench.registry import methods as registry
from bench.run.done import look, select_metrics
from bench.run.keys import encode_key, unit_key

if TYPE_CHECKING:
    from bench.data import PairSet

CONTROLS = ("wrong-y", "blank-y", "wrong-x")


@dataclass(frozen=True)
class Request:
    """The options of ``bench run``, as given."""

    methods: tuple[str, ...]
    dataset: str = "synthdrive:test32"
    split: str | None = None
    limit: int | None = None
    rates: tuple[str, ...] = ()
    preset: str = "small"
    metrics: tuple[str, ...] = ()
    controls: bool = False
    repetitions: int = 1
    batch_size: int | None = None
    device: str = "auto"
    out: Path = Path("runs")
    shards: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)
    weights: Path | None = None
    timeout: float | None = None

    @property
    def shard_folder(self) -> Path:
        """Where reconstructions and streams are kept: ``<out>/.shards`` unless told otherwise."""
        return self.shards if self.shards is not None else self.out / ".shards"


@dataclass(frozen=True)
class Unit:
    """One (method, rate point, dataset, split, repetition, control).

    Attributes:
        spec: What ``load_codec`` takes.
        info: What the codec declares.
        point: The rate point.
        options: The codec's options, defaults included.
        weights: Weights file that the user named in place of the shipped one.
        weights_sha256: Digest of the weights; empty without any.
        repetition: From 0.
        control: ``none``, or one of ``CONTROLS``.
        encoding: Key of the bytes, shared by controls and repetitions.
        key: Key of the unit.
        folder: Where its results lie.
        state: ``cached``, ``score`` (pixels known, metrics missing), ``code``, or a status that it ends in at once.
        reason: Why, for a status.
        metrics: Metrics still to compute.
    """

    spec: str
    info: CodecInfo
    point: RatePoint
    options: dict[str, Any]
    weights: Path | None
    weights_sha256: str
    repetition: int
    control: str
    encoding: str
    key: str
    folder: Path
    state: str
    reason: str = ""
    metrics: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """For people: method, rate point and what differs from the plain run."""
        name = self.info.name if self.info.variant == "base" else self.info.full_name
        extra = [self.control] if self.control != "none" else []
        extra += [f"repetition {self.repetition}"] if self.repetition else []
        return " ".join([name, self.point.name, *extra])


@dataclass
class Plan:
    """The units of one command and the pairs that they share (None where the data is not here)."""

    request: Request
    pairs: PairSet | None
    metrics: tuple[str, ...]
    units: list[Unit]

    def counts(self) -> Counter[str]:
        """Number of units by state."""
        return Counter(unit.state for unit in self.units)

    @property
    def todo(self) -> list[Unit]:
        """Units that need work."""
        return [unit for unit in self.units if unit.state in ("score", "code")]


def make_plan(request: Request) -> Plan:
    """Lay out the units of a command; imports neither torch nor compressai unless the data's loader does.

    Raises:
        BenchError: An unknown method, rate, metric, dataset or option; a results folder of a newer schema.
    """
    metrics = select_metrics(request.metrics)
    infos = _infos(request)
    chosen = _rates(infos, request.rates)
    _check_weights(infos, request)
    pairs, missing = _open(request)
    units: list[Unit] = []
    for spec, info, fault in infos:
        for point in chosen[spec]:
            units += _units(request, pairs, metrics, spec, info, point, fault or missing)
    return Plan(request, pairs, metrics, units)


Fault = tuple[str, str] | None


def _infos(request: Request) -> list[tuple[str, CodecInfo, Fault]]:
    """Each method asked for with its description and, where it cannot run here, the status it ends in."""
    found: list[tuple[str, CodecInfo, Fault]] = []
    everything = "all" in request.methods
    specs: list[str] = []
    for name in registry if everything else request.methods:
        if not everything:
            specs.append(name)
            continue
        method = registry.get(name)
        ordered = sorted(method.variants, key=lambda variant: variant != method.default_variant)
        specs += [f"{name}:{variant}" for variant in ordered if request.preset in method.presets_of(variant)]
    for spec in dict.fromkeys(specs):
        info = codec_info(spec, request.preset)
        if request.options.get("random_init") is True and "random_init" in info.options:
            info = info.with_random_weights()
        absent = [name for name in info.requires if find_spec(name) is None]
        fault = ("not-installed", f"The package {absent[0]} is not installed.") if absent else None
        if all(other.full_name != info.full_name for _, other, _ in found):
            found.append((spec, info, fault))
    if not found:
        raise UnknownName(f"No method has the preset {request.preset!r}.")
    return found


def _rates(infos: list[tuple[str, CodecInfo, Fault]], wanted: tuple[str, ...]) -> dict[str, list[RatePoint]]:
    """The rate points of each method, low to high; a codec of a single one takes part whatever is wanted.

    Raises:
        UnknownName: No method has a rate that is wanted, or a method has none of them.
    """
    known = {point.name for _, info, _ in infos for point in info.rates}
    for name in wanted:
        if name not in known:
            infos[0][1].rate(name)  # raises with the list of those there are
            raise UnknownName(f"No method asked for has a rate point {name!r}.")
    chosen: dict[str, list[RatePoint]] = {}
    for spec, info, _ in infos:
        every = not wanted or len(info.rates) == 1
        chosen[spec] = [point for point in info.rates if every or point.name in wanted]
        if not chosen[spec]:
            info.rate(wanted[0])  # raises: a method that was asked for is never left out in silence
    return chosen


def _check_weights(infos: list[tuple[str, CodecInfo, Fault]], request: Request) -> None:
    if request.weights is not None:
        if len(infos) > 1:
            raise BenchError("--weights names the file of one codec; give one --method with it.")
        if request.options.get("random_init") is True:
            raise BenchError("--random-init takes no weights; leave --weights out.")
        if not request.weights.is_file():
            raise BenchError(f"There is no weights file {request.weights}.")


def _open(request: Request) -> tuple[PairSet | None, Fault]:
    from bench.data import open_pairs

    try:
        return open_pairs(request.dataset, request.split, request.limit), None
    except MissingData as error:
        return None, ("no-data", str(error))


def _units(
    request: Request,
    pairs: PairSet | None,
    metrics: tuple[str, ...],
    spec: str,
    info: CodecInfo,
    point: RatePoint,
    fault: Fault,
) -> list[Unit]:
    """The units of one rate point: the plain one, its repetitions, its controls."""
    options = info.filled(request.options)
    path = request.weights or point.weights
    if path is not None and not path.is_file():
        digest = point.sha256 or ""
        official = ", `bench import` takes it from an official checkpoint" if info.preset == "paper" else ""
        fault = fault or (
            "no-weights",
            f"{info.full_name} {point.name} needs {path.name}, which is not here: "
            f"`bench train` makes it{official}, or name your own with --weights.",
        )
    else:
        digest = (point.sha256 if request.weights is None else None) or (digest_of(path) if path else "")
    if pairs is not None and info.sizes not in (None, (pairs.height, pairs.width)):
        size = f"{info.sizes[0]}×{info.sizes[1]}" if info.sizes else ""
        fault = fault or (
            "skipped",
            f"{info.full_name} takes {size} only, and the pairs are {pairs.height}×{pairs.width}.",
        )
    manifest, subset, n = (pairs.manifest, pairs.subset, len(pairs)) if pairs is not None else ("", "", 0)
    labelled = bool(getattr(pairs, "labelled", False))
    encoding = encode_key(info, point, options, digest, manifest, subset, n)
    made: list[Unit] = []
    for control in ("none", *(CONTROLS if request.controls else ())):
        for repetition in range(request.repetitions if info.stochastic else 1):
            key = unit_key(encoding, repetition, control)
            folder = request.out / (pairs.slug if pairs is not None else "none") / method_folder(info)
            folder = folder / f"{point.name}-{key[:12]}"
            own = fault
            if own is None and control != "none":
                own = _no_control(info, pairs, control)
            state, reason, left = (*own, ()) if own else look(folder, key, metrics, labelled)
            made.append(
                Unit(spec, info, point, options, request.weights, digest, repetition, control, encoding, key, folder,
                     state, reason, left)
            )  # fmt: skip
    return made


def _no_control(info: CodecInfo, pairs: PairSet | None, control: str) -> Fault:
    """Why a control cannot be had, if so."""
    if not info.uses_side:
        return "skipped", f"{info.name} does not read y, so a control of y says nothing about it."
    try:
        if pairs is not None and control != "blank-y":
            pairs.wrong_side()
    except BenchError as error:
        return "skipped", str(error)
    return None


def method_folder(info: CodecInfo) -> str:
    """Path-safe folder of a method: name, variant unless ``base``, preset unless ``small``."""
    parts = [info.name, *([info.variant] if info.variant != "base" else ())]
    parts += [info.preset] if info.preset != "small" else []
    return "-".join("".join(c if c.isalnum() or c in "._+-" else "_" for c in part) for part in parts)
