"""Batches, merging, keys, statuses and the Ray engine, each alone."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toypkg.codec import Toy
from toypkg.pairs import Pairs

import bench
from bench.errors import BenchError, MissingData, MissingWeights, NotInstalled
from bench.run.batching import auto_batch, batches, choose_device
from bench.run.coding import Job, decode_part, encode_part
from bench.run.engine_ray import RayEngine, cut
from bench.run.keys import encode_key, unit_key
from bench.run.shards import merge_decoded, merge_streams
from bench.run.status import OutOfMemory, classify


def test_batches_are_cut_at_fixed_indices_and_halve_for_good() -> None:
    seen: list[list[int]] = []

    def work(indices: list[int]) -> None:
        if len(indices) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        seen.append(indices)

    assert sum(batches(0, 7, 5, work)) == 7
    assert seen == [[0, 1], [2, 3], [4, 5], [6]]
    seen.clear()
    assert list(batches(4, 9, 2, work)) == [2, 2, 1] and seen == [[4, 5], [6, 7], [8]]


def test_one_item_out_of_memory_and_other_errors_end_the_range() -> None:
    def full(indices: list[int]) -> None:
        raise MemoryError("no")

    with pytest.raises(OutOfMemory):
        list(batches(0, 4, 4, full))
    with pytest.raises(ZeroDivisionError):
        list(batches(0, 4, 4, lambda indices: 1 // 0))  # type: ignore[arg-type, return-value]


def test_batch_size_follows_the_pictures() -> None:
    assert auto_batch(128, 256, "cpu") == 8 and auto_batch(128, 256, "cuda:0") == 32
    assert auto_batch(375, 1242, "cpu") == 1 and auto_batch(4000, 4000, "cpu") == 1


def test_a_device_that_is_not_here_is_one_sentence() -> None:
    if not torch.cuda.is_available():
        with pytest.raises(BenchError, match="no CUDA device"):
            choose_device("cuda")
        assert choose_device("auto") == "cpu"
    with pytest.raises(BenchError, match="no such device"):
        choose_device("abacus")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MissingWeights("a"), "no-weights"),
        (MissingData("a"), "no-data"),
        (NotInstalled("a"), "not-installed"),
        (OutOfMemory("a"), "oom"),
        (torch.OutOfMemoryError("a"), "oom"),
        (BenchError("a"), "error"),
        (KeyError("a"), "error"),
    ],
)
def test_statuses_of_exceptions(error: Exception, status: str) -> None:
    assert classify(error)[0] == status and classify(error)[1]


def job(batch_size: int = 3) -> Job:
    return Job("toypkg.codec:Toy", "small", "r3", None, {}, "toyset", None, None, "cpu", batch_size)


def test_parts_merge_by_id_and_must_sum_to_n(toys: None) -> None:
    ids = Pairs().ids
    whole = encode_part(job(), 0, 8)
    parts = [encode_part(job(), a, b) for a, b in ((6, 8), (0, 3), (3, 6))]
    merged = merge_streams(parts, ids)
    assert merged.files == whole.files and merged.ids == ids
    pictures = [decode_part(job(), whole, "wrong-x", 0, a, b) for a, b in ((3, 8), (0, 3))]
    assert np.array_equal(merge_decoded(pictures, ids).pictures, decode_part(job(), whole, "wrong-x", 0, 0, 8).pictures)
    with pytest.raises(ValueError, match="item03 is missing"):
        merge_streams(parts[:2], ids)
    with pytest.raises(ValueError, match="coded twice"):
        merge_streams([*parts, parts[0]], ids)
    with pytest.raises(ValueError, match="1 do not belong"):
        merge_streams(parts, ids[:7])


def test_ranges_of_workers_hold_whole_batches() -> None:
    assert cut(8, 3, 2) == [(0, 6), (6, 8)]
    assert cut(10, 4, 8) == [(0, 4), (4, 8), (8, 10)]
    assert cut(5, 8, 3) == [(0, 5)]


class FakeRay(types.SimpleNamespace):
    """Enough of Ray's interface to run tasks at once."""

    def __init__(self) -> None:
        super().__init__(started=False, tasks=0)

    def is_initialized(self) -> bool:
        return self.started

    def init(self, **_: Any) -> None:
        self.started = True

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 2.0}

    def remote(self, **_: Any) -> Callable[..., Any]:
        def wrap(function: Callable[..., Any]) -> Any:
            def submit(*args: Any) -> object:
                self.tasks += 1
                made = types.SimpleNamespace(value=function(*args))
                return _Ref(made)

            return types.SimpleNamespace(remote=submit)

        return wrap

    def wait(self, refs: list[Any], num_returns: int = 1) -> tuple[list[Any], list[Any]]:
        return refs[-1:], refs[:-1]  # the last one first: order must not matter

    def get(self, ref: Any) -> Any:
        return ref.made.value


class _Ref:
    def __init__(self, made: Any) -> None:
        self.made = made


def test_the_ray_engine_gives_what_one_process_gives(toys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", fake)  # type: ignore[arg-type]
    engine, done = RayEngine(), []
    streams = engine.encode(job(), done.append)
    decoded = engine.decode(job(), streams, "wrong-y", 0, done.append)
    assert fake.tasks == 4 and sum(done) == 16
    assert streams.files == encode_part(job(), 0, 8).files
    assert np.array_equal(decoded.pictures, decode_part(job(), streams, "wrong-y", 0, 0, 8).pictures)


def test_without_ray_the_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(NotInstalled, match=r"dic-bench\[ray\]"):
        RayEngine()


def test_a_job_travels_without_its_networks(toys: None) -> None:
    import pickle

    first = job()
    assert first.codec is not None and first.pairs is not None
    again = pickle.loads(pickle.dumps(first))
    assert again._codec is None and again._pairs is None and again.rate == "r3"


BASE: dict[str, Any] = {
    "info": Toy.info,
    "point": Toy.info.rates[0],
    "options": {"mix": 0.5},
    "weights_sha256": "ab",
    "manifest": "cd",
    "subset": "test",
    "n": 8,
}


@pytest.mark.parametrize(
    "change",
    [
        {"info": dataclasses.replace(Toy.info, revision=2)},
        {"info": dataclasses.replace(Toy.info, preset="paper")},
        {"info": dataclasses.replace(Toy.info, variant="other")},
        {"point": Toy.info.rates[1]},
        {"point": dataclasses.replace(Toy.info.rates[0], setting={"blocks": 9})},
        {"options": {"mix": 0.6}},
        {"weights_sha256": "ac"},
        {"manifest": "ce"},
        {"subset": "val"},
        {"n": 7},
        {"info": dataclasses.replace(Toy.info, coders=("pillow",))},
    ],
)
def test_everything_that_pixels_depend_on_changes_the_key(change: dict[str, Any]) -> None:
    assert encode_key(**{**BASE, **change}) != encode_key(**BASE)
    assert encode_key(**{**BASE, "info": dataclasses.replace(Toy.info, title="New title")}) == encode_key(**BASE)


def test_an_update_of_the_coders_package_changes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    info = bench.codec_info("jpeg")
    before = encode_key(**{**BASE, "info": info})
    monkeypatch.setattr("bench.run.keys.version", lambda name: "999")
    assert encode_key(**{**BASE, "info": info}) != before


def test_repetition_and_control_change_the_units_key_only() -> None:
    encoding = encode_key(**BASE)
    assert len({unit_key(encoding, 0, "none"), unit_key(encoding, 1, "none"), unit_key(encoding, 0, "wrong-y")}) == 3


def test_a_plan_imports_neither_torch_nor_compressai(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from bench.run.plan import Request, make_plan\n"
        "from pathlib import Path\n"
        f"plan = make_plan(Request(('all',), dataset='synthdrive:check8', out=Path({str(tmp_path)!r})))\n"
        "assert len(plan.units) > 10 and all(len(u.key) == 64 for u in plan.units), len(plan.units)\n"
        "print([m for m in ('torch', 'compressai', 'pandas', 'pyarrow', 'torchvision') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
