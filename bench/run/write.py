"""From coded and scored items to ``items.parquet``, ``set.parquet`` and ``run.json`` of one unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.protocol import NAME as PROTOCOL
from bench.protocol import SCHEMA
from bench.run.plan import Plan, Unit
from bench.store import digest, provenance
from bench.store.atomic import canonical_json, write_json
from bench.store.schema import ITEM, NULL, SET
from bench.store.table import read, read_run, write

if TYPE_CHECKING:
    from bench.run.scoring import Scores
    from bench.run.shards import Decoded, Streams


def identity(unit: Unit, plan: Plan, encoder_version: str = "") -> dict[str, Any]:
    """The columns that say which unit a row belongs to."""
    pairs = plan.pairs
    assert pairs is not None
    return {
        "method": unit.info.name,
        "variant": unit.info.variant,
        "preset": unit.info.preset,
        "rate": unit.point.name,
        "options": canonical_json(unit.options),
        "dataset": pairs.dataset,
        "split": pairs.split,
        "subset": pairs.subset,
        "partial": pairs.partial,
        "manifest": pairs.manifest,
        "protocol": PROTOCOL,
        "schema": SCHEMA,
        "n": len(pairs),
        "repetition": unit.repetition,
        "control": unit.control,
        "key": unit.key,
        "weights_sha256": unit.weights_sha256,
        "encoder_version": encoder_version,
    }


def write_unit(unit: Unit, plan: Plan, streams: Streams, decoded: Decoded, scores: Scores) -> dict[str, Any]:
    """Write a whole unit, metrics of an earlier run kept; ``run.json`` comes last and makes it count.

    Returns:
        The contents of ``run.json``.
    """
    pairs = plan.pairs
    assert pairs is not None
    n, common = len(pairs), identity(unit, plan, str(streams.meta.get("encoder_version", "")))
    donors = pairs.wrong_side() if unit.control in ("wrong-y", "wrong-x") else list(range(n))
    donor_ids = [pairs.ids[i] for i in donors]
    source = donors if unit.control == "wrong-x" else list(range(n))
    native = [int(streams.native_bits[i]) for i in source]
    rows: dict[str, Sequence[Any]] = {name: [value] * n for name, value in common.items()}
    rows |= {
        "item": pairs.ids,
        "scene": pairs.scenes,
        "y_item": {"wrong-y": donor_ids, "blank-y": [""] * n}.get(unit.control, pairs.ids),
        "x_item": donor_ids if unit.control == "wrong-x" else pairs.ids,
        "status": ["ok"] * n,
        "reason": [""] * n,
        "height": [pairs.height] * n,
        "width": [pairs.width] * n,
        "bits_file": [8 * len(streams.files[i]) for i in source],
        "bits_payload": [int(streams.payload_bits[i]) for i in source],
        "bits_estimated": [float(streams.estimated_bits[i]) for i in source],
        "bits_native": [value if value >= 0 else None for value in native],
        "encode_ms": [float(streams.encode_ms[i]) for i in source],
        "encode_batch": [int(streams.batch[i]) for i in source],
        "decode_ms": list(decoded.decode_ms),
        "decode_batch": list(decoded.batch),
        "side_ms": list(decoded.side_ms),
    }
    before = read_run(unit.folder)
    kept = before if unit.state == "score" else {}  # what is coded anew has nothing whole to keep
    item_metrics, set_metrics = _earlier(unit, kept)
    item_metrics |= {name: [float(v) for v in values] for name, values in scores.items.items()}
    set_metrics |= scores.sets
    statuses = {**kept.get("metrics", {}), **scores.statuses}
    for name in statuses:
        item_metrics.setdefault(name, [math.nan] * n) if _is_item(name) else set_metrics.setdefault(name, math.nan)
    device = str(decoded.meta.get("device", {}).get("device", ""))
    words = canonical_json({name: entry["status"] for name, entry in sorted(statuses.items())})
    one = common | _about(unit) | {
        "status": "ok", "reason": "", "device": device, "created": decoded.meta.get("created", ""),
        "metric_statuses": words,
        "bits_parts": canonical_json({k: round(float(v.mean()), 2) for k, v in streams.parts.items()} or {}),
    }  # fmt: skip
    write(unit.folder / "items.parquet", "items", rows | item_metrics)
    write(unit.folder / "set.parquet", "set", {name: [value] for name, value in (one | set_metrics).items()})
    run = {
        "schema": SCHEMA, "status": "ok", "reason": "", "key": unit.key, "unit": common, "metrics": statuses,
        "encoding": streams.meta, "decoding": _beside(decoded.meta, streams.meta),
        "scoring": _beside(_scoring(), decoded.meta), "summary": _summary(rows, item_metrics, set_metrics),
        "rates": [point.name for point in unit.info.rates], "digests": digest.describe(unit.folder),
    }  # fmt: skip
    write_json(unit.folder / "run.json", run)
    return run


def write_failure(unit: Unit, plan: Plan, status: str, reason: str) -> None:
    """Write the rows of a unit that has no numbers: nulls with status and reason, never zeros.

    A whole unit that an earlier run left is not touched, and without data there are no items to write rows for.
    """
    if plan.pairs is None or read_run(unit.folder).get("status") == "ok":
        return
    pairs, common = plan.pairs, identity(unit, plan)
    n = len(pairs)
    rows: dict[str, Sequence[Any]] = {column.name: [NULL[column.type]] * n for column in ITEM}
    rows |= {name: [value] * n for name, value in common.items()}
    rows |= {"item": pairs.ids, "scene": pairs.scenes, "status": [status] * n, "reason": [reason] * n}
    rows |= {"height": [pairs.height] * n, "width": [pairs.width] * n}
    one = {column.name: NULL[column.type] for column in SET} | common | _about(unit)
    one |= {"status": status, "reason": reason, "created": provenance.utc_now(), "metric_statuses": "{}"}
    write(unit.folder / "items.parquet", "items", rows)
    write(unit.folder / "set.parquet", "set", {name: [value] for name, value in one.items()})
    run = {
        "schema": SCHEMA, "status": status, "reason": reason, "key": unit.key, "unit": common, "metrics": {},
        "scoring": _scoring(), "rates": [point.name for point in unit.info.rates],
        "digests": digest.describe(unit.folder),
    }  # fmt: skip
    write_json(unit.folder / "run.json", run)


def _beside(meta: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """What a later stage was made with, as far as it differs from the stage before; the time always."""
    return {name: value for name, value in meta.items() if name == "created" or before.get(name) != value}


def _scoring() -> dict[str, Any]:
    """Provenance of the scoring."""
    versions = dict(provenance.versions())
    return {"created": provenance.utc_now(), "versions": versions, "argv": provenance.argv()}


def _about(unit: Unit) -> dict[str, Any]:
    """What the leaderboard must know of a codec even where the codec is not installed."""
    info = unit.info
    return {
        "title": info.title or info.name,
        "uses_side": info.uses_side,
        "encoder_sees_y": info.encoder_sees_y,
        "stochastic": info.stochastic,
        "random_init": info.random_init,
        "twin": info.twin or "",
    }


def _is_item(name: str) -> bool:
    from bench.metrics.registry import METRICS

    return name not in METRICS or METRICS[name].kind == "item"


def _earlier(unit: Unit, kept: dict[str, Any]) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Metric columns of the run that this one adds to."""
    if not kept:
        return {}, {}
    item_names, set_names = ({column.name for column in columns} for columns in (ITEM, SET))
    items, sets = read(unit.folder / "items.parquet").to_pydict(), read(unit.folder / "set.parquet").to_pydict()
    nan = math.nan
    return (
        {k: [nan if v is None else v for v in values] for k, values in items.items() if k not in item_names},
        {k: nan if values[0] is None else values[0] for k, values in sets.items() if k not in set_names},
    )


def _summary(rows: dict[str, Sequence[Any]], items: dict[str, list[Any]], sets: dict[str, Any]) -> dict[str, float]:
    """Means for the closing table of a re-run, which reads no parquet."""
    pixels = sum(h * w for h, w in zip(rows["height"], rows["width"], strict=True))
    means = {"bpp": sum(rows["bits_file"]) / pixels}
    means |= {name: math.fsum(values) / len(values) for name, values in items.items()}
    means |= sets
    return {name: round(value, 6) for name, value in means.items() if value == value and math.isfinite(value)}
