"""Reading checked weights files into networks. No network here ever keeps a random weight.

Networks are built on torch's ``meta`` device, where parameters have shapes but no values, and then assigned from the
file with every key required. A weight that the file does not hold cannot be computed with.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from bench.errors import BenchError


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dictionary from ``.safetensors``, ``.pth`` or ``.pt`` onto the CPU, executing nothing.

    Raises:
        BenchError: The file cannot be read as weights.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return cast(dict[str, Tensor], torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # readers raise a dozen kinds; all mean the same to the user
        raise BenchError(f"{path} cannot be read as weights ({type(error).__name__}); fetch it again.") from error


def fill(network: nn.Module, state: dict[str, Tensor], source: Path | str) -> nn.Module:
    """Assign a complete state to a network built on ``meta`` and make it ready for inference.

    Args:
        network: Built under ``torch.device("meta")``.
        state: Exactly the network's keys and shapes, float32.
        source: File named in the error.

    Raises:
        BenchError: A key is missing, superfluous or of another shape.
    """
    try:
        network.load_state_dict(state, strict=True, assign=True)
    except (RuntimeError, KeyError) as error:
        raise BenchError(f"{source} does not hold the weights of {type(network).__name__}; fetch it again.") from error
    left = [name for name, value in [*network.named_parameters(), *network.named_buffers()] if value.is_meta]
    if left:
        raise BenchError(f"{source} leaves {left[0]} of {type(network).__name__} without values; fetch it again.")
    return network.eval().requires_grad_(False)


def features_state(path: Path, wanted: list[str]) -> dict[str, Tensor]:
    """Read the convolutional part of a torchvision classifier.

    Args:
        path: A checkpoint with keys ``features.*`` (the classifier's keys may be there too).
        wanted: Keys that are needed, in torchvision's names.

    Raises:
        BenchError: A key is missing.
    """
    state = read_state(path)
    missing = [key for key in wanted if key not in state]
    if missing:
        raise BenchError(f"{path} lacks {missing[0]}; it is not a torchvision checkpoint of this network.")
    return {key: state[key].float() for key in wanted}


def pretrained_free(builder: Any, **options: Any) -> nn.Module:
    """Call a network's constructor on ``meta``, so that nothing is drawn, downloaded or allocated."""
    with torch.device("meta"):
        return cast(nn.Module, builder(**options))
