"""Working down a plan: code what has no pictures yet, score what lacks metrics, write each unit as it is whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

from bench.digests import digest_of
from bench.errors import BenchError
from bench.metrics import weights
from bench.metrics.registry import METRICS
from bench.run.batching import auto_batch, make_exact
from bench.run.coding import Job
from bench.run.engine_local import CodingEngine, LocalEngine
from bench.run.plan import Plan, Unit
from bench.run.scoring import Scorer
from bench.run.shards import Decoded, Streams, load_decoded, load_streams, save_decoded, save_streams
from bench.run.status import classify
from bench.run.write import write_failure, write_unit
from bench.store import provenance
from bench.store.atomic import StoreError, make_folder, need_space
from bench.store.table import read_run

BYTES_A_UNIT = 200_000
"""Generous room for the parquet files and the streams of one unit."""


@dataclass
class Outcome:
    """How one unit ended: its status, the reason, and means for the closing table."""

    unit: Unit
    status: str
    reason: str = ""
    summary: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, dict[str, str]] = field(default_factory=dict)


class Watcher(Protocol):
    """Whoever shows progress."""

    def step(self, text: str) -> None:
        """A stage of a unit begins."""

    def advance(self, items: int) -> None:
        """Items are done."""


def settled(plan: Plan) -> list[Outcome]:
    """Outcomes of the units that need no work."""
    done = []
    for unit in plan.units:
        if unit.state == "cached":
            run = read_run(unit.folder)
            done.append(Outcome(unit, "cached", "", run.get("summary", {}), run.get("metrics", {})))
        elif unit.state not in ("score", "code"):
            done.append(Outcome(unit, unit.state, unit.reason))
    return done


def record_absent(plan: Plan) -> None:
    """Write rows for codecs that cannot run here, so that a table built from the store names them and says why.

    Controls that say nothing about a codec get no row. What an earlier run recorded in the same words is left alone.
    """
    for unit in plan.units:
        if unit.control != "none" or unit.state not in ("no-weights", "not-installed", "skipped"):
            continue
        before = read_run(unit.folder)
        if (before.get("status"), before.get("reason"), before.get("key")) != (unit.state, unit.reason, unit.key):
            write_failure(unit, plan, unit.state, unit.reason)


def work_size(plan: Plan) -> int:
    """Items that the progress bar counts: every stage of every unit to do, once an item."""
    n = len(plan.pairs) if plan.pairs is not None else 0
    return n * sum(2 if unit.state == "code" else 1 for unit in plan.todo)


def check_before(plan: Plan) -> None:
    """Find what would break halfway before anything is written.

    Raises:
        BenchError: A codec's or a metric's weights file has another sha256 than declared, or the disk is too full.
    """
    digests: dict[Path, str] = {}
    for unit in plan.todo:
        path = unit.point.weights if unit.weights is None else None
        if path is None or not unit.point.sha256 or not path.is_file():
            continue
        digests[path] = digests.get(path) or digest_of(path)
        if digests[path] != unit.point.sha256:
            raise BenchError(
                f"{path} has another sha256 than {unit.info.full_name} {unit.point.name} declares; restore the file, "
                "or name your own with --weights."
            )
    used = [METRICS[metric] for unit in plan.todo for metric in unit.metrics]
    labelled = bool(getattr(plan.pairs, "labelled", False))
    for need in dict.fromkeys(n for metric in used for n in metric.networks(labelled)):
        weights.find(need)  # compares the sha256
    pairs = plan.pairs
    if pairs is not None and plan.todo:
        pixels = len(pairs) * 3 * pairs.height * pairs.width
        coded = sum(unit.state == "code" for unit in plan.todo)
        rows = len(plan.todo) * BYTES_A_UNIT
        sizes = {plan.request.out: rows, plan.request.shard_folder: coded * pixels + rows}
        for folder, size in sizes.items():
            need_space(folder, size, "this run", "choose another --out")
        for folder in sizes:
            make_folder(folder, "choose another --out")


def execute(plan: Plan, device: str, watcher: Watcher, engine: CodingEngine | None = None) -> Iterator[Outcome]:
    """Do the units that need work, one whole unit after the other.

    Args:
        plan: The plan; its ``pairs`` must be there.
        device: Resolved device.
        watcher: Told what is going on.
        engine: Who codes; this process by default.

    Yields:
        The outcome of each unit, once it is written.

    Raises:
        StoreError: The disk is full; every other failure of a unit is an outcome.
    """
    make_exact()
    scorer = Scorer(device)
    for _, group in groupby(plan.todo, key=lambda unit: unit.encoding):
        units = list(group)
        coder = _Coder(plan, units[0], device, watcher, engine or LocalEngine())
        for unit in units:
            try:
                streams, decoded = coder.code(unit)
                watcher.step(f"{unit.label}: score")
                assert plan.pairs is not None
                scores = scorer.score(plan.pairs, decoded, unit.metrics, watcher.advance)
                run = write_unit(unit, plan, streams, decoded, scores)
            except StoreError:
                raise
            except Exception as error:
                status, reason = classify(error)
                write_failure(unit, plan, status, reason)
                yield Outcome(unit, status, reason)
            else:
                yield Outcome(unit, "ok", "", run["summary"], run["metrics"])


class _Coder:
    """The coding of units that share an encoding: files are made once, and only where they are not kept."""

    def __init__(self, plan: Plan, first: Unit, device: str, watcher: Watcher, engine: CodingEngine) -> None:
        request, pairs = plan.request, plan.pairs
        assert pairs is not None
        self.watcher, self.engine = watcher, engine
        self.ids, self.folder = pairs.ids, request.shard_folder
        size = request.batch_size or auto_batch(pairs.height, pairs.width, device)
        self.job = Job(
            first.spec, request.preset, first.point.name, first.weights, dict(request.options), request.dataset,
            request.split, request.limit, device, size, request.timeout, pairs,
        )  # fmt: skip
        self.streams: Streams | None = None
        self.broken: Exception | None = None

    def code(self, unit: Unit) -> tuple[Streams, Decoded]:
        """Streams and pictures of a unit, kept ones where they are there."""
        streams = self.streams or load_streams(self.folder, unit.encoding, self.ids)
        if streams is None:
            streams = self._encode(unit)
        self.streams = streams
        decoded = load_decoded(self.folder, unit.key, self.ids)
        if decoded is None:
            self.watcher.step(f"{unit.label}: decode")
            decoded = self.engine.decode(self.job, streams, unit.control, unit.repetition, self._advance(unit))
            decoded.meta |= self._meta()
            save_decoded(self.folder, unit.key, decoded)
        elif unit.state == "code":
            self.watcher.advance(len(self.ids))
        return streams, decoded

    def _encode(self, unit: Unit) -> Streams:
        """Make the files; what fails for one unit fails for all that share them, so it is tried once."""
        if self.broken is not None:
            raise self.broken
        self.watcher.step(f"{unit.label}: encode")
        try:
            streams = self.engine.encode(self.job, lambda n: None)
        except Exception as error:
            self.broken = error
            raise
        streams.meta |= self._meta()
        save_streams(self.folder, unit.encoding, streams)
        return streams

    def _advance(self, unit: Unit) -> Any:
        """Count decoding only where the bar expects it: a unit to score may have lost its shard."""
        return self.watcher.advance if unit.state == "code" else lambda n: None

    def _meta(self) -> dict[str, Any]:
        """Provenance of what was just coded."""
        codec = self.job.codec
        return {
            "created": provenance.utc_now(),
            "versions": dict(provenance.versions()),
            "git": provenance.git_state(),
            "source_sha256": provenance.source_sha256(type(codec)),
            "revision": codec.info.revision,
            "parameters": codec.parameters(),
            "device": provenance.device_state(self.job.device),
            "batch_size": self.job.batch_size,
            "argv": provenance.argv(),
        }
