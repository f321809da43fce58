"""From symbols to bytes and back: yes-or-no decisions under stored integer tables, one step function for both ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp
from torch import Tensor

from bench.coding import StreamDecoder, StreamEncoder, Tables, ideal_bits
from methods.dsin.context import LAYERS, ContextModel
from methods.dsin.quantiser import Centres
from methods.dsin.wavefront import Floats, Plan, Positions, Walk, plan
from methods.layers.decisions import table_of

Decisions = NDArray[np.int32]
Decide = Callable[[Positions, int, Decisions], Decisions]
"""Answers of decisions: positions, the symbol asked for, the table of each; 1 is yes."""

plans = lru_cache(maxsize=4)(plan)


class SymbolCoder:
    """Codes the latents of one rate point.

    A symbol is found by asking for one centre after the other, those nearest to 0 first; the last needs no question.
    What the importance map masks is coded like all else: there the model is sure, and it costs next to nothing.

    Args:
        model: The entropy model in float64 on the CPU.
        centres: The quantiser alike.
        tables: The integer tables of the decisions.
        rate: Index of the rate point within the weights.
        channels: Channels of the latent.
    """

    def __init__(self, model: ContextModel, centres: Centres, tables: Tables, rate: int, channels: int) -> None:
        self.model, self.quantiser, self.tables, self.channels = model, centres, tables, channels
        self.rate = torch.tensor([rate])
        self.centres: Floats = centres.values.detach().numpy()
        self.order = np.argsort(np.abs(self.centres), kind="stable")

    def _walk(self, shape: tuple[int, int, int], decide: Decide) -> Tensor:
        """The steps that encoder and decoder share; ``decide`` reads or writes the stream.

        Args:
            shape: Channels, rows and columns.
            decide: Called for each step and centre.

        Returns:
            Quantised values ``(1, C, h, w)``.
        """
        order: Plan = plans(*shape)
        walk = Walk(self.model, self.model.bias(self.rate)[0], self.centres, order)
        for at, logits in walk.steps():
            symbols = np.full(len(at), self.order[-1])
            open_ = np.arange(len(at))
            for k, symbol in enumerate(self.order[:-1]):
                if not len(open_):
                    break
                rest = logsumexp(logits[open_][:, self.order[k + 1 :]], axis=1)
                yes = decide(at[open_], int(symbol), table_of(logits[open_, symbol] - rest)) == 1
                symbols[open_[yes]] = symbol
                open_ = open_[~yes]
            walk.put(at, symbols)
        inner = walk.values.reshape(order.shape)[LAYERS:, LAYERS:-LAYERS, LAYERS:-LAYERS]
        return torch.from_numpy(inner.copy())[None]

    def _known(self, latent: Tensor, use: Callable[[Decisions, Decisions], object]) -> None:
        """Walk through a latent ``(1, C, h, w)``; ``use`` gets answers and tables, step by step."""
        _, channels, height, width = latent.shape
        shape = (channels, height, width)
        margins = ((LAYERS, 0), (LAYERS, LAYERS), (LAYERS, LAYERS))
        symbols = np.pad(self.quantiser.symbols(latent)[0].numpy(), margins).ravel()

        def decide(at: Positions, symbol: int, tables: Decisions) -> Decisions:
            answers = (symbols[at] == symbol).astype(np.int32)
            use(answers, tables)
            return answers

        self._walk(shape, decide)

    def encode(self, latent: Tensor, stream: StreamEncoder) -> None:
        """Append a latent ``(1, C, h, w)``, float64, not yet quantised, to ``stream``."""
        self._known(latent, lambda answers, tables: stream.encode(answers, tables, self.tables))

    def decode(self, stream: StreamDecoder, grid: tuple[int, int]) -> Tensor:
        """Read quantised values ``(1, C, *grid)``, float64.

        Raises:
            BitstreamError: The stream is damaged.
        """
        return self._walk((self.channels, *grid), lambda at, symbol, tables: stream.decode(tables, self.tables))

    def ideal(self, latent: Tensor) -> float:
        """Bits of a latent under the integer tables, without the coder's overhead."""
        bits: list[float] = []
        self._known(latent, lambda answers, tables: bits.append(ideal_bits(answers, tables, self.tables)))
        return sum(bits)

    def estimate(self, latent: Tensor) -> Tensor:
        """Bits ``(1,)`` of a latent by the entropy model itself: the cross-entropy of all symbols."""
        symbols = self.quantiser.symbols(latent)
        values = self.quantiser.values[symbols]
        log = torch.log_softmax(self.model(values, self.quantiser.values[0], self.rate), -1)
        return -log.gather(-1, symbols[..., None]).flatten(1).sum(1) / math.log(2)
