"""What a learned codec's network offers to the codec around it, to training and to the weights file."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from bench.coding import StreamDecoder, StreamEncoder
from bench.training import Training


class Coder(Protocol):
    """Codes latents of one rate point, item by item, in float64 on the CPU."""

    def encode(self, latent: Tensor, stream: StreamEncoder) -> None:
        """Append a latent ``(1, M, h, w)`` to ``stream``."""

    def decode(self, stream: StreamDecoder, grid: tuple[int, int]) -> Tensor:
        """Read a latent ``(1, M, *grid)``; ``BitstreamError`` where the stream is damaged."""
        ...

    def estimate(self, latent: Tensor) -> Tensor:
        """Bits ``(1,)`` of a latent by the continuous likelihoods."""
        ...

    def ideal(self, latent: Tensor) -> float:
        """Bits of a latent under the integer tables, without the coder's overhead."""
        ...


class Sizes:
    """Base of the dataclasses that hold a network's sizes, the keys of a recipe's ``model`` table."""

    @classmethod
    def parse(cls, table: Mapping[str, Any], rates: int) -> Any:
        """Read a recipe's ``model`` table; ``rates`` is how many rate points share the weights."""
        tuples = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
        return cls(rates=rates, **tuples)  # type: ignore[call-arg]


class Network(nn.Module, ABC):
    """Analysis, entropy model and synthesis of one codec.

    Attributes:
        rates: Rate points that one set of weights covers.
        multiple: Height and width are padded to multiples of this before the analysis.
        stride: Picture rows to one latent row.
        alone: Whether training leaves the side view out at present.
        training_only: Prefixes of parameters that coding ``x`` does not need; small weights files leave them out.
    """

    rates: int
    multiple: ClassVar[int] = 64
    stride: ClassVar[int] = 16
    alone: bool = False
    training_only: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def analyse(self, x: Tensor, rate: Tensor) -> Tensor:
        """Latent ``(N, M, H/stride, W/stride)`` of pictures ``(N, 3, H, W)`` in [0, 1] at rate indices ``(N,)``."""

    @abstractmethod
    def side(self, y: Tensor) -> Any:
        """All that the synthesis takes from side views ``(N, 3, H, W)`` in [0, 1]; None for a codec without."""

    @abstractmethod
    def synthesise(self, latent: Tensor, rate: Tensor, side: Any) -> Tensor:
        """Picture ``(N, 3, H, W)``, unclamped, from the decoded latent and what :meth:`side` gave."""

    @abstractmethod
    def tables(self) -> dict[str, np.ndarray]:
        """Integer coding tables of the weights as they are now, to be stored beside them."""

    @abstractmethod
    def coder(self, arrays: Mapping[str, np.ndarray], rate: int) -> Coder:
        """Return the coder of one rate point over stored tables.

        Raises:
            KeyError, ValueError: The tables are not sound, or not this network's.
        """

    def analyser(self) -> Network:
        """A copy of this network that :meth:`analyse` works on; large parts that it does not use may be left out."""
        return copy.deepcopy(self)

    def phase(self, progress: float, how: Training) -> None:
        """Told by training how far it is, from 0 to 1, before each step: at first a recipe may leave the side view out.

        From scratch a decoder may learn to paint ``y`` before the latent says anything, and a latent that rounds to 0
        everywhere then stays so at every rate.
        """
        self.alone = progress < how.alone

    def settle(self) -> None:
        """Told by export that these are the trained weights; a network may still set right what no step can."""

    def aux_loss(self) -> Tensor:
        """CompressAI's loss that moves the bottlenecks' quantiles onto the densities' tails and medians."""
        return torch.stack([m.loss() for m in self.modules() if hasattr(m, "quantiles")]).sum()

    def coding_parameters(self) -> int:
        """Learned parameters that coding ``x`` uses."""
        return sum(p.numel() for n, p in self.named_parameters() if not n.startswith(self.training_only))
