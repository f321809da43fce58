"""DSIN: its matcher, its causal entropy model and the walk through it, bytes that decode, and the published size."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import bench
from bench import recipe
from bench.coding import PRECISION, StreamDecoder, StreamEncoder
from bench.errors import BenchError, BitstreamError
from bench.recipe import Training
from methods.dsin import matching
from methods.dsin.codec import DsinCodec
from methods.dsin.coder import SymbolCoder
from methods.dsin.context import ContextModel
from methods.dsin.matching import opponent, side_synthesis
from methods.dsin.network import Dsin
from methods.dsin.quantiser import Centres
from methods.dsin.tables import REACH, STEP, make_tables, read_tables, table_of
from methods.dsin.wavefront import FACTORS, Walk, plan

CENTRES = (-2.0, -1.0, 0.0, 1.0, 2.0, 3.0)


def smooth(count: int, height: int = 128, width: int = 256, seed: int = 7) -> torch.Tensor:
    """Smooth random pictures with some grain, float ``(count, 3, height, width)`` of about unit variance."""
    rng = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, 3, height // 6 + 2, width // 6 + 2, generator=rng)
    picture = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    return picture + 0.1 * torch.randn(count, 3, height, width, generator=rng)


def pictures(count: int, height: int = 128, width: int = 256) -> torch.Tensor:
    """The same as uint8."""
    return (smooth(count, height, width) * 60 + 110).clamp(0, 255).round().to(torch.uint8)


# The matcher


def naive(x: np.ndarray, y: np.ndarray, patch: tuple[int, int]) -> list[tuple[int, int]]:
    """The published search, written as loops: correlation of all values of a patch times the Gaussian prior."""
    height, width = y.shape[1:]
    found = []
    for top in range(0, height, patch[0]):
        for left in range(0, width, patch[1]):
            a = x[:, top : top + patch[0], left : left + patch[1]].ravel()
            best, where = -np.inf, (0, 0)
            for row in range(height - patch[0] + 1):
                for column in range(width - patch[1] + 1):
                    b = y[:, row : row + patch[0], column : column + patch[1]].ravel()
                    score = np.corrcoef(a, b)[0, 1] * np.exp(
                        -4 * np.log(2) * (((row - top) / (0.5 * height)) ** 2 + ((column - left) / (0.5 * width)) ** 2)
                    )
                    if score > best:
                        best, where = score, (row, column)
            found.append(where)
    return found


@pytest.mark.parametrize("chunk", [1, 1 << 24])
def test_search_agrees_with_the_double_loop(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "_CHUNK", chunk)
    x = opponent(smooth(2, 24, 40).double())
    y = opponent(smooth(2, 24, 40, seed=8).double())
    y[0] = x[0].roll((2, -5), (1, 2)) + 0.3 * y[0]
    rows, columns = matching.search(x, y, (8, 10))
    for item in range(2):
        expected = naive(x[item].numpy(), y[item].numpy(), (8, 10))
        assert list(zip(rows[item].tolist(), columns[item].tolist(), strict=True)) == expected
    assert len({tuple(p) for p in expected}) > 4  # the search moves


def test_refining_takes_the_best_of_nine() -> None:
    x = opponent(smooth(1, 32, 64).double())
    y = x.roll((1, 3), (2, 3))
    start = matching.search(x, y, (16, 16))
    for shift in ((1, 0), (0, -1), (-1, 1)):
        rows = (start[0] + shift[0]).clamp(0, 16)
        columns = (start[1] + shift[1]).clamp(0, 48)
        again = matching.refine(x, y, (16, 16), rows, columns)
        assert torch.equal(again[0], start[0]) and torch.equal(again[1], start[1])


@pytest.mark.parametrize("reduction", [1, 2, 4])
def test_a_shifted_view_is_put_back(reduction: int) -> None:
    x = smooth(1)
    y = x.roll((3, 13), (2, 3))
    found = side_synthesis(x, y, y, (16, 16), reduction)
    wrong = (found != x).any(1)[:, 16:-16, 16:-16].float().mean()
    assert wrong < 0.02
    assert float((x != y).any(1).float().mean()) > 0.9


@pytest.mark.parametrize(("height", "width", "patch"), [(104, 176, (16, 16)), (16, 24, (16, 16)), (128, 256, (20, 24))])
def test_sizes_that_do_not_tile_are_continued_and_cut(height: int, width: int, patch: tuple[int, int]) -> None:
    """The rule: last row and column are repeated up to multiples of the patch, and the result is cut to size."""
    x = smooth(1, height, width)
    reduction = 4 if patch == (16, 16) else 1
    found = side_synthesis(x, x, x, patch, reduction)
    assert found.shape == x.shape and torch.equal(found, x)


def test_patches_come_from_the_original_side_view_and_carry_no_gradient() -> None:
    x = smooth(1, 32, 64).requires_grad_()
    found = side_synthesis(x, x, 7 + 0 * x, (16, 16))
    assert not found.requires_grad and bool((found == 7).all())


def test_flat_pictures_match_without_nan() -> None:
    flat = torch.full((1, 3, 32, 64), 0.25)
    assert torch.equal(side_synthesis(flat, flat, flat, (16, 16), 4), flat)


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


# Quantiser and loss


def test_quantiser_is_hard_forward_and_soft_backward() -> None:
    centres = Centres(CENTRES)
    z = torch.tensor([-3.0, -0.4, 0.6, 9.0], requires_grad=True)
    hard, symbols, soft = centres.assign(z)
    assert hard.tolist() == [-2.0, 0.0, 1.0, 3.0] and symbols.tolist() == [0, 2, 3, 5]
    assert torch.allclose(soft.sum(-1), torch.ones(4))
    hard.sum().backward()
    other = z.detach().clone().requires_grad_()
    weights = torch.softmax(-(other[:, None] - centres.values.detach()).square(), -1)
    (weights * centres.values.detach()).sum().backward()
    assert torch.allclose(z.grad, other.grad) and float(z.grad.abs().max()) > 0.3


@pytest.fixture(scope="module")
def small() -> Dsin:
    torch.manual_seed(1)
    network = DsinCodec.build(bench.codec_info("dsin"))
    assert isinstance(network, Dsin)
    return network


def test_the_loss_is_mae_and_bits_above_the_target(small: Dsin) -> None:
    """The gated loss has the hinge's value: 0.3 and 0.7 of both errors, and β for each bit a symbol too many."""
    how = Training(8, 10, 1e-3)
    small.train().phase(1.0, how)
    x, y = pictures(8, 32, 64).float() / 255, pictures(8, 32, 64).flip(3).float() / 255
    out = small(x, y, torch.arange(8))
    targets = torch.linspace(0.02, 4.0, 8)
    items = small.item_losses(out, x, y, targets, how)
    excess = (out["entropy"] - targets * 4).clamp_min(0)
    assert bool((excess > 0).any()) and bool((excess == 0).any())
    error = [255 * (out[k] - x).abs().mean((1, 2, 3)) for k in ("decoded", "recon")]
    expected = 0.3 * error[0] + 0.7 * error[1] + small.config.beta * excess
    assert torch.allclose(items["loss"], expected, rtol=1e-4)


def test_below_the_target_the_encoder_is_left_alone(small: Dsin) -> None:
    how = Training(8, 10, 1e-3)
    small.train().phase(1.0, how)
    x = pictures(8, 32, 64).float() / 255
    for target, moved in ((100.0, False), (0.001, True)):
        small.zero_grad()
        out = small(x, x, torch.arange(8))
        items = small.item_losses(out, x, x, torch.full((8,), target), how)
        error = 255 * (0.3 * (out["decoded"] - x).abs().mean() + 0.7 * (out["recon"] - x).abs().mean())
        (items["loss"].mean() - error).backward()
        gradient = small.encoder[0].weight.grad
        assert (float(gradient.abs().max()) > 1e-4) is moved
        assert float(small.context.last.weight.grad.abs().max()) > 1e-4


def test_training_starts_without_side_view_and_with_a_loose_target(small: Dsin) -> None:
    how = Training(8, 10, 1e-3, alone=0.5)
    x = pictures(8, 32, 64).float() / 255
    small.train().phase(0.0, how)
    assert small.slack == pytest.approx(math.log2(6))
    out = small(x, x, torch.arange(8))
    assert torch.equal(out["recon"], out["decoded"])
    small.phase(0.6, how)
    assert small.slack == 0 and not small.alone


# The codec


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory, small: Dsin) -> Path:
    """Weights of the seeded, untrained network."""
    path = tmp_path_factory.mktemp("weights") / "dsin.safetensors"
    DsinCodec.export(small.eval(), bench.codec_info("dsin"), None, path)
    return path


def test_sizes_of_the_presets() -> None:
    """The entropy model counts the taps that the mask leaves out, siNet its biases."""
    paper = DsinCodec.build(bench.codec_info("dsin", "paper"))
    assert isinstance(paper, Dsin)
    backbone = sum(p.numel() for part in (paper.encoder, paper.decoder) for p in part.parameters())
    assert 9.8e6 < backbone < 10.2e6
    assert sum(p.numel() for p in paper.context.parameters()) == pytest.approx(23_800, rel=0.02)
    assert sum(p.numel() for p in paper.sinet.parameters()) == pytest.approx(76_000, rel=0.02)
    assert DsinCodec.build(bench.codec_info("dsin")).coding_parameters() <= 900_000


@pytest.mark.parametrize("rate", ["r1", "r8"])
def test_bytes_decode_to_the_encoders_symbols(rate: str, stand_in: Path) -> None:
    codec = bench.load_codec("dsin", rate=rate, weights=stand_in).prepare()
    assert isinstance(codec, DsinCodec)
    x, y = pictures(2, 64, 96), pictures(2, 64, 96).roll(4, 3)
    payloads = codec.encode(x)
    recon = codec.decode(payloads, y)
    assert recon.dtype == torch.uint8 and recon.shape == x.shape
    one_by_one = torch.cat([codec.decode(payloads[i : i + 1], y[i : i + 1]) for i in range(2)])
    assert int((recon.int() - one_by_one.int()).abs().max()) <= 1
    for payload, best, guess in zip(payloads, codec.ideal_bits(x), codec.estimate_bits(x), strict=True):
        assert abs(payload.bits - float(best)) <= 48 + 1e-3 * float(best)
        assert -0.02 * float(guess) <= payload.bits - float(guess) <= 0.03 * float(guess) + 48


def test_the_side_view_reaches_the_picture(small: Dsin, stand_in: Path) -> None:
    """A new siNet passes the decoded picture on; with any last layer the side view shows."""
    small.eval()
    x, y = (pictures(1, 32, 64).float() / 255 for _ in range(2))
    rate = torch.tensor([3])
    latent = small.analyse(x, rate)
    with torch.no_grad():
        plain = small.synthesise(latent, rate, small.side(y, rate))
        small.sinet.last.weight.normal_(std=0.1)
        seen, other = (small.synthesise(latent, rate, small.side(side, rate)) for side in (y, 1 - y))
        small.sinet.last.weight.zero_()
    assert torch.allclose(plain, small.picture(latent, rate) * small.spread / 255 + small.mean / 255)
    assert not torch.allclose(seen, other, atol=1e-3)


def test_damaged_tables_are_refused(stand_in: Path, tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(stand_in, "pt") as file:
        about = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    tensors["tables.decision.counts"][7] += 1
    path = tmp_path / "changed.safetensors"
    save_file(tensors, path, about)
    with pytest.raises(BenchError, match="lacks sound coding tables"):
        bench.load_codec("dsin", rate="r1", weights=path).prepare()


def test_targets_stand_in_the_rate_points() -> None:
    info = bench.codec_info("dsin")
    targets = [point.setting["target_bpp"] for point in info.rates]
    assert len(targets) >= 6 and targets == sorted(targets) and 0.02 <= targets[0] < targets[-1] <= 0.3
    assert all(point.lmbda is None for point in info.rates)
    path = Path(recipe.__file__).parents[1] / "methods" / "dsin" / "recipe.toml"
    how = recipe.training(path, "base", "small")
    spine = recipe.training(path.parents[1] / "ndic" / "recipe.toml", "b18", "small")
    assert (how.batch * how.steps, how.augment) == (spine.batch * spine.steps, spine.augment)
    assert how.batch % len(targets) == 0


def test_paper_preset_trains_saves_loads_codes_and_decodes(tmp_path: Path) -> None:
    """Two steps on a small crop; then a file of the published size, written and read."""
    info = bench.codec_info("dsin", "paper")
    torch.manual_seed(0)
    network = DsinCodec.build(info)
    assert isinstance(network, Dsin)
    network.train()
    optimiser = torch.optim.Adam(network.parameters(), 1e-4)
    x, y = pictures(1, 64, 96).float() / 255, pictures(1, 64, 96).roll(5, 3).float() / 255
    running = network.encoder[0][1].running_mean.clone()
    losses, how = [], Training(1, 2, 1e-4)
    for _ in range(2):
        optimiser.zero_grad()
        items = network.item_losses(network(x, y, torch.zeros(1, dtype=torch.long)), x, y, torch.tensor([0.02]), how)
        items["loss"].sum().backward()
        optimiser.step()
        losses.append(float(items["loss"]))
    assert all(math.isfinite(loss) for loss in losses)
    assert not torch.equal(network.encoder[0][1].running_mean, running)
    path = tmp_path / "paper.safetensors"
    DsinCodec.export(network.eval(), info, "r1", path)
    codec = bench.load_codec("dsin", "paper", rate="r1", weights=path).prepare()
    pair = pictures(1, 40, 56)
    payloads = codec.encode(pair)
    assert codec.decode(payloads, pair.roll(3, 3)).shape == pair.shape
    estimate = float(codec.estimate_bits(pair)[0])
    assert 0.98 * estimate <= payloads[0].bits <= 1.03 * estimate + 48
