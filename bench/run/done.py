"""What earlier runs left: which units are whole, and which metrics are still to be computed."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

from bench.store.schema import check_schema
from bench.store.table import read_run


def select_metrics(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the metrics asked for, in the registry's order; none given, or ``all``, means every one.

    Raises:
        UnknownName: There is no such metric.
    """
    from bench.metrics.registry import resolve

    return tuple(resolve(None if "all" in wanted else list(wanted)))


def look(folder: Path, key: str, metrics: tuple[str, ...], labelled: bool = False) -> tuple[str, str, tuple[str, ...]]:
    """State of a unit by what lies in its folder: (``cached`` | ``score`` | ``code``, reason, metrics to compute).

    A failure counts as nothing: it is tried again. So is a metric whose weights or package were missing and have come
    since.

    Raises:
        BenchError: The folder was written by a newer schema.
    """
    run = read_run(folder)
    check_schema(run.get("schema", 0), str(folder))
    if run.get("status") != "ok" or run.get("key") != key:
        return "code", "", metrics
    if not ((folder / "items.parquet").is_file() and (folder / "set.parquet").is_file()):
        return "code", "", metrics
    scored: dict[str, Any] = run.get("metrics", {})
    left = tuple(name for name in metrics if not _settled(name, scored.get(name, {}).get("status"), labelled))
    return ("score", "", left) if left else ("cached", "", ())


def _settled(name: str, status: str | None, labelled: bool) -> bool:
    """Whether computing a metric again could give nothing new."""
    from bench.metrics.registry import METRICS

    if status == "skipped":  # the engine's verdict on these very pictures, but for labels, which it once could not use
        return not (labelled and METRICS[name].labelled_needs)
    if status == "ok":
        return True
    if status == "no-weights":
        return bool(missing_weights(name, labelled))
    if status == "not-installed":
        return not _installed(name)
    return False


def missing_weights(name: str, labelled: bool = False) -> list[str]:
    """Names of the weights files that a metric needs, on labelled data or not, and that are not on this machine."""
    from bench.metrics import weights
    from bench.metrics.registry import METRICS

    return [need for need in METRICS[name].networks(labelled) if weights.find(need, verify=False) is None]


def _installed(name: str) -> bool:
    """Whether the distributions that a metric names as its library are installed."""
    from bench.metrics.registry import METRICS

    try:
        for library in METRICS[name].library.replace("/", ",").split(","):
            metadata.version(library.strip())
    except (metadata.PackageNotFoundError, ValueError):
        return False
    return True
