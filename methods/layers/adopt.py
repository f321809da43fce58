"""From an official checkpoint to a network of ours, and to a weights file that needs the checkpoint no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from bench.codec import CodecInfo, RatePoint
from bench.errors import BenchError
from methods.layers import weights
from methods.layers.checkpoint import Checkpoint, read
from methods.layers.network import Coder, Network
from methods.layers.official import KeyMap, fill


class Adopter(Protocol):
    """What a codec class that reads official checkpoints offers."""

    def sized(self, info: CodecInfo, held: Mapping[str, Any]) -> Network:
        """Return the untrained network with sizes that differ from the recipe's."""

    def official_keys(self, info: CodecInfo) -> KeyMap:
        """Return the map of the authors' keys."""

    def official_sizes(self, info: CodecInfo, checkpoint: Checkpoint) -> Mapping[str, Any]:
        """Return the checkpoint's sizes where they differ from the recipe's."""


@dataclass(frozen=True)
class Adopted:
    """A network filled from an official checkpoint.

    Attributes:
        model: The network.
        held: Its sizes where they differ from the recipe's.
        checkpoint: What it was filled from.
        notes: What the user should know, a sentence each.
    """

    model: Network
    held: Mapping[str, Any]
    checkpoint: Checkpoint
    notes: list[str]

    def coder(self) -> Coder:
        """Return the coder over tables made here; a weights file keeps them for other machines.

        Raises:
            BenchError: The densities give no tables.
        """
        try:
            return self.model.coder(self.model.tables(), 0)
        except ValueError as error:
            raise self._unsound(error) from error

    def pack(self, info: CodecInfo, rate: RatePoint) -> bytes:
        """Return the contents of a weights file of one rate point.

        Raises:
            BenchError: The densities give no tables.
        """
        about: dict[str, Any] = {"official": self.checkpoint.sha256}
        if self.held:
            about["model"] = dict(self.held)
        try:
            return weights.pack(self.model, info, rate.name, about)
        except ValueError as error:
            raise self._unsound(error) from error

    def _unsound(self, error: ValueError) -> BenchError:
        return BenchError(f"{self.checkpoint.label} gives no sound coding tables ({error}); get the file again.")


def adopt(codec: Adopter, info: CodecInfo, source: str | Path | Mapping[str, Tensor]) -> Adopted:
    """Build the network of an official checkpoint.

    Args:
        codec: The codec's class.
        info: The codec, in the preset ``paper``.
        source: The checkpoint file, or the mapping in it.

    Raises:
        BenchError: The checkpoint is unsound, or of another method, variant or width.
    """
    if info.preset != "paper":
        raise BenchError(f"Official checkpoints have the published size; load {info.full_name} with preset 'paper'.")
    checkpoint = read(source)
    held = codec.official_sizes(info, checkpoint)
    model = codec.sized(info, held).eval().requires_grad_(False)
    return Adopted(model, held, checkpoint, fill(model, checkpoint, codec.official_keys(info), info.full_name))


def pack(codec: Adopter, info: CodecInfo, rate: RatePoint, source: str | Path) -> tuple[bytes, list[str]]:
    """Turn an official checkpoint into the contents of a weights file, float32, with coding tables.

    Args:
        codec: The codec's class.
        info: The codec, in the preset ``paper``.
        rate: The rate point that the file shall serve.
        source: The checkpoint file.

    Returns:
        The contents, and what the user should know, a sentence each.

    Raises:
        BenchError: As :func:`adopt`, or the densities give no tables.
    """
    adopted = adopt(codec, info, source)
    return adopted.pack(info, rate), adopted.notes
