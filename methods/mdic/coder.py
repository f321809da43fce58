"""From indices to bytes and back: the entropy model in float64, one index at a time, as bits of its binary number.

Each bit is a decision between the two halves of what is left of the codebook. Its log odds, rounded to a grid, choose
one of the integer tables stored with the weights, so the last bits of the arithmetic choose no other table.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import erf
from torch import Tensor

from bench.coding import StreamDecoder, StreamEncoder, Tables, ideal_bits
from bench.errors import BitstreamError
from methods.layers.decisions import table_of
from methods.mdic.entropy import Block, IndexModel
from methods.mdic.vq import VectorQuantiser

Floats = NDArray[np.float64]
Decide = Callable[[NDArray[np.int32], int], int]
"""Codes one bit: its table as an array of one, and where in the walk it stands; returns the bit."""


class _StepBlock:
    """One block for one position, with the keys and values of those before it.

    Args:
        block: The block in float64 on the CPU.
        length: Positions in all.
    """

    def __init__(self, block: Block, length: int) -> None:
        state = {name: value.detach().numpy() for name, value in block.state_dict().items()}
        self.state, self.heads = state, block.heads
        width = len(state["first.weight"])
        self.keys, self.values = np.zeros((2, self.heads, length, width // self.heads))

    def _linear(self, name: str, x: Floats) -> Floats:
        found: Floats = self.state[f"{name}.weight"] @ x + self.state[f"{name}.bias"]
        return found

    def _norm(self, name: str, x: Floats) -> Floats:
        centred = x - x.mean()
        scaled = centred / np.sqrt((centred * centred).mean() + 1e-5)
        found: Floats = scaled * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]
        return found

    def __call__(self, x: Floats, at: int) -> Floats:
        query, self.keys[:, at], self.values[:, at] = self._linear("attend", x).reshape(3, self.heads, -1)
        scores = (self.keys[:, : at + 1] @ query[:, :, None])[:, :, 0] / np.sqrt(query.shape[1])
        weights = np.exp(scores - scores.max(1, keepdims=True))
        weights /= weights.sum(1, keepdims=True)
        attended = weights[:, None, :] @ self.values[:, : at + 1]
        x = self._norm("first", x + self._linear("out", attended.ravel()))
        inner = self._linear("widen", x)
        inner = inner * 0.5 * (1 + erf(inner * 0.5**0.5))
        return self._norm("second", x + self._linear("narrow", inner))


class StepModel:
    """Logits of one position after the other; encoder and decoder walk through the same one.

    Args:
        model: The entropy model in float64 on the CPU.
        point: The rate point's place in it.
        grid: Rows and columns.
    """

    def __init__(self, model: IndexModel, point: int, grid: tuple[int, int]) -> None:
        self.columns = grid[1]
        self.table = model.tokens[point].weight.detach().numpy()
        self.head = model.heads[point].weight.detach().numpy(), model.heads[point].bias.detach().numpy()
        self.higher = model.higher.weight.detach().numpy() if model.above else None
        self.places = model.places(*grid).numpy()
        self.blocks = [_StepBlock(block, grid[0] * grid[1]) for block in model.blocks]  # type: ignore[arg-type]
        self.known: list[int] = []

    def logits(self) -> Floats:
        """Logits ``(K,)`` of the next index."""
        at = len(self.known)
        x = self.table[self.known[-1] if at else -1]
        if self.higher is not None:
            x = x + self.higher @ self.table[self.known[at - self.columns] if at >= self.columns else -1]
        x = x + self.places[at]
        for block in self.blocks:
            x = block(x, at)
        found: Floats = self.head[0] @ x + self.head[1]
        if not np.isfinite(found).all():
            raise BitstreamError("The entropy model gives no finite numbers; the file is damaged.")
        return found

    def put(self, index: int) -> None:
        """Tell which index it was."""
        self.known.append(index)


def _halves(logits: Floats) -> list[Floats]:
    """Logarithms of the masses of all halves, quarters and so on down to single indices: ``(2,)`` … ``(K,)``."""
    found = [logits]
    while len(found[-1]) > 2:
        found.append(np.logaddexp(found[-1][0::2], found[-1][1::2]))
    return found[::-1]


class IndexCoder:
    """Codes the indices of one rate point.

    Args:
        model: The entropy model in float64 on the CPU.
        quantiser: The rate point's quantiser alike.
        tables: The integer tables of the decisions.
        point: The rate point's place in the model.
        ratio: Latent rows to one row of indices.
    """

    def __init__(self, model: IndexModel, quantiser: VectorQuantiser, tables: Tables, point: int, ratio: int) -> None:
        self.model, self.quantiser, self.tables, self.point, self.ratio = model, quantiser, tables, point, ratio
        self.depth = (len(quantiser.share) - 1).bit_length()

    def _walk(self, grid: tuple[int, int], decide: Decide) -> NDArray[np.int64]:
        """The steps that encoder and decoder share; indices ``(h·w,)``."""
        step = StepModel(self.model, self.point, grid)
        for at in range(grid[0] * grid[1]):
            masses, node = _halves(step.logits()), 0
            for level, mass in enumerate(masses):
                odds = mass[2 * node + 1] - mass[2 * node]
                node = 2 * node + decide(table_of(np.array([odds])), at * self.depth + level)
            step.put(node)
        return np.array(step.known)

    def _bits(self, latent: Tensor) -> tuple[NDArray[np.int32], tuple[int, int]]:
        """Bits of all indices, highest first, ``(h·w·depth,)``, and the grid."""
        index = self.quantiser.indices(latent)[0].numpy()
        shifts = np.arange(self.depth)[::-1]
        return (index.ravel()[:, None] >> shifts & 1).astype(np.int32).ravel(), (index.shape[0], index.shape[1])

    def _known(self, latent: Tensor) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Walk through compact features ``(1, d, h, w)``; answers and tables of all decisions."""
        bits, grid = self._bits(latent)
        chosen: list[NDArray[np.int32]] = []

        def decide(table: NDArray[np.int32], at: int) -> int:
            chosen.append(table)
            return int(bits[at])

        self._walk(grid, decide)
        return bits, np.concatenate(chosen)

    def encode(self, latent: Tensor, stream: StreamEncoder) -> None:
        """Append the indices of compact features ``(1, d, h, w)``, float64, to ``stream``."""
        bits, chosen = self._known(latent)
        for bit, table in zip(bits, chosen, strict=True):  # one call each, as the decoder reads them
            stream.encode(np.array([bit]), np.array([table]), self.tables)

    def decode(self, stream: StreamDecoder, grid: tuple[int, int]) -> Tensor:
        """Read indices, float64 ``(1, 1, h, w)``; ``grid`` is the latent's.

        Raises:
            BitstreamError: The stream is damaged.
        """
        own = (grid[0] // self.ratio, grid[1] // self.ratio)
        found = self._walk(own, lambda table, at: int(stream.decode(table, self.tables)[0]))
        return torch.from_numpy(found).double().view(1, 1, *own)

    def ideal(self, latent: Tensor) -> float:
        """Bits of the indices under the integer tables, without the coder's overhead."""
        return ideal_bits(*self._known(latent), self.tables)

    def estimate(self, latent: Tensor) -> Tensor:
        """Bits ``(1,)`` of the indices by the entropy model itself."""
        with torch.no_grad():
            return self.model.bits(self.quantiser.indices(latent), self.point)
