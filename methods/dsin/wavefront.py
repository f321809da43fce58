"""The conditional entropy model step by step: each activation is computed once, as soon as what it reads is known.

Positions (c, row, column) with the same t = 4c + 2·row + column form a step. One layer reads, at most as late,
(0, 0, −1), (0, −1, 1) and (−1, 1, 1), which lie 1 step back each; with smaller factors one of the three would not lie
back at all. A volume of 16×16×32 takes 122 steps, one of 32×16×32 takes 186.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from methods.dsin.context import LAYERS, CausalConv, ContextModel, taps

Floats = NDArray[np.float64]
Positions = NDArray[np.intp]

FACTORS = (4, 2, 1)
"""Steps from one slice, row and column to the next."""


class Plan(NamedTuple):
    """When what is computed, for volumes of one shape.

    Attributes:
        shape: Slices, rows and columns with the margins that the first layer reads.
        before: For each layer but the last, positions in the margins that come before the first symbol.
        steps: For each step, positions of each layer; the last layer's are the symbols of the step.
    """

    shape: tuple[int, int, int]
    before: list[Positions]
    steps: list[list[Positions]]


def plan(slices: int, height: int, width: int) -> Plan:
    """Order the positions of a volume; they are flat indices into the volume with margins."""
    shape = (slices + LAYERS, height + 2 * LAYERS, width + 2 * LAYERS)
    index = np.indices(shape)
    time = sum(f * (axis - LAYERS) for f, axis in zip(FACTORS, index, strict=True))
    last = FACTORS[0] * (slices - 1) + FACTORS[1] * (height - 1) + FACTORS[2] * (width - 1)
    before, steps = [], [[] for _ in range(last + 1)]
    for layer in range(1, LAYERS + 1):
        inside = index[0] >= layer
        for axis, size in ((1, shape[1]), (2, shape[2])):
            inside &= (index[axis] >= layer) & (index[axis] < size - layer)
        flat = np.flatnonzero(inside)
        when = time.ravel()[flat]
        before.append(flat[when < 0])
        order = np.argsort(when, kind="stable")
        cuts = np.searchsorted(when[order], np.arange(last + 2))
        for t in range(last + 1):
            steps[t].append(flat[order[cuts[t] : cuts[t + 1]]])
    return Plan(shape, before[:-1], steps)


class Layer:
    """One masked convolution at chosen positions of a flat volume."""

    def __init__(self, layer: CausalConv, strict: bool, shape: tuple[int, int, int]) -> None:
        weight = layer.weight.detach().numpy()
        where = np.argwhere(taps(strict).numpy() > 0)
        self.offsets = (where - 1) @ np.array([shape[1] * shape[2], shape[2], 1])
        parts = [weight[:, d * layer.inputs : (d + 1) * layer.inputs, r, c].T for d, r, c in where]
        self.matrix = np.ascontiguousarray(np.concatenate(parts))
        self.bias = layer.bias.detach().numpy().copy()

    def __call__(self, volume: Floats, at: Positions) -> Floats:
        """Outputs ``(n, outputs)`` at positions ``(n,)`` of a volume ``(positions, inputs)``."""
        read = volume[at[:, None] + self.offsets].reshape(len(at), len(self.matrix))
        out: Floats = read @ self.matrix + self.bias
        return out


class Walk:
    """Walks once through a volume; symbols are put in as they become known.

    Args:
        model: The entropy model, float64 on the CPU.
        bias: What is added after its first layer, ``(width,)``.
        centres: Values of the symbols, float64.
        plan: The order of the positions.
    """

    def __init__(self, model: ContextModel, bias: Tensor, centres: Floats, plan: Plan) -> None:
        self.plan, self.centres = plan, centres
        self.layers = [
            Layer(part, i == 0, plan.shape) for i, part in enumerate((model.first, *model.inner, model.last))
        ]
        self.layers[0].bias += bias.detach().numpy()
        size = int(np.prod(plan.shape))
        self.values = np.full((size, 1), centres[0])
        self.hidden = [np.zeros((size, len(layer.bias))) for layer in self.layers[:-1]]

    def _advance(self, positions: list[Positions]) -> None:
        first, second, third = self.hidden
        first[positions[0]] = np.maximum(self.layers[0](self.values, positions[0]), 0)
        second[positions[1]] = np.maximum(self.layers[1](first, positions[1]), 0)
        third[positions[2]] = self.layers[2](second, positions[2]) + first[positions[2]]

    def steps(self) -> Iterator[tuple[Positions, Floats]]:
        """Yield each step's positions ``(n,)`` and logits ``(n, symbols)``; :meth:`put` its symbols before the next."""
        self._advance(self.plan.before)
        for positions in self.plan.steps:
            self._advance(positions)
            yield positions[-1], self.layers[-1](self.hidden[-1], positions[-1])

    def put(self, at: Positions, symbols: NDArray[np.intp]) -> None:
        """Make symbols known."""
        self.values[at, 0] = self.centres[symbols]
