"""``bench doctor``: what this machine has and lacks."""

from __future__ import annotations

import click


@click.command("doctor")
def command() -> None:
    """Show versions, device, and which weights and data are here."""
    _versions()
    _device()
    _weights()
    _codecs()
    _data()


def _line(name: str, text: str, good: bool = True) -> None:
    click.echo(f"  {'ok ' if good else '-- '} {name:<26} {text}")


def _versions() -> None:
    from bench.store.provenance import PACKAGES, git_state, versions

    found, git = versions(), git_state()
    click.echo("Versions")
    _line("python", found["python"])
    commit = f" ({git['sha'][:10]}{', changed' if git['dirty'] else ''})" if git["sha"] else ""
    _line("dic-bench", found["dic-bench"] + commit)
    for name in PACKAGES:
        _line(name, found.get(name, "not installed"), name in found)


def _device() -> None:
    import torch

    click.echo("Device")
    _line("cpu", f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            _line(f"cuda:{index}", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB")
    else:
        _line("cuda", "none; codecs run on the CPU", False)


def _weights() -> None:
    from bench.errors import BenchError
    from bench.metrics import weights

    click.echo("Weights of metric networks")
    for name in weights.table():
        try:
            path = weights.find(name)
        except BenchError as error:
            _line(name, str(error), False)
            continue
        size = weights.megabytes(weights.get(name).size)
        _line(name, str(path) if path else f"missing, {size}: bench fetch {name}", path is not None)


def _codecs() -> None:
    from bench.errors import BenchError
    from bench.registry import methods

    click.echo("Weights of codecs (small preset)")
    for name in methods:
        try:
            method = methods.get(name)
            for variant in method.variants:
                if "small" not in method.presets_of(variant):
                    continue
                info = method.describe(variant, "small")
                files = sorted({point.weights for point in info.rates if point.weights is not None})
                absent = [path for path in files if not path.is_file()]
                if files:
                    _line(info.full_name, f"{absent[0].name} is missing" if absent else files[0].name, not absent)
        except BenchError as error:
            _line(name, str(error), False)


def _data() -> None:
    from bench.data import available

    click.echo("Data")
    for dataset, subset, status in available():
        text = f"not prepared: bench data prepare {dataset} --split {subset}" if status == "no-data" else status
        _line(f"{dataset}:{subset}", text, status != "no-data")
