"""The metric engine beside the libraries and beside the bare passes through the networks.

``python -m benchmarks.metrics``; the same pictures, weights and process for all. What is computed from a whole set's
features, FID's square root among it, is in no side's time and stands in rows of its own; ``python -m
benchmarks.distances`` compares that root with others'.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from bench.errors import BenchError
from bench.store.atomic import write_json
from benchmarks.machine import RESULTS, describe
from benchmarks.pictures import DISTORTIONS

METRICS = ("psnr", "ms_ssim", "ssim", "lpips_squeeze", "lpips_alex", "lpips_vgg", "dists", "niqe", "fid", "kid")
BARS = {
    "engine / bare": ("at most", 1.15),
    "libraries / engine": ("at least", 1.6),
    "rebuilt / engine": ("at least", 8.0),
}


def measure(
    dataset: str, pairs: int, rates: int, rebuilt: int, metrics: list[str], threads: int | None
) -> dict[str, Any]:
    """Time all sides.

    Args:
        dataset: Name of a prepared dataset; the originals are the first views of its test pairs.
        pairs: How many.
        rates: Rate points, 1 to 5.
        rebuilt: Pairs that the way with rebuilt networks is measured on.
        metrics: Names.
        threads: Of torch; None leaves its own number.

    Raises:
        BenchError: The dataset is not prepared, or holds fewer pairs.
    """
    import torch

    from bench.data.catalog import open_pairs
    from benchmarks.networks import Networks
    from benchmarks.sides import Sides

    if threads is not None:
        torch.set_num_threads(threads)
    held = open_pairs(dataset, "test")
    if not 1 <= pairs <= len(held):
        raise BenchError(f"{dataset} has {len(held)} test pairs; give --pairs 1 to {len(held)}.")
    originals = held.batch(list(range(pairs)))[0]
    names = list(DISTORTIONS)[:rates]
    with TemporaryDirectory() as scratch:
        networks = Networks(Path(scratch), metrics)
        with networks.in_force():
            sides = Sides(networks, held.batch([len(held) - 1])[1], Path(scratch))
            sides.score(originals, names)
            anew = sides.rebuilt(originals[: min(rebuilt, pairs)], names[0])
    return {
        "machine": describe(),
        "dataset": f"{held.dataset}:{held.subset}",
        "manifest": held.manifest,
        "pairs": pairs,
        "rates": names,
        "metrics": networks.metrics,
        "stand_ins": networks.stood_in,
        **_totals({name: vars(clock) for name, clock in sides.clocks.items()}, anew, pairs, rates),
        "largest_difference": sides.agreement,
    }


def _totals(clocks: dict[str, dict[str, float]], anew: dict[str, Any], pairs: int, rates: int) -> dict[str, Any]:
    """Sums and ratios, of wall and of processor time."""
    from benchmarks.libraries import REBUILT
    from benchmarks.sides import ROOT

    ours = ("bare", "engine", "engine finish", ROOT)
    found: dict[str, Any] = {"rebuilt_pairs": anew["pairs"], "parts": clocks, "seconds": {}, "ratios": {}}
    for kind in ("wall", "cpu"):
        part = {name: clock[kind] for name, clock in clocks.items()}
        libraries = sum(value for name, value in part.items() if name not in ours)
        kept = sum(value for name, value in part.items() if name not in (*ours, *REBUILT))
        calls = rates * sum("clean-fid" in name for name in part)
        rebuilt = kept + anew[kind] * pairs * rates + anew[f"inception_{kind}"] * calls
        found["seconds"][kind] = {
            "bare": part["bare"], "engine": part["engine"], "libraries": libraries, "rebuilt": rebuilt,
        }  # fmt: skip
        found["ratios"][kind] = {
            "engine / bare": part["engine"] / part["bare"] if part["bare"] else float("nan"),
            "libraries / engine": libraries / part["engine"],
            "rebuilt / engine": rebuilt / part["engine"],
        }
    return found


def table(found: dict[str, Any]) -> list[str]:
    """Lines for a terminal."""
    scored = found["pairs"] * len(found["rates"])
    lines = [
        f"{found['pairs']} pairs of {found['dataset']} x {len(found['rates'])} rates, {found['machine']['threads']} "
        f"thread(s), {found['machine']['processor']}",
        f"stand-ins: {', '.join(found['stand_ins']) or 'none'}",
        f"{'':32}{'wall s':>10}{'cpu s':>10}{'ms a pair':>12}",
    ]
    titles = {
        "bare": "bare passes",
        "engine": "engine",
        "libraries": "libraries, networks built once",
        "rebuilt": f"libraries, rebuilt ({found['rebuilt_pairs']} measured)",
    }
    for name, title in titles.items():
        wall, cpu = (found["seconds"][kind][name] for kind in ("wall", "cpu"))
        lines.append(f"{title:32}{wall:10.2f}{cpu:10.2f}{1e3 * wall / scored:12.1f}")
    for name, clock in found["parts"].items():
        if name not in ("bare", "engine"):
            lines.append(f"  {name:30}{clock['wall']:10.2f}{clock['cpu']:10.2f}{1e3 * clock['wall'] / scored:12.1f}")
    for name, (sense, bar) in BARS.items():
        wall, cpu = (found["ratios"][kind][name] for kind in ("wall", "cpu"))
        lines.append(f"{name:32}{wall:10.2f}{cpu:10.2f}   bar: {sense} {bar}")
    lines += [f"largest difference, {name}: {value:.1e}" for name, value in found["largest_difference"].items()]
    return lines


@click.command()
@click.option("--dataset", default="kitti-mini", show_default=True, help="A prepared dataset.")
@click.option("--pairs", default=56, show_default=True, help="Test pairs.")
@click.option("--rates", default=5, show_default=True, type=click.IntRange(1, len(DISTORTIONS)), help="Rate points.")
@click.option("--rebuilt", default=2, show_default=True, type=click.IntRange(1), help="Pairs with rebuilt networks.")
@click.option("--metrics", default=",".join(METRICS), show_default=True, help="Names, separated by commas.")
@click.option("--threads", type=click.IntRange(1), help="Threads of torch; as many as it takes by itself unless given.")
@click.option("--write/--no-write", default=True, help="Write benchmarks/results/metrics.json.")
def main(dataset: str, pairs: int, rates: int, rebuilt: int, metrics: str, threads: int | None, write: bool) -> None:
    """Time the metric engine, the libraries and the bare passes."""
    names = [name for name in metrics.split(",") if name]
    unknown = [name for name in names if name not in METRICS]
    try:
        if unknown:
            raise BenchError(f"--metrics {unknown[0]} is none of {', '.join(METRICS)}.")
        found = measure(dataset, pairs, rates, rebuilt, names, threads)
    except BenchError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    click.echo("\n".join(table(found)))
    if write:
        RESULTS.mkdir(exist_ok=True)
        write_json(RESULTS / "metrics.json", found)


if __name__ == "__main__":
    main()
