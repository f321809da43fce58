"""DSIN: quantiser and loss, bytes that decode, and the published size."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
import torch
from dsin_samples import CENTRES, pictures

import bench
from bench import recipe
from bench.errors import BenchError
from bench.training import Training
from methods.dsin.codec import DsinCodec
from methods.dsin.network import Dsin
from methods.dsin.quantiser import Centres

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


def test_the_loss_is_mae_and_priced_bits(small: Dsin) -> None:
    """0.3 and 0.7 of both errors, and each bit a symbol at its rate point's price, over the price's root."""
    rate = torch.arange(8)
    small.eval().log_price = torch.linspace(0, 4, 8)
    x, y = pictures(8, 32, 64).float() / 255, pictures(8, 32, 64).flip(3).float() / 255
    out = small(x, y, rate)
    items = small.item_losses(out, x, y, torch.full((8,), 0.1), Training(8, 10, 1e-3))
    error = [255 * (out[k] - x).abs().mean((1, 2, 3)) for k in ("decoded", "recon")]
    price = torch.linspace(0, 4, 8).exp()
    assert torch.allclose(
        items["loss"], (0.3 * error[0] + 0.7 * error[1] + price * out["entropy"]) / price.sqrt(), rtol=1e-4
    )
    assert torch.equal(small.log_price, torch.linspace(0, 4, 8))  # it moves in training alone


def test_the_price_rises_above_the_target_and_falls_below(small: Dsin) -> None:
    small.train().phase(1.0, Training(8, 10, 1e-3))
    before = torch.tensor([1.0] * 7 + [0.0])
    small.log_price = before.clone()
    x = pictures(8, 32, 64).float() / 255
    out = small(x, x, torch.arange(8))
    share = torch.tensor([0.01, 0.5, 0.9, 1.0, 1.1, 2.0, 100.0, 0.5])
    small.item_losses(out, x, x, out["entropy"].detach() / share * small.config.latent / 64, Training(8, 10, 1e-3))
    moved = before + small.config.pace * share.log().clamp(-1, 1)
    assert torch.allclose(small.log_price, moved.clamp_min(0), atol=1e-6) and float(moved[-1]) < 0


def test_rates_that_stayed_below_their_target_do_not_end_as_one_point(small: Dsin) -> None:
    small.settle()  # no rate point has met its target yet: nothing to part
    before = {name: value.clone() for name, value in small.state_dict().items()}
    assert torch.equal(before["importance"], torch.linspace(-1.5, 1.5, 8))
    with torch.no_grad():
        small.importance[5:] = torch.tensor([0.5, 2.0, 2.0])
    small.log_price = torch.tensor([4.0, 3.0, 2.0, 1.0, 0.5, 0.2, 1e-3, 0.0])
    small.settle()
    assert small.importance[5:].tolist() == pytest.approx([0.5, 1.25, 2.0])
    gains = small.gain.log.exp()
    assert torch.allclose(gains[6], (gains[5] * gains[7]).sqrt())
    assert torch.equal(small.gain.log[:6], before["gain.log"][:6])
    again = small.importance.clone()
    small.settle()
    assert torch.equal(small.importance, again)


def test_export_settles_the_network(small: Dsin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    monkeypatch.setattr(Dsin, "settle", lambda network: told.append(network))
    DsinCodec.export(copy.deepcopy(small), bench.codec_info("dsin"), None, tmp_path / "weights.safetensors")
    assert len(told) == 1 and (tmp_path / "weights.safetensors").stat().st_size > 10_000


def test_the_rate_reaches_the_encoder_through_soft_symbols(small: Dsin) -> None:
    """A step against the bits' gradient alone takes bits off."""
    torch.manual_seed(3)
    network = copy.deepcopy(small).train()
    network.phase(0.0, Training(8, 10, 1e-3, alone=0.5))
    x = pictures(8, 32, 64).float() / 255
    before = network(x, x, torch.arange(8))
    before["entropy"].mean().backward()
    with torch.no_grad():
        for parameter in network.encoder.parameters():
            parameter -= 0.01 * parameter.grad / (parameter.grad.norm() + 1e-9)
    after = network(x, x, torch.arange(8))
    assert float(after["bits"].mean()) < float(before["bits"].mean())


def test_no_channel_of_the_latent_is_pushed_beyond_the_centres(small: Dsin) -> None:
    """There the picture's error gives it no gradient; a network once ended with nearly all of its latent out there."""
    z = torch.tensor([9.0, -8.0]).requires_grad_()
    small.centres.assign(z)[0].sum().backward()
    assert float(z.grad.abs().max()) < 1e-4
    network = copy.deepcopy(small).train()
    with torch.no_grad():
        for parameter in network.encoder.parameters():  # as rough a push as training can give
            parameter += 0.3
    latent = network.encoder(network.normalise(pictures(8, 32, 64).float() / 255))
    assert torch.allclose(latent.mean((0, 2, 3)), torch.zeros(network.config.latent + 1), atol=1e-3)
    assert torch.allclose(latent.var((0, 2, 3), correction=0), torch.ones(network.config.latent + 1), atol=1e-2)


def test_training_starts_without_side_view(small: Dsin) -> None:
    how = Training(8, 10, 1e-3, alone=0.5)
    x = pictures(8, 32, 64).float() / 255
    small.train().phase(0.0, how)
    out = small(x, x, torch.arange(8))
    assert torch.equal(out["recon"], out["decoded"])
    small.phase(0.6, how)
    assert not small.alone


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
