"""Weights files: float16 parameters and the integer coding tables made from them, in one safetensors file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from bench import recipe
from bench.codec import Codec, CodecInfo
from bench.errors import BenchError, MissingWeights
from methods.layers import density_keys
from methods.layers.network import Coder, Network

_TABLES = "tables."


def recipe_path(name: str) -> Path:
    """Path of a shipped method's recipe."""
    return Path(__file__).parents[1] / name.replace("-", "_") / "recipe.toml"


def sizes(info: CodecInfo) -> tuple[Mapping[str, Any], int]:
    """Return the ``model`` table of a codec's recipe, and how many rate points one set of weights covers."""
    table = recipe.table(recipe_path(info.name), info.variant, info.preset)
    return table["model"], len(info.rates) if info.preset == "small" else 1


def export(model: Network, info: CodecInfo, rate: str | None, path: Path) -> str:
    """Write a trained network with its coding tables.

    Args:
        model: The network; its parameters are rounded to float16 (small) or float32 (paper) in place.
        info: The codec.
        rate: Rate point of a single-rate file; None where the file covers all.
        path: Where to write, atomically.

    Returns:
        The file's sha256.
    """
    model.settle()
    data = pack(model, info, rate)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(data)
    partial.replace(path)
    return hashlib.sha256(data).hexdigest()


def pack(model: Network, info: CodecInfo, rate: str | None, more: Mapping[str, Any] | None = None) -> bytes:
    """Return a weights file's contents; ``more`` joins what it states of itself."""
    small = info.preset == "small"
    dtype = torch.float16 if small else torch.float32
    state: dict[str, torch.Tensor] = {}
    shared, buffers = set(), {name for name, _ in model.named_buffers()}
    for name, tensor in model.state_dict().items():
        if small and name.startswith(model.training_only):
            continue
        rounded = tensor.is_floating_point() and name not in buffers  # a batch norm's variance outgrows float16
        if rounded:
            tensor.copy_(tensor.to(dtype))
        kept = (tensor.to(dtype) if rounded else tensor).contiguous()
        # A layer that stands twice in a network is stored twice: safetensors knows no aliases.
        state[density_keys.stored(name)] = kept.clone() if kept.data_ptr() in shared else kept
        shared.add(kept.data_ptr())
    state |= {_TABLES + key: torch.from_numpy(value) for key, value in model.tables().items()}
    about = {"method": info.name, "variant": info.variant, "preset": info.preset, "rate": rate or "all", **(more or {})}
    return save(state, {"dic-bench": json.dumps(about, sort_keys=True)})


def held_sizes(path: Path | None) -> Mapping[str, Any]:
    """Return the sizes that a weights file states beside its recipe's; empty where it states none or is unsound."""
    try:
        with safe_open(path, "pt") as file:
            held = json.loads((file.metadata() or {}).get("dic-bench", "{}")).get("model", {})
    except (SafetensorError, ValueError, OSError, TypeError, AttributeError):
        return {}
    return held if isinstance(held, dict) else {}


def warm(model: Network, path: Path) -> None:
    """Copy the parameters of a weights file into a network of the same architecture, tables aside.

    Raises:
        BenchError: The file is damaged or belongs to another architecture.
    """
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise BenchError(f"{path} is not a whole safetensors file: {error}.") from error
    _fill(model, {key: value for key, value in tensors.items() if not key.startswith(_TABLES)}, path, "this codec")


def _fill(model: Network, state: dict[str, torch.Tensor], path: Path, name: str) -> None:
    """Put parameters, as float32, into a network; only what training alone uses may be absent."""
    state = {
        density_keys.installed(key): value.float() if value.is_floating_point() else value
        for key, value in state.items()
    }
    try:
        missing, unknown = model.load_state_dict(state, strict=False)
    except RuntimeError as error:  # torch lists every shape that differs; one is enough to know
        first = str(error).splitlines()[-1].strip().rstrip(".")
        raise BenchError(f"{path} is of another architecture than {name}: {first}.") from error
    missing = [key for key in missing if not key.startswith(model.training_only)]
    if missing or unknown:
        raise BenchError(f"{path} lacks {missing[:3]} or has unknown {unknown[:3]}; it is of another architecture.")
    if not all(bool(torch.isfinite(value).all()) for value in state.values()):
        raise BenchError(f"{path} holds values that are not finite; restore the file from the release.")


def load(model: Network, codec: Codec) -> Coder:
    """Fill ``model`` from the codec's weights file and return the coder of the codec's rate point.

    Raises:
        MissingWeights: The file is absent.
        BenchError: The file is damaged, has another sha256 than the recipe states, or belongs to another codec.
    """
    path, info = codec.weights, codec.info
    if path is None or not path.is_file():
        single = "" if info.preset == "small" else f" --rate {codec.rate.name}"
        adoptable = info.preset == "paper" and getattr(codec, "reads_official", False)
        official = "take an official checkpoint's with 'python -m bench import', " if adoptable else ""
        raise MissingWeights(
            f"{info.full_name} ({info.preset}) has no weights for {codec.rate.name}; train them with "
            f"'python -m bench train --method {info.name} --variant {info.variant} --preset {info.preset}{single}', "
            f"{official}or name a file with --weights."
        )
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if path == codec.rate.weights and codec.rate.sha256 not in (None, digest):
        raise BenchError(f"{path} has sha256 {digest[:12]}…, not the recipe's; restore the file from the release.")
    try:
        with safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {}).get("dic-bench", "{}"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, ValueError) as error:
        raise BenchError(f"{path} is not a whole safetensors file of this project: {error}.") from error
    if [about.get(k) for k in ("method", "variant", "preset")] != [info.name, info.variant, info.preset]:
        held = about.get("method", "something else")
        raise BenchError(f"{path} holds weights of {held}, not of {info.full_name} ({info.preset}).")
    if about.get("rate", "all") not in ("all", codec.rate.name):
        raise BenchError(f"{path} holds the weights of {about['rate']}, not of {codec.rate.name}; ask for that rate.")
    tables = {k.removeprefix(_TABLES): v.numpy() for k, v in tensors.items() if k.startswith(_TABLES)}
    known = f"{info.full_name} ({info.preset})"
    _fill(model, {k: v for k, v in tensors.items() if not k.startswith(_TABLES)}, path, known)
    try:
        return model.coder(tables, codec.rate.index if model.rates > 1 else 0)
    except (KeyError, ValueError) as error:
        raise BenchError(f"{path} lacks sound coding tables ({error}); restore the file from the release.") from error
