"""``bench run``: measure codecs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.run_output import show_missing, show_plan, show_table
from bench.cli.run_progress import UnitProgress
from bench.cli.sweep import parse as parse_sweep
from bench.cli.sweep import run_sweep
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.run.execute import Outcome
    from bench.run.plan import Plan, Request


def _names(_: Any, __: Any, value: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (value or "").split(",") if part.strip())


def _options(_: Any, __: Any, values: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for value in values:
        key, equals, text = value.partition("=")
        if not equals or not key:
            raise BenchError(f"--option {value!r} is not of the form key=value.")
        try:
            found[key.replace("-", "_")] = json.loads(text)
        except ValueError:
            found[key.replace("-", "_")] = text
    return found


def _batch(_: Any, __: Any, value: str) -> int | None:
    if value == "auto":
        return None
    if not value.isdigit() or int(value) < 1:
        raise BenchError(f"--batch-size {value!r} is neither a number above 0 nor auto.")
    return int(value)


@click.command("run")
@click.option(
    "--method", "methods", required=True, callback=_names, help="NAME[:VARIANT][,…], package.module:Class, or all."
)
@click.option("--dataset", default="synthdrive:test32", show_default=True, help="Dataset, or dataset:subset.")
@click.option("--split", default=None, help="Split; test unless the dataset names a subset.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=None,
    help="Only the N items of smallest sha256(id); partial, not ranked.",
)
@click.option(
    "--rates",
    callback=_names,
    default=None,
    help="r1,r2,… (all by default); a codec with a single rate point always takes part.",
)
@click.option("--preset", default="small", show_default=True)
@click.option("--metrics", callback=_names, default=None, help="Metrics (all by default).")
@click.option("--controls", is_flag=True, help="Also decode with wrong y, blank y, and another picture's bits.")
@click.option(
    "--repetitions",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Draws of a stochastic decoder's noise.",
)
@click.option("--batch-size", callback=_batch, default="auto", show_default=True, help="Items a batch, or auto.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Store to write to.",
)
@click.option(
    "--shards",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Where pictures are kept [OUT/.shards].",
)
@click.option(
    "--weights-dir", type=click.Path(path_type=Path), default=None, help="Folder of the metric networks' weights."
)
@click.option("--segformer", default=None, help="Network of miou: a folder, or a name of Hugging Face's hub.")
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    default=None,
    help="Weights file of the one codec, in place of the shipped one.",
)
@click.option(
    "--option", "options", multiple=True, callback=_options, help="Option of the codec, key=value; repeatable."
)
@click.option(
    "--sweep", "swept", multiple=True, callback=parse_sweep, help="Run at each of key=v1,v2,…; repeatable; one codec."
)
@click.option(
    "--random-init", is_flag=True, help="Random weights in place of pretrained ones, to try the path; never ranked."
)
@click.option("--steps", type=click.IntRange(min=1), default=None, help="Steps of a diffusion decoder, an option too.")
@click.option("--timeout", type=float, default=None, help="Seconds that one unit may take.")
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True)
def command(
    engine: str,
    weights_dir: Path | None,
    segformer: str | None,
    random_init: bool,
    swept: dict[str, Any],
    steps: int | None,
    **given: Any,
) -> int:
    """Measure codecs: real files, pictures decoded from them, every metric, parquet.

    What is done already is not done again; a run that was broken off goes on where it stopped.
    """
    from bench.run.plan import Request

    if weights_dir is not None:
        from bench.metrics.weights import use_dir

        use_dir(weights_dir)
    if segformer is not None:
        from bench.metrics.weights import use_segformer

        use_segformer(segformer)
    if random_init:
        given["options"] = {**given["options"], "random_init": True}
    if steps is not None and given["options"].setdefault("steps", steps) != steps:
        raise BenchError("--steps and --option steps=… state two numbers; give one of them.")
    request = Request(**given)
    if not request.methods:
        raise BenchError("--method names no method; `bench list` shows those there are.")
    if request.device.startswith("cuda"):
        from bench.run.batching import choose_device

        choose_device(request.device)
    if swept:
        return run_sweep(request, swept, lambda one: _run(one, engine))
    return _run(request, engine)[0]


def _run(request: Request, engine: str) -> tuple[int, list[Outcome], Plan]:
    """Do one request and show what it gave: exit code, outcomes, plan."""
    from bench.run.plan import make_plan

    plan = make_plan(request)
    show_plan(plan)
    outcomes, whole = _work(plan, engine)
    show_table(outcomes)
    show_missing(plan)
    if not whole:
        left = sum(outcome.status not in ("ok", "cached") for outcome in outcomes)
        click.echo(f"Interrupted: {len(outcomes) - left} of {len(plan.units)} units are whole; "
                   "the same command again goes on from there.", err=True)  # fmt: skip
        return 130, outcomes, plan
    return _code(outcomes), outcomes, plan


def _code(outcomes: list[Outcome]) -> int:
    """0 where nothing broke and something was measured, else 1."""
    from bench.run.status import DONE, FAULTS

    statuses = {outcome.status for outcome in outcomes}
    return 1 if statuses & set(FAULTS) or not statuses & {*DONE, "skipped"} else 0


def _work(plan: Plan, engine: str) -> tuple[list[Outcome], bool]:
    """Do what is to do; False beside the outcomes where the user broke it off."""
    from bench.run.execute import check_before, execute, record_absent, settled

    outcomes = settled(plan)
    if not plan.todo:
        record_absent(plan)
        return outcomes, True
    from bench.run.batching import choose_device
    from bench.run.engine_local import choose_engine

    coding = choose_engine(engine)
    device = choose_device(plan.request.device)
    check_before(plan)
    record_absent(plan)
    try:
        with UnitProgress(plan) as watcher:
            for outcome in execute(plan, device, watcher, coding):
                outcomes.append(outcome)
    except KeyboardInterrupt:
        return outcomes, False
    place = {unit.key: index for index, unit in enumerate(plan.units)}
    return sorted(outcomes, key=lambda outcome: place[outcome.unit.key]), True
