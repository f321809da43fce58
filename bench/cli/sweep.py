"""``bench run --sweep``: one codec at several settings of its options, and the page that compares them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import click

from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.run.execute import Outcome
    from bench.run.plan import Plan, Request

Run = Callable[["Request"], tuple[int, "list[Outcome]", "Plan"]]


def parse(_: Any, __: Any, values: tuple[str, ...]) -> dict[str, list[Any]]:
    """Read ``key=v1,v2,…`` of each ``--sweep``.

    Raises:
        BenchError: It is not of that form, or names a key twice.
    """
    found: dict[str, list[Any]] = {}
    for value in values:
        key, _equals, text = value.partition("=")
        key = key.replace("-", "_")
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not key or not parts:
            raise BenchError(f"--sweep {value!r} is not of the form key=v1,v2,….")
        if key in found:
            raise BenchError(f"--sweep names {key} twice; give all its values at once.")
        found[key] = [_value(part) for part in parts]
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def run_sweep(request: Request, swept: dict[str, list[Any]], run: Run) -> int:
    """Measure every combination of the swept options, each as a run of its own, and write the page.

    Args:
        request: The command without the sweep.
        swept: Options and their values.
        run: Does one request.

    Returns:
        The largest exit code.

    Raises:
        BenchError: There is more than one method, or an option is both set and swept.
    """
    if len(request.methods) != 1 or request.methods[0] == "all":
        raise BenchError("--sweep compares settings of one codec; give one --method with it.")
    for key in swept:
        if key in request.options:
            raise BenchError(f"{key} is both set and swept; leave one of them out.")
    from bench.report.sweep import Setting

    settings: list[Setting] = []
    code, name, where = 0, "", ""
    for values in product(*swept.values()):
        chosen = dict(zip(swept, values, strict=True))
        ended, outcomes, plan = run(replace(request, options={**request.options, **chosen}))
        code = max(code, ended)
        if ended == 130:
            return code
        for outcome in outcomes:
            unit = outcome.unit
            if outcome.status in ("ok", "cached") and unit.control == "none" and not unit.repetition:
                settings.append(Setting(unit.point.name, chosen, outcome.summary))
                name = unit.info.full_name + (", untrained weights" if unit.info.random_init else "")
        if plan.pairs is not None:
            where = f"{plan.pairs.dataset}:{plan.pairs.subset}, N = {len(plan.pairs)}"
    if settings:
        _page(request, swept, settings, name, where)
    return code


def _page(request: Request, swept: dict[str, list[Any]], settings: Sequence[Any], name: str, where: str) -> None:
    from bench.report.sweep import write_page
    from bench.store.atomic import make_folder

    folder = request.out / "sweeps"
    make_folder(folder, "choose another --out")
    ordered = sorted(settings, key=lambda one: one.rate)
    place = "".join(c if c.isalnum() or c in "._-" else "-" for c in f"{name.split(',')[0]}-{where.split(',')[0]}")
    for path in write_page(name, where, ordered, folder / f"{place}-{'-'.join(swept)}"):
        click.echo(f"Sweep: {path}")
