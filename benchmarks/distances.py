"""The Fréchet distance's square root: ours against a matrix square root and against eigenvalues of a product.

``python -m benchmarks.distances``; features are seeded, of Inception's width, and as correlated as its own.
"""

from __future__ import annotations

from statistics import median
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from bench.metrics.distances import frechet
from bench.store.atomic import write_json
from benchmarks.machine import RESULTS, Clock, describe

Array = npt.NDArray[np.float64]


def features(count: int, width: int, seed: int) -> Array:
    """Non-negative features with a falling spectrum, as pooled activations have."""
    generator = np.random.Generator(np.random.PCG64(seed))
    mix = np.random.Generator(np.random.PCG64(0)).standard_normal((width, width)) / np.sqrt(np.arange(1, width + 1))
    values = generator.standard_normal((count, width)) @ mix.T / 3.0 + 0.1 * seed
    return np.asarray(np.maximum(values, 0.0))


def _moments(values: Array) -> tuple[Array, Array]:
    return values.mean(0), np.cov(values, rowvar=False)


def square_root(first: Array, second: Array) -> float:
    """The distance by ``scipy.linalg.sqrtm``, as clean-fid and pytorch-fid compute it."""
    from scipy.linalg import sqrtm

    (m, a), (n, b) = _moments(first), _moments(second)
    root: Any = sqrtm(a @ b)
    return float((m - n) @ (m - n) + np.trace(a) + np.trace(b) - 2.0 * np.trace(root.real))


def eigenvalues(first: Array, second: Array) -> float:
    """The distance by eigenvalues of the covariances' product, as torchmetrics computes it."""
    import torch

    (m, a), (n, b) = _moments(first), _moments(second)
    roots = torch.linalg.eigvals(torch.from_numpy(a @ b)).sqrt().real.sum()
    return float((m - n) @ (m - n) + np.trace(a) + np.trace(b) - 2.0 * roots.item())


WAYS = {"sqrtm": square_root, "eigvals": eigenvalues}


def measure(count: int, width: int, repeats: int = 5) -> dict[str, Any]:
    """Time all forms on the same features.

    Args:
        count: Pictures of each set.
        width: Length of a feature.
        repeats: Runs of ours, whose median counts; the others, which take seconds, run once.
    """
    first, second = features(count, width, 1), features(count, width, 2)
    runs = []
    for _ in range(repeats + 1):
        runs.append(Clock())
        with runs[-1].running():
            value = frechet(first, second)
    ours = median(run.wall for run in runs[1:])  # the first one starts the libraries' threads
    cpu = median(run.cpu for run in runs[1:])
    found: dict[str, Any] = {"n": count, "d": width, "value": value, "seconds": {"ours": ours}, "cpu": {"ours": cpu}}
    found |= {"faster": {}, "faster_cpu": {}, "relative_difference": {}}
    for name, way in WAYS.items():
        clock = Clock()
        with clock.running():
            other = way(first, second)
        found["seconds"][name] = clock.wall
        found["cpu"][name] = clock.cpu
        found["faster"][name] = clock.wall / ours
        found["faster_cpu"][name] = clock.cpu / cpu
        found["relative_difference"][name] = abs(other - value) / abs(other)
    return found


def table(found: dict[str, Any]) -> list[str]:
    """Lines for a terminal."""
    lines = [
        f"FID's distance, n={found['n']}, d={found['d']}: {found['seconds']['ours']:.3f} s "
        f"(processor time {found['cpu']['ours']:.3f} s)"
    ]
    for name in found["faster"]:
        lines.append(
            f"  {name:10}{found['seconds'][name]:9.2f} s  {found['faster'][name]:8.1f} times ours "
            f"(processor time {found['faster_cpu'][name]:.1f}), "
            f"relative difference {found['relative_difference'][name]:.1e}"
        )
    return lines


@click.command()
@click.option("--count", default=790, show_default=True, help="Pictures of each set.")
@click.option("--width", default=2048, show_default=True, help="Length of a feature.")
@click.option("--write/--no-write", default=True, help="Write benchmarks/results/distances.json.")
def main(count: int, width: int, write: bool) -> None:
    """Time FID's distance on stored features."""
    found = measure(count, width)
    click.echo("\n".join(table(found)))
    if write:
        RESULTS.mkdir(exist_ok=True)
        write_json(RESULTS / "distances.json", {"machine": describe(), **found})


if __name__ == "__main__":
    main()
