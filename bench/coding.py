"""The one entropy coder: a range coder over integer tables, the same bytes on every machine.

A table is a list of positive integer counts that sum to 2²⁴. ``constriction`` (range coder, 24-bit models) takes
floating-point probabilities ``f`` and gives symbol ``i`` the cumulative count ``i + ⌊F(i)·(2²⁴ − n)/Σf⌋``; with
``f = counts − 1`` the factor is exactly 1 and every ``F(i)`` an integer below 2²⁴, so the counts that are coded are
those of the table, whatever the processor. Tables are made once, by training, and stored with the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from bench.errors import BitstreamError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PRECISION = 24
TOTAL = 1 << PRECISION

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]


def scale_levels(low: float = 0.11, high: float = 256.0, levels: int = 64) -> Floats:
    """Scales spaced evenly in their logarithm, float64 ``(levels,)``, rounded to 7 digits so that no libm matters.

    The default is CompressAI's table (Ballé et al., ICLR 2018).
    """
    values = np.exp(np.linspace(np.log(low), np.log(high), levels))
    return np.array([float(f"{value:.6e}") for value in values])


SCALE_TABLE = scale_levels()


@dataclass(frozen=True, eq=False)
class Tables:
    """Integer coding tables.

    Attributes:
        counts: int32 ``(T, L)``; row ``t`` holds ``lengths[t]`` counts of at least 1 that sum to 2²⁴, then zeros.
        lengths: int32 ``(T,)``, number of symbols of each table.
        offsets: int32 ``(T,)``, value of each table's first symbol.
    """

    counts: Ints
    lengths: Ints
    offsets: Ints

    def __post_init__(self) -> None:
        rows, width = self.counts.shape
        inside = np.arange(width)[None, :] < self.lengths[:, None]
        sound = (
            self.lengths.shape == self.offsets.shape == (rows,)
            and bool((self.lengths >= 1).all() and (self.lengths <= width).all())
            and bool((self.counts[inside] >= 1).all() and (self.counts[~inside] == 0).all())
            and bool((self.counts.sum(axis=1, dtype=np.int64) == TOTAL).all())
        )
        if not sound:
            raise ValueError(f"Coding tables need counts of at least 1 that sum to {TOTAL} in each row.")

    def __len__(self) -> int:
        return len(self.lengths)

    def clamp(self, symbols: NDArray[Any], index: Ints) -> Ints:
        """Return symbols ``(n,)`` moved into the range of their tables ``index`` ``(n,)``."""
        low = self.offsets[index]
        inside: Ints = np.clip(symbols, low, low + self.lengths[index] - 1).astype(np.int32)
        return inside

    def to_arrays(self) -> dict[str, Ints]:
        """Flat arrays to store in a weights file; symmetric tables (a length below 0) keep their first half only."""
        rows, lengths = [], self.lengths.copy()
        for t, n in enumerate(self.lengths):
            row = self.counts[t, :n]
            if n > 1 and np.array_equal(row, row[::-1]):
                row, lengths[t] = row[: (n + 1) // 2], -n
            rows.append(row)
        return {"counts": np.concatenate(rows), "lengths": lengths, "offsets": self.offsets.copy()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Tables:
        """Restore what ``to_arrays`` gave.

        Raises:
            ValueError: The arrays are not sound tables.
        """
        flat, stored = np.asarray(arrays["counts"], np.int32), np.asarray(arrays["lengths"], np.int32)
        kept = np.where(stored < 0, (1 - stored) // 2, stored)
        if kept.sum() != len(flat):
            raise ValueError(f"Coding tables hold {len(flat)} counts where their lengths ask for {kept.sum()}.")
        rows = np.split(flat, np.cumsum(kept)[:-1])
        full = [
            np.concatenate([row, row[: -n - len(row)][::-1]]) if n < 0 else row
            for row, n in zip(rows, stored, strict=True)
        ]
        return _padded(full, np.asarray(arrays["offsets"], np.int32))


def _padded(rows: Sequence[NDArray[Any]], offsets: NDArray[Any]) -> Tables:
    lengths = np.array([len(row) for row in rows], np.int32)
    counts = np.zeros((len(rows), int(lengths.max())), np.int32)
    for target, row in zip(counts, rows, strict=True):
        target[: len(row)] = row
    return Tables(counts, lengths, np.asarray(offsets, np.int32))


def gaussian_tables(scales: NDArray[Any]) -> Tables:
    """Tables of a zero-mean Gaussian convolved with the unit box, one for each scale.

    The half width is max(12, ⌈6.5 s⌉), so what the clamp changes has a probability below 1e-10 under the model.

    Args:
        scales: Standard deviations, ``(T,)``, above 0, in units of the quantisation step.
    """
    from scipy.special import ndtr

    rows, offsets = [], []
    for scale in np.asarray(scales, np.float64):
        half = max(12, int(np.ceil(6.5 * scale)))
        k = np.arange(1, half + 1)
        tail = ndtr(-(k - 0.5) / scale) - ndtr(-(k + 0.5) / scale)
        side = np.rint(tail * (TOTAL - 2 * half - 1)).astype(np.int64) + 1
        rows.append(np.concatenate([side[::-1], [TOTAL - 2 * side.sum()], side]))
        offsets.append(-half)
    return _padded(rows, np.array(offsets))


def categorical_tables(pmfs: Sequence[NDArray[Any]], offsets: Sequence[int] | NDArray[Any]) -> Tables:
    """Tables of given probability mass functions.

    Args:
        pmfs: One array a table, ``(n,)``, finite, ≥ 0 with a positive sum; scaled to sum to 1 here.
        offsets: Value of each table's first symbol.
    """
    rows = []
    for pmf in pmfs:
        p = np.asarray(pmf, np.float64)
        if p.ndim != 1 or not np.isfinite(p).all() or (p < 0).any() or p.sum() <= 0:
            raise ValueError("A probability mass function needs finite values of at least 0 with a positive sum.")
        exact = p / p.sum() * (TOTAL - len(p))
        row = np.floor(exact).astype(np.int64) + 1
        missing = TOTAL - int(row.sum())
        row[np.argsort(np.floor(exact) - exact, kind="stable")[:missing]] += 1
        rows.append(row)
    return _padded(rows, np.asarray(offsets))


def scale_index(scales: NDArray[Any], table: NDArray[Any] = SCALE_TABLE) -> Ints:
    """Index of the table level to code each scale with, int32 of the shape of ``scales``.

    The boundary between two levels is their geometric mean: the loss of coding N(0, s²) by N(0, t²) is ln²(s/t) nats to
    second order, hence equal on both sides there (at most 0.006 bits a symbol with 64 levels of 0.11 … 256).
    """
    levels = np.asarray(table, np.float64)
    index = np.searchsorted(np.sqrt(levels[:-1] * levels[1:]), np.asarray(scales, np.float64), side="right")
    return index.astype(np.int32)


_MODELS: WeakKeyDictionary[Tables, dict[int, Any]] = WeakKeyDictionary()


def _model(tables: Tables, t: int) -> Any:
    """Constriction's model of table ``t``, built once; None for one symbol, which costs nothing."""
    built = _MODELS.setdefault(tables, {})
    if t not in built:
        from constriction import stream

        row = tables.counts[t, : tables.lengths[t]]
        built[t] = (
            stream.model.Categorical(row.astype(np.float64) - 1.0, perfect=False, lazy=False) if len(row) > 1 else None
        )
    return built[t]


def _groups(index: Ints, tables: Tables) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Positions of each table used, by rising table, in their order: one vectorised call for each."""
    if index.size == 0:
        return
    if index.min() < 0 or index.max() >= len(tables):
        raise ValueError(f"Table indices run from {index.min()} to {index.max()}, but there are {len(tables)} tables.")
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    cuts = [0, *(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1).tolist(), len(order)]
    for start, stop in zip(cuts[:-1], cuts[1:], strict=True):
        yield int(ordered[start]), order[start:stop]


def _symbols_of(symbols: NDArray[Any], index: NDArray[Any], tables: Tables) -> tuple[Ints, Ints]:
    chosen = np.asarray(index, np.int32).ravel()
    return tables.clamp(np.asarray(symbols).ravel(), chosen), chosen


class StreamEncoder:
    """Writes symbols into one byte stream; call ``encode`` as often as needed, then ``bytes``."""

    def __init__(self) -> None:
        from constriction import stream

        self._coder = stream.queue.RangeEncoder()

    def encode(self, symbols: NDArray[Any], index: NDArray[Any], tables: Tables) -> Ints:
        """Append symbols.

        Args:
            symbols: Integers ``(n,)``, clamped to the range of their table.
            index: int32 ``(n,)``, the table of each symbol.
            tables: The tables.

        Returns:
            The symbols as the decoder will see them (after the clamp), int32 ``(n,)``.
        """
        clamped, chosen = _symbols_of(symbols, index, tables)
        for t, where in _groups(chosen, tables):
            model = _model(tables, t)
            if model is not None:
                self._coder.encode(clamped[where] - tables.offsets[t], model)
        return clamped

    def bytes(self) -> bytes:
        """The stream so far: the shortest bytes, followed by imaginary zeros, inside the coder's final interval."""
        words = self._coder.get_compressed()
        done, (lower, width) = self._coder.pos()
        if len(words) == 0:
            return b""
        size = 4 * (done + 2)
        value = int.from_bytes(words.astype(">u4").tobytes().ljust(size, b"\0")[:size], "big")
        # `value` lies inside the interval, at most 2³² − 1 above its lower end; both are known modulo 2⁶⁴ only.
        first = value - ((value - lower) % (1 << 64))
        best = value
        for cut in range(8, 72, 8):
            candidate = -(-first >> cut) << cut
            if candidate >= first + width:
                break
            best = candidate
        return best.to_bytes(size, "big").rstrip(b"\0")


class StreamDecoder:
    """Reads what ``StreamEncoder`` wrote, by the same calls in the same order.

    Args:
        data: The stream.
    """

    def __init__(self, data: bytes) -> None:
        from constriction import stream

        padded = data.ljust(-(-len(data) // 4) * 4, b"\0")
        self._coder = stream.queue.RangeDecoder(np.frombuffer(padded, ">u4").astype(np.uint32))

    def decode(self, index: NDArray[Any], tables: Tables) -> Ints:
        """Read one symbol for each entry of ``index``, int32 ``(n,)``.

        Raises:
            BitstreamError: The stream cannot come from the encoder. Most damage decodes to wrong symbols instead:
                it is the container's checksum that finds it.
        """
        chosen = np.asarray(index, np.int32).ravel()
        symbols = np.empty(len(chosen), np.int32)
        for t, where in _groups(chosen, tables):
            model = _model(tables, t)
            try:
                read = 0 if model is None else self._coder.decode(model, len(where))
            except (AssertionError, ValueError) as error:
                raise BitstreamError("The entropy-coded stream is damaged.") from error
            symbols[where] = read + tables.offsets[t]
        return symbols


def ideal_bits(symbols: NDArray[Any], index: NDArray[Any], tables: Tables) -> float:
    """Bits that the integer tables give to the symbols (clamped as the encoder does), without any overhead."""
    clamped, chosen = _symbols_of(symbols, index, tables)
    counts = tables.counts[chosen, clamped - tables.offsets[chosen]]
    return float((PRECISION - np.log2(counts)).sum())
