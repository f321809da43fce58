"""A sweep of toy codecs from plan to parquet, and what a second one does."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toypkg.codec import Toy
from toypkg.pairs import Engine, Pairs

import bench.results
from bench import container
from bench.errors import BenchError, UnknownName
from bench.run.shards import load_decoded, load_streams

Sweep = Callable[..., Any]


def test_rows_hold_what_was_measured(sweep: Sweep, tmp_path: Path) -> None:
    _, outcomes = sweep("Toy", rates=("r2", "r4"))
    assert [o.status for o in outcomes] == ["ok", "ok"]
    items = bench.results.load(tmp_path / "runs")
    assert len(items) == 16
    assert set(items.status) == {"ok"}
    r4 = items[items.rate == "r4"]
    assert set(r4.bits_payload) == {8 * 3 * 8 * 16}
    # Container of a plug-in: version, codec 0, length of the name, the name, rate, H − 1, W − 1, two bytes of CRC.
    assert set(r4.bits_file - r4.bits_payload) == {8 * (3 + len("toy:base/small") + 3 + 2)}
    assert set(r4.bits_estimated) == {8.0 * 6 * 64}
    assert r4.bits_native.isna().all()
    assert (r4.side_ms > 0).all() and (r4.encode_ms > 0).all() and (r4.decode_ms > 0).all()
    assert set(r4.encode_batch) == {8}
    assert list(r4["item"]) == Pairs().ids and list(r4.y_item) == Pairs().ids
    assert json.loads(r4.options.iloc[0]) == {"mix": 0.5}
    units = bench.results.load(tmp_path / "runs", "set")
    assert units.fid.isna().all() and (units.psnr_pooled > 0).all()
    assert json.loads(units.metric_statuses.iloc[0]) == {"fid": "no-weights", "psnr": "ok", "psnr_pooled": "ok"}


def test_psnr_is_of_the_stored_pictures_and_bits_of_the_stored_files(sweep: Sweep, tmp_path: Path) -> None:
    plan, _ = sweep("Toy", rates=("r3",))
    unit, pairs = plan.units[0], Pairs()
    shards = tmp_path / "runs" / ".shards"
    decoded, streams = load_decoded(shards, unit.key, pairs.ids), load_streams(shards, unit.encoding, pairs.ids)
    assert decoded is not None and streams is not None
    items = bench.results.load(tmp_path / "runs")
    mse = ((decoded.pictures.astype(float) - pairs.x.numpy()) ** 2).mean(axis=(1, 2, 3))
    assert np.allclose(items.psnr, 10 * np.log10(255**2 / mse))
    assert list(items.bits_file) == [8 * len(file) for file in streams.files]
    payload = container.unpack(streams.files[3], unit.info).payload
    again = Toy(unit.info, unit.point).decode([payload], pairs.y[3:4])
    assert np.array_equal(again[0].numpy(), decoded.pictures[3])


def test_a_finished_sweep_does_nothing(sweep: Sweep) -> None:
    sweep("Toy")
    before = dict(Toy.calls)
    plan, outcomes = sweep("Toy")
    assert plan.counts() == {"cached": 5}
    assert {o.status for o in outcomes} == {"cached"} and all(o.summary["psnr"] > 0 for o in outcomes)
    assert Toy.calls == before


def test_a_new_metric_decodes_nothing_and_keeps_the_old_columns(sweep: Sweep, tmp_path: Path) -> None:
    sweep("Toy", rates=("r1",), metrics=("psnr",))
    before, psnr = dict(Toy.calls), bench.results.load(tmp_path / "runs").psnr
    Engine.updates = 0
    plan, outcomes = sweep("Toy", rates=("r1",), metrics=("psnr", "ssim"))
    assert plan.units[0].state == "score" and plan.units[0].metrics == ("ssim",)
    assert outcomes[0].status == "ok"
    assert Toy.calls == before and Engine.updates == 8
    items = bench.results.load(tmp_path / "runs")
    assert items.psnr.equals(psnr) and items.ssim.notna().all()


def test_a_lost_shard_is_coded_again(sweep: Sweep, tmp_path: Path) -> None:
    sweep("Toy", rates=("r1",), metrics=("psnr",))
    for path in (tmp_path / "runs" / ".shards").glob("*.np*"):
        path.unlink()
    before = dict(Toy.calls)
    _, outcomes = sweep("Toy", rates=("r1",), metrics=("psnr", "ssim"))
    assert outcomes[0].status == "ok" and Toy.calls["decode"] > before["decode"]


def test_controls_share_one_encoding_and_name_their_donors(sweep: Sweep, tmp_path: Path) -> None:
    plan, _ = sweep("Toy", rates=("r3",), controls=True)
    assert [u.control for u in plan.units] == ["none", "wrong-y", "blank-y", "wrong-x"]
    assert Toy.calls["encode"] == 8 + 1  # each item once, and the warm-up
    assert Toy.calls["decode"] == 4 * 8 + 1
    items = bench.results.load(tmp_path / "runs").set_index(["control", "item"])
    mean = items.groupby("control").psnr.mean()
    assert mean["none"] > mean["blank-y"] > mean["wrong-y"] and mean["none"] > mean["wrong-x"]
    pairs = Pairs()
    donors = [pairs.ids[i] for i in pairs.wrong_side()]
    assert list(items.loc["wrong-y"].y_item) == donors and list(items.loc["wrong-y"].x_item) == pairs.ids
    assert list(items.loc["wrong-x"].x_item) == donors and list(items.loc["wrong-x"].y_item) == pairs.ids
    assert set(items.loc["blank-y"].y_item) == {""}
    assert items.bits_file.groupby("control").sum().nunique() == 1


def test_controls_are_skipped_for_a_codec_without_y(sweep: Sweep, tmp_path: Path) -> None:
    _, outcomes = sweep("Blind", rates=("r1",), controls=True)
    assert bench.results.load(tmp_path / "runs").side_ms.isna().all()
    assert sorted(o.status for o in outcomes) == ["ok", "skipped", "skipped", "skipped"]
    assert "does not read y" in next(o.reason for o in outcomes if o.status == "skipped")


def test_repetitions_draw_other_noise_and_plain_codecs_have_one(sweep: Sweep, tmp_path: Path) -> None:
    sweep("Noisy", repetitions=2)
    items = bench.results.load(tmp_path / "runs")
    by = [items[items.repetition == r].psnr.to_numpy() for r in (0, 1)]
    assert len(by[0]) == len(by[1]) == 8 and not np.allclose(by[0], by[1])
    plan, _ = sweep("Toy", repetitions=2, rates=("r1",))
    assert len(plan.units) == 1


def test_noise_depends_on_neither_batch_nor_subset(sweep: Sweep, tmp_path: Path) -> None:
    sweep("Noisy", batch_size=3)
    sweep("Noisy", batch_size=8, limit=4, out=tmp_path / "few")
    whole = bench.results.load(tmp_path / "runs").set_index("item").psnr
    few = bench.results.load(tmp_path / "few").set_index("item")
    assert few.partial.all() and (few.psnr == whole[few.index]).all()


def test_out_of_memory_halves_the_batch_and_goes_on(sweep: Sweep, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(Toy, "largest", 2)
    _, outcomes = sweep("Toy", rates=("r1",))
    assert outcomes[0].status == "ok"
    assert set(bench.results.load(tmp_path / "runs").encode_batch) == {2}


def test_one_item_too_large_is_oom_and_is_tried_again(sweep: Sweep, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(Toy, "largest", 0)
    _, outcomes = sweep("Toy", rates=("r1",), controls=True)
    assert [o.status for o in outcomes] == ["oom"] * 4
    items = bench.results.load(tmp_path / "runs")
    assert set(items.status) == {"oom"} and items.bits_file.isna().all() and len(items) == 32
    monkeypatch.setattr(Toy, "largest", 1000)
    plan, outcomes = sweep("Toy", rates=("r1",), controls=True)
    assert plan.counts() == {"code": 4} and {o.status for o in outcomes} == {"ok"}


def test_failures_end_one_unit_and_not_the_sweep(sweep: Sweep, monkeypatch: Any) -> None:
    monkeypatch.setattr(Toy, "fail", "the sky fell")
    _, outcomes = sweep("Toy", "Unready", rates=("r1",))
    assert [(o.status, o.reason) for o in outcomes] == [
        ("error", "ValueError: the sky fell"),
        ("no-weights", "unready needs weights that nobody has trained."),
    ]


def test_a_failure_leaves_an_earlier_result_alone(sweep: Sweep, monkeypatch: Any, tmp_path: Path) -> None:
    sweep("Toy", rates=("r1",), metrics=("psnr",))
    monkeypatch.setattr(Engine, "update", lambda *a, **k: 1 / 0)
    _, outcomes = sweep("Toy", rates=("r1",), metrics=("psnr", "ssim"))
    assert outcomes[0].status == "error"
    assert bench.results.load(tmp_path / "runs").psnr.notna().all()


def test_a_slow_unit_times_out(sweep: Sweep) -> None:
    _, outcomes = sweep("Toy", rates=("r1",), timeout=0.0, batch_size=2)
    assert outcomes[0].status == "timeout" and "--timeout" in outcomes[0].reason


def test_absent_data_is_a_status(sweep: Sweep, tmp_path: Path) -> None:
    _, outcomes = sweep("Toy", dataset="absent")
    assert {o.status for o in outcomes} == {"no-data"} and "data prepare" in outcomes[0].reason
    assert not list((tmp_path / "runs").rglob("run.json"))


def test_breaking_off_leaves_whole_units(sweep: Sweep, monkeypatch: Any, tmp_path: Path) -> None:
    def stop(self: Engine, *_: Any, **__: Any) -> None:
        if Engine.updates >= 16:
            raise KeyboardInterrupt
        Engine.updates += 8
        self.mse += [1.0] * 8

    monkeypatch.setattr(Engine, "update", stop)
    with pytest.raises(KeyboardInterrupt):
        sweep("Toy")
    assert len(bench.results.load(tmp_path / "runs", "set")) == 2
    assert not list((tmp_path / "runs").rglob("*.tmp"))
    monkeypatch.setattr(Engine, "update", lambda self, *a, **k: self.mse.extend([1.0] * 8))
    plan, _ = sweep("Toy")
    assert plan.counts() == {"cached": 2, "code": 3}


def test_options_change_the_key_and_unknown_ones_are_refused(sweep: Sweep, tmp_path: Path) -> None:
    sweep("Toy", rates=("r3",))
    plan, _ = sweep("Toy", rates=("r3",), options={"mix": 1.0})
    assert plan.units[0].state == "code"
    assert bench.results.load(tmp_path / "runs").groupby("options").psnr.mean().nunique() == 2
    with pytest.raises(BenchError, match=r"no option 'steps'.*mix"):
        sweep("Toy", options={"steps": 3})


def test_what_is_unknown_is_named(sweep: Sweep) -> None:
    with pytest.raises(UnknownName, match="r9.*r1, r2"):
        sweep("Toy", rates=("r9",))
    with pytest.raises(UnknownName, match="did you mean psnr"):
        sweep("Toy", metrics=("psmr",))


def test_a_rate_that_only_some_methods_have(sweep: Sweep) -> None:
    """A codec of one rate point takes part all the same; one of several that lacks it is never left out in silence."""
    plan, _ = sweep("Toy", "Noisy", rates=("r4",))
    assert [u.label for u in plan.units] == ["toy r4", "noisy r1"]
    with pytest.raises(UnknownName, match="unready:base .* has no rate point 'r4'; choose one of r1, r2"):
        sweep("Toy", "Unready", rates=("r4",))


def test_no_space_left_ends_before_anything_is_written(sweep: Sweep, monkeypatch: Any, tmp_path: Path) -> None:
    import shutil

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(BenchError, match="MB free and this run needs"):
        sweep("Toy")
    assert not list((tmp_path / "runs").rglob("*.parquet"))


def test_a_missing_number_is_null_and_never_zero(sweep: Sweep, tmp_path: Path) -> None:
    sweep("Noisy")
    items = bench.results.load(tmp_path / "runs")
    assert items.bits_estimated.isna().all()
    assert all(math.isfinite(v) for v in items.psnr)


def test_scoring_out_of_memory_goes_on_with_fewer_pictures_together(sweep: Sweep, monkeypatch: Any) -> None:
    plain, left = Engine.update, [2]

    def full(self: Engine, *given: Any, **named: Any) -> None:
        plain(self, *given, **named)  # what was taken in before memory ran out must not count twice
        if left[0] > 0:
            raise RuntimeError("CUDA out of memory: pretended")

    def halve(self: Engine) -> bool:
        left[0] -= 1
        return left[0] >= 0

    monkeypatch.setattr(Engine, "halve", halve, raising=False)
    _, expected = sweep("Toy", rates=("r1",))
    monkeypatch.setattr(Engine, "update", full)
    _, outcomes = sweep("Toy", rates=("r1",), options={"mix": 0.5001})
    assert left[0] == 0 and outcomes[0].status == "ok"
    assert outcomes[0].summary["psnr_pooled"] == pytest.approx(expected[0].summary["psnr_pooled"], abs=0.05)
    left[0] = 0
    monkeypatch.setattr(Engine, "update", lambda *_, **__: (_ for _ in ()).throw(MemoryError()))
    _, outcomes = sweep("Toy", rates=("r2",))
    assert outcomes[0].status == "oom"


def test_a_codec_that_cannot_open_a_file_ends_its_unit_and_not_the_sweep(sweep: Sweep, monkeypatch: Any) -> None:
    def unreadable(self: Toy, *_: Any) -> None:
        if self.rate.name == "r1":
            try:
                Path("nowhere", "at all").read_bytes()
            except OSError as error:
                raise BenchError("the table cannot be read") from error
        return encode(self, *_)

    encode = Toy.encode
    monkeypatch.setattr(Toy, "encode", unreadable)
    _, outcomes = sweep("Toy", rates=("r1", "r2"))
    assert [(o.status, o.reason) for o in outcomes] == [("error", "the table cannot be read"), ("ok", "")]


@pytest.mark.parametrize("name", ["items.parquet", "set.parquet"])
def test_a_unit_that_lost_a_table_is_made_whole_again(sweep: Sweep, tmp_path: Path, name: str) -> None:
    plan, _ = sweep("Toy", rates=("r1",))
    (plan.units[0].folder / name).unlink()
    plan, outcomes = sweep("Toy", rates=("r1",))
    assert plan.units[0].state == "code" and outcomes[0].status == "ok"
    assert len(bench.results.load(tmp_path / "runs")) == 8
