"""From a sweep's own digests to what the report says of an edit; and a store of some size."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from synthetic import LIKE, make_store

from bench.report.board import read_boards
from bench.report.ranking import judge


def test_a_sweep_seals_its_rows_and_a_new_metric_seals_them_anew(sweep: Callable[..., Any], tmp_path: Path) -> None:
    sweep("Toy", rates=("r1", "r2"), metrics=("psnr",))
    sweep("Toy", rates=("r1", "r2"), metrics=("psnr", "ssim"))
    (board,) = read_boards([tmp_path / "runs"])
    assert board.unsealed == 0 and board.absent == []
    assert {"psnr", "ssim"} <= set(board.entrants[0].plain[0].values)
    run = json.loads(next((tmp_path / "runs").rglob("r1-*/run.json")).read_text())
    assert set(run["digests"]) == {"items", "items_rows", "set", "set_rows"}
    assert len(run["digests"]["items_rows"]) == 8 * 8  # four bytes for each of eight items
    toy = board.entrants[0]
    assert run["rates"] == list(toy.rates) and toy.missing == toy.rates[2:] != ()


def test_an_edit_is_named_on_stderr_and_the_report_is_written_all_the_same(
    sweep: Callable[..., Any], tmp_path: Path, cli: Any
) -> None:
    sweep("Toy")
    path = next((tmp_path / "runs").rglob("r2-*/items.parquet"))
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[3]["psnr"] += 1.0
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    ended = cli("report", "--store", tmp_path / "runs", "--out", tmp_path / "reports")
    assert ended.code == 0
    assert (
        "Warning: toyset: toy r2 (none) is left out: row 3 (item03) of items.parquet is not what the run" in ended.err
    )
    assert "Warning: toyset: toy has no place: r2 is missing from its curve." in ended.err
    text = (tmp_path / "reports" / "toyset" / "leaderboard.md").read_text()
    assert "| toy | r2 | none | edited | row 3 (item03) of items.parquet is not what the run wrote |" in text


def test_eight_thousand_rows_take_no_time(tmp_path: Path) -> None:
    """The small form of the next test: reading and judging 48 units of 180 pictures, ten metrics, 10,000 replicates."""
    gains = {"balle2018": 0.0, "a": 0.5, "b": 1.0, "c": -0.5}
    make_store(tmp_path / "runs", gains, 6, 90, 2, controls=("none", "wrong-y"), metrics=("psnr", *LIKE))
    before = time.process_time()
    (board,) = read_boards([tmp_path / "runs"])
    verdict = judge(board)
    assert time.process_time() - before < 20.0
    assert verdict.replicates == 10_000 and len(verdict.bands) == 3 * len(verdict.metrics)
    held = sum(part.nbytes for e in board.entrants for ps in e.points.values() for p in ps for part in p.sums.values())
    assert held < 48 * 90 * 20 * 8  # sums over scenes, not rows


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_a_million_rows(tmp_path: Path) -> None:
    """20 s of both cores and 2 GB, in a process of its own; the store is made first, which takes longer than that."""
    gains = {"balle2018": 0.0} | {f"codec{i:02d}": 0.25 * i - 0.5 for i in range(11)}
    for name, scenes in (("made790", 395), ("made1525", 763)):
        make_store(
            tmp_path / "runs", gains, 6, scenes, 2, name, ("none", "blank-y", "wrong-y"), 4, ("psnr", *LIKE), seed=3
        )
    code = (
        "import resource, sys, time\n"
        "from pathlib import Path\n"
        "from bench.report.write import write_report\n"
        "write_report([Path(sys.argv[1])], Path(sys.argv[2]))\n"
        "workers = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        # A process's ru_maxrss begins with that of the process it was started from.
        "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "print(time.process_time() + workers.ru_utime + workers.ru_stime, peak.split()[1])"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "runs"), str(tmp_path / "reports")]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True)
    seconds, kilobytes = map(float, done.stdout.split())
    assert seconds < 40.0
    assert kilobytes < 2_000_000
