"""The second stage: pictures and originals to metric columns, networks loaded once for the whole sweep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.run.batching import release
from bench.run.shards import Decoded
from bench.run.status import is_out_of_memory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bench.data import PairSet

CHUNK = 16


@dataclass
class Scores:
    """Metrics of one unit.

    Attributes:
        items: Metric name to ``(N,)`` values; NaN where a metric has no value.
        sets: Name to the value over the set.
        statuses: Metric name to ``{"status": …, "reason": …}``.
    """

    items: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    sets: dict[str, float] = field(default_factory=dict)
    statuses: dict[str, dict[str, str]] = field(default_factory=dict)


class Scorer:
    """Keeps one metric engine per choice of metrics.

    Args:
        device: Where the metric networks run.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self._engines: dict[tuple[str, ...], Any] = {}

    def score(
        self,
        pairs: PairSet,
        decoded: Decoded,
        metrics: tuple[str, ...],
        advance: Callable[[int], None] = lambda n: None,
    ) -> Scores:
        """Compute metrics of one unit.

        Args:
            pairs: The originals; its ``x`` is the reference whatever the control.
            decoded: The reconstructions, in the order of the set.
            metrics: Names; empty means nothing to do.
            advance: Called with the number of items done.

        Raises:
            Exception: What the engine raises; where memory runs out, only once each picture goes alone.
        """
        import numpy as np

        from bench.metrics.engine import Engine

        if not metrics:
            return Scores()
        if metrics not in self._engines:
            self._engines[metrics] = Engine(metrics, device=self.device, batch_size=CHUNK)
        engine = self._engines[metrics]
        counted = 0
        while True:
            engine.reset()
            try:
                for stop in _feed(engine, pairs, decoded):
                    advance(max(0, stop - counted))
                    counted = max(stop, counted)
                items, sets = engine.finish(pairs.scenes)
                break
            except Exception as error:
                if not (is_out_of_memory(error) and engine.halve()):
                    raise
            release()
        statuses = {
            name: {"status": engine.statuses.get(name, "ok")}
            | ({"reason": engine.reasons[name]} if engine.reasons.get(name) else {})
            for name in metrics
        }
        return Scores({k: np.asarray(v, np.float64) for k, v in items.items()}, dict(sets), statuses)


def _feed(engine: Any, pairs: PairSet, decoded: Decoded) -> Iterator[int]:
    """Give the engine every pair once, and say after each batch how many it has had."""
    import numpy as np
    import torch

    label_of = getattr(pairs, "labels", None)
    for start in range(0, len(pairs), CHUNK):
        indices = list(range(start, min(start + CHUNK, len(pairs))))
        x, _ = pairs.batch(indices)
        pictures = torch.from_numpy(np.array(decoded.pictures[start : start + len(indices)]))
        labels = label_of(indices) if label_of is not None else None
        engine.update(pictures, x, [pairs.ids[i] for i in indices], labels=labels)
        yield start + len(indices)
