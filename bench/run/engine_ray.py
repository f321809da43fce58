"""The engine over Ray: parts of a set coded by several workers, merged by item id.

Parts are cut at batch boundaries, so that every batch holds the items that it would hold in one process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.errors import NotInstalled
from bench.run.coding import Advance, Job, decode_part, encode_part
from bench.run.shards import Decoded, Streams, merge_decoded, merge_streams


def cut(n: int, batch_size: int, workers: int) -> list[tuple[int, int]]:
    """Ranges of items for the workers: whole batches, as even as they go, none empty."""
    count = -(-n // batch_size)
    workers = max(1, min(workers, count))
    edges = [round(count * w / workers) * batch_size for w in range(workers)] + [n]
    return list(zip(edges[:-1], edges[1:], strict=True))


class RayEngine:
    """Codes with Ray tasks, one part a worker; joins the cluster of ``RAY_ADDRESS`` or starts one here.

    Raises:
        NotInstalled: Ray is not installed.
    """

    def __init__(self) -> None:
        try:
            import ray
        except ImportError as error:
            raise NotInstalled(
                "--engine ray needs Ray, which is not installed; pip install 'dic-bench[ray]', or leave --engine out."
            ) from error
        self._ray: Any = ray
        if not ray.is_initialized():
            ray.init(log_to_driver=False)

    def encode(self, job: Job, advance: Advance) -> Streams:
        """Encode every item of the job's set."""
        return merge_streams(self._map(encode_part, job, (), advance), job.pairs.ids)

    def decode(self, job: Job, streams: Streams, control: str, repetition: int, advance: Advance) -> Decoded:
        """Decode every item of the job's set under a control."""
        extra = (streams, control, repetition)
        return merge_decoded(self._map(decode_part, job, extra, advance), job.pairs.ids)

    def _map(self, work: Callable[..., Any], job: Job, extra: tuple[Any, ...], advance: Advance) -> list[Any]:
        """Run a part function over the ranges and return the parts in the order of the ranges."""
        gpu = job.device.startswith("cuda")
        have = self._ray.cluster_resources().get("GPU" if gpu else "CPU", 1)
        task = self._ray.remote(num_gpus=1 if gpu else 0, num_cpus=1)(_part)
        ranges = cut(len(job.pairs), job.batch_size, int(have))
        refs = {task.remote(work, job, extra, start, stop): (start, stop) for start, stop in ranges}
        parts: dict[int, Any] = {}
        waiting = list(refs)
        while waiting:
            ready, waiting = self._ray.wait(waiting, num_returns=1)
            start, stop = refs[ready[0]]
            parts[start] = self._ray.get(ready[0])
            advance(stop - start)
        return [parts[start] for start in sorted(parts)]


def _part(work: Callable[..., Any], job: Job, extra: tuple[Any, ...], start: int, stop: int) -> Any:
    """Body of one Ray task; the switches of exactness are set in its own process."""
    from bench.run.batching import make_exact

    make_exact()
    return work(job, *extra, start, stop)
