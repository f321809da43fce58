"""DSIN's causal entropy model, the walk through it, and what is written and read."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dsin_samples import CENTRES

from bench.coding import PRECISION, StreamDecoder, StreamEncoder
from bench.errors import BitstreamError
from methods.dsin.coder import SymbolCoder
from methods.dsin.context import ContextModel
from methods.dsin.quantiser import Centres
from methods.dsin.wavefront import FACTORS, Walk, plan
from methods.layers.decisions import REACH, STEP, make_tables, read_tables, table_of

# The entropy model


def context(rates: int = 1, seed: int = 3, width: int = 5, spread: float = 0.3) -> ContextModel:
    """A small entropy model with spread weights, float64."""
    torch.manual_seed(seed)
    model = ContextModel(width, len(CENTRES), rates).double().requires_grad_(False)
    for parameter in model.parameters():
        parameter.normal_(std=spread)
    return model


def values(shape: tuple[int, ...], seed: int = 0) -> torch.Tensor:
    """Random centres, float64."""
    return torch.from_numpy(np.random.default_rng(seed).choice(CENTRES, shape))


def test_logits_depend_on_earlier_symbols_only() -> None:
    """Raster order over (channel, row, column); what is near and earlier does matter."""
    model, volume, rate = context(), values((1, 6, 7, 9)), torch.tensor([0])
    edge = torch.tensor(CENTRES[0], dtype=torch.float64)
    before = model(volume, edge, rate)
    for at in ((0, 0, 0), (2, 3, 4), (3, 6, 8), (5, 2, 0)):
        changed = volume.clone()
        changed[(0, *at)] += 1
        moved = (model(changed, edge, rate) != before).any(-1)[0].flatten()
        here = int(np.ravel_multi_index(at, (6, 7, 9)))
        assert not bool(moved[: here + 1].any())
        assert here == 6 * 7 * 9 - 1 or bool(moved[here + 1 :].any())


def test_what_a_symbol_reads_lies_in_earlier_steps_and_no_smaller_factors_do() -> None:
    model, rate = context(), torch.tensor([0])
    volume = values((1, 8, 11, 15)).requires_grad_()
    edge = torch.tensor(CENTRES[0], dtype=torch.float64)
    at = (6, 5, 7)
    model(volume, edge, rate)[(0, *at)].square().sum().backward()
    read = np.argwhere(volume.grad[0].numpy() != 0) - np.array(at)
    assert len(read) > 100
    assert (read @ np.array(FACTORS)).max() == -1
    for smaller in ((3, 2, 1), (4, 1, 1)):
        assert (read @ np.array(smaller)).max() >= 0


def test_the_walk_gives_the_logits_of_the_whole_volume() -> None:
    model = context(rates=3)
    volume, rate = values((1, 5, 6, 8)), torch.tensor([2])
    edge = torch.tensor(CENTRES[0], dtype=torch.float64)
    whole = model(volume, edge, rate)[0].reshape(-1, len(CENTRES)).numpy()
    order = plan(5, 6, 8)
    walk = Walk(model, model.bias(rate)[0], np.array(CENTRES), order)
    inside = np.full(order.shape, -1)
    inside[4:, 4:-4, 4:-4] = np.arange(5 * 6 * 8).reshape(5, 6, 8)
    inside, seen = inside.ravel(), []
    flat = volume.flatten().numpy()
    for at, logits in walk.steps():
        here = inside[at]
        assert np.abs(logits - whole[here]).max(initial=0) < 1e-12
        walk.put(at, np.searchsorted(CENTRES, flat[here]))
        seen += here.tolist()
    assert sorted(seen) == list(range(5 * 6 * 8)) and len(order.steps) == 4 * 4 + 2 * 5 + 7 + 1


# Tables and coding


def coder(rates: int = 1, rate: int = 0, channels: int = 4) -> SymbolCoder:
    centres = Centres(CENTRES).double().requires_grad_(False)
    return SymbolCoder(context(rates, spread=0.15), centres, read_tables(make_tables()), rate, channels)


def test_rounded_log_odds_cost_less_than_a_thousandth() -> None:
    tables = read_tables(make_tables())
    odds = np.linspace(-12, 12, 4001)
    yes = 1 / (1 + np.exp(-odds))
    chosen = table_of(odds)
    costs = PRECISION - np.log2(tables.counts[chosen])
    coded = (1 - yes) * costs[:, 0] + yes * costs[:, 1]
    best = -(1 - yes) * np.log2(1 - yes) - yes * np.log2(yes)
    assert (coded - best).min() > -1e-9 and coded.sum() / best.sum() < 1.001
    assert (coded / best).max() < 1.002
    assert table_of(np.array([-1e9, 0.0, 1e9])).tolist() == [0, REACH, 2 * REACH]
    assert table_of(np.array([0.49, 0.51]) * STEP).tolist() == [REACH, REACH + 1]


def test_noise_of_float64_moves_no_decision() -> None:
    odds = np.random.default_rng(0).normal(0, 4, 1_000_000)
    assert np.array_equal(table_of(odds), table_of(odds * (1 + 1e-14)))


@pytest.mark.parametrize("grid", [(6, 9), (2, 3), (1, 1)])
def test_what_is_written_is_read(grid: tuple[int, int]) -> None:
    both, stream = coder(rates=2, rate=1), StreamEncoder()
    latent = torch.randn(1, 4, *grid, dtype=torch.float64) * 2
    both.encode(latent, stream)
    data = stream.bytes()
    read = both.decode(StreamDecoder(data), grid)
    assert torch.equal(read, both.quantiser.values[both.quantiser.symbols(latent)])
    ideal, estimate = both.ideal(latent), float(both.estimate(latent))
    assert abs(8 * len(data) - ideal) <= 48 + 1e-3 * ideal
    assert abs(ideal - estimate) <= 2e-3 * estimate + 1


def test_damage_ends_in_a_sentence_or_in_centres() -> None:
    both, stream, rng = coder(), StreamEncoder(), np.random.default_rng(0)
    both.encode(torch.randn(1, 4, 5, 7, dtype=torch.float64) * 2, stream)
    good = stream.bytes()
    ends = set()
    for k in range(12):
        bad = bytearray(good[: len(good) // (1 + k % 2)])
        bad[int(rng.integers(len(bad)))] ^= 1 + k
        try:
            read = both.decode(StreamDecoder(bytes(bad)), (5, 7))
        except BitstreamError:
            ends.add("sentence")
        else:
            ends.add("centres")
            assert set(read.unique().tolist()) <= set(CENTRES)
    assert "centres" in ends
