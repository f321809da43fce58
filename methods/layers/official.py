"""Official checkpoints: which of our parameters each tensor of another release becomes.

A map names every key that a release has, so that a key too many or too few is an error and nothing is ignored but by
its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bench.errors import BenchError
from methods.layers import density_keys
from methods.layers.checkpoint import Checkpoint
from methods.layers.factorized import RateBottleneck
from methods.layers.network import Network


def _same(tensor: Tensor) -> tuple[Tensor, ...]:
    return (tensor,)


@dataclass(frozen=True)
class Entry:
    """Where one official tensor goes.

    Attributes:
        ours: Our parameters.
        convert: Gives one tensor for each of them; any tensors where the official one has another shape than expected.
    """

    ours: tuple[str, ...]
    convert: Callable[[Tensor], tuple[Tensor, ...]] = _same


@dataclass(frozen=True)
class KeyMap:
    """How one release's keys become ours.

    Attributes:
        entries: Official key to its place; every one of them must be in the file.
        ignored: Expression for the keys that need not be there and are not read.
        spell: Brings older spellings of a key to the one in ``entries``.
        untailed: Our bottlenecks whose quantiles the release does not have.
        advice: From the file's keys to a sentence for the user, or None.
    """

    entries: Mapping[str, Entry]
    ignored: str = "(?!)"
    spell: Callable[[str], str] = str
    untailed: tuple[str, ...] = ()
    advice: Callable[[Collection[str]], str | None] = field(default=lambda keys: None)


def plain(official: str, ours: str, *leaves: str) -> dict[str, Entry]:
    """A layer whose parameters are called and stored alike: ``weight`` and ``bias`` unless named."""
    return {f"{official}.{leaf}": Entry((f"{ours}.{leaf}",)) for leaf in leaves or ("weight", "bias")}


def compressai_density(official: str, ours: str, layers: int = 5) -> dict[str, Entry]:
    """CompressAI's entropy bottleneck with ``layers`` matrices, its keys spelled as :mod:`density_keys` stores them."""
    leaves = [f"_{part}{i}" for part in ("matrix", "bias") for i in range(layers)]
    return plain(official, ours, *leaves, *(f"_factor{i}" for i in range(layers - 1)), "quantiles")


COMPRESSAI_BUFFERS = (
    r".*\.(beta|gamma)_reparam\.(pedestal|lower_bound\.bound)"
    r"|(.*\.)?entropy_bottleneck\.(_offset|_quantized_cdf|_cdf_length|target|likelihood_lower_bound\.bound)"
    r"|(.*\.)?gaussian_conditional\.(_offset|_quantized_cdf|_cdf_length|scale_table|scale_bound"
    r"|likelihood_lower_bound\.bound|lower_bound_scale\.bound)"
)
"""Constants, and the coding tables of CompressAI's own coder: ours are made from the parameters."""


def fill(model: Network, checkpoint: Checkpoint, keys: KeyMap, name: str) -> list[str]:
    """Fill a network from an official checkpoint; it stays as it was where the checkpoint does not fit.

    Args:
        model: A network of ours.
        checkpoint: The other release's tensors.
        keys: How its keys become ours.
        name: The codec, for sentences.

    Returns:
        What the user should know, one sentence each.

    Raises:
        BenchError: Keys are missing or unknown, or a tensor has another shape; the sentence names them.
    """
    given = {keys.spell(key): (key, tensor) for key, tensor in checkpoint.tensors.items()}
    if len(given) < len(checkpoint.tensors):
        raise BenchError(f"{checkpoint.label} names a tensor of {name} twice; get the file again.")
    _compare(given, checkpoint, keys, name)
    state, filled = model.state_dict(), {}
    for official, entry in keys.entries.items():
        source, tensor = given[official]
        if not tensor.is_floating_point():
            raise BenchError(f"{checkpoint.label} holds {source} as {tensor.dtype}; get the file again.")
        tensors = entry.convert(tensor.to(torch.float32))
        targets = [density_keys.installed(ours) for ours in entry.ours]
        wanted = [tuple(state[target].shape) for target in targets]
        if [tuple(t.shape) for t in tensors] != wanted:
            raise BenchError(
                f"{checkpoint.label} has {source} of shape {tuple(tensor.shape)}, and {name} takes "
                f"{' and '.join(map(str, dict.fromkeys(wanted)))}; it is of another width or method."
            )
        filled |= dict(zip(targets, tensors, strict=True))
    model.load_state_dict(state | filled)
    for module in keys.untailed:
        bottleneck = model.get_submodule(module)
        assert isinstance(bottleneck, RateBottleneck)
        bottleneck.fit_tails()
    advice = keys.advice(checkpoint.tensors)
    return [advice] if advice else []


def _compare(given: Collection[str], checkpoint: Checkpoint, keys: KeyMap, name: str) -> None:
    """Refuse a checkpoint that lacks a key of the map, or has one that is neither in it nor ignored by name."""
    missing = [key for key in keys.entries if key not in given]
    ignored = re.compile(keys.ignored)
    unknown = [key for key in given if key not in keys.entries and not ignored.fullmatch(key)]
    if missing or unknown:
        faults = [f"{verb} {_some(names)}" for verb, names in (("lacks", missing), ("has unknown", unknown)) if names]
        raise BenchError(
            f"{checkpoint.label} is not an official checkpoint of {name}: it {' and '.join(faults)}; "
            "name the method and variant that it belongs to."
        )


def _some(names: Collection[str]) -> str:
    """The first names, and how many more there are."""
    first = list(names)[:3]
    rest = len(names) - len(first)
    return ", ".join(first) + (f" and {rest} more" if rest else "")
