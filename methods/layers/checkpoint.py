"""Checkpoints of other releases, read without running anything that lies in them."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from bench.errors import BenchError

_WRAPPERS = ("model_state_dict", "state_dict", "ema", "model")
"""Keys under which training scripts keep the network, beside the optimiser's state and the epoch; an average of the
weights goes before the weights."""


@dataclass(frozen=True)
class Checkpoint:
    """Tensors of another release, under its names.

    Attributes:
        label: The file's name, for sentences.
        tensors: The state dict; what floats is finite.
        sha256: Digest of the file; empty where a state dict was given.
    """

    label: str
    tensors: Mapping[str, Tensor]
    sha256: str = ""


def read(source: str | Path | Mapping[str, Any]) -> Checkpoint:
    """Read a checkpoint: a file of ``torch.save`` or safetensors, or what lies in one.

    The network may be wrapped as ``{model_state_dict, …}``, ``{state_dict, …}``, ``{ema, …}`` or ``{model, …}``, and
    its keys may carry the ``module.`` of ``DataParallel``.

    Args:
        source: The file, or the mapping in it.

    Raises:
        BenchError: The file is absent, damaged, holds objects other than tensors, or values that are not finite.
    """
    if isinstance(source, Mapping):
        label, digest, loaded = "The state dict", "", source
    else:
        label = str(source)
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            raise BenchError(f"{label} cannot be read ({error.strerror}); give a checkpoint that exists.") from error
        digest, loaded = hashlib.sha256(data).hexdigest(), _load(data, label)
    return Checkpoint(label, _tensors(loaded, label), digest)


def _load(data: bytes, label: str) -> Any:
    try:
        if data[8:9] == b"{":  # a safetensors header follows its length in eight bytes
            return safetensors.torch.load(data)
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error):
            raise BenchError(
                f"{label} pickles objects other than tensors, which could run code, so it was not loaded; "
                "let whoever made it save the state dict alone."
            ) from error
        raise _damaged(label) from error
    except Exception as error:  # a damaged file makes the readers fail in any way
        raise _damaged(label) from error


def _damaged(label: str) -> BenchError:
    return BenchError(f"{label} is not a whole checkpoint of torch.save or safetensors; get the file again.")


def _tensors(loaded: Any, label: str) -> dict[str, Tensor]:
    for key in _WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not (isinstance(loaded, Mapping) and loaded and all(isinstance(key, str) for key in loaded)):
        raise BenchError(f"{label} holds no state dict; give a file that maps names to tensors.")
    foreign = [key for key, value in loaded.items() if not isinstance(value, Tensor)]
    if foreign:
        raise BenchError(f"{label} holds {foreign[0]!r}, which is no tensor; give a file with the state dict alone.")
    if any(key.startswith("tables.") for key in loaded):
        raise BenchError(f"{label} is a weights file of this project already; name it with --weights.")
    prefix = "module." if all(key.startswith("module.") for key in loaded) else ""
    tensors = {key.removeprefix(prefix): value.detach() for key, value in loaded.items()}
    for key, value in tensors.items():
        if value.layout != torch.strided or value.is_quantized or value.is_meta or value.is_complex():
            raise BenchError(
                f"{label} holds {key} in another form than plain numbers; give a file with dense, real tensors."
            )
        if not bool(torch.isfinite(value.float()).all()):
            raise BenchError(f"{label} holds values in {key} that are not finite; get the file again.")
    return tensors
