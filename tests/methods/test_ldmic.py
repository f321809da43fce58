"""LDMIC: sizes as published, both context models causal, steps equal to whole maps, bytes that decode."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
import torch

import bench
from bench.coding import StreamDecoder, StreamEncoder
from bench.errors import BenchError, BitstreamError
from methods.ldmic.codec import LDMICCodec
from methods.ldmic.coder import ContextCoder
from methods.ldmic.context import ContextPrior, anchors
from methods.ldmic.network import LDMIC
from methods.ldmic.transfer import EfficientAttention, JointContextTransfer, SmallTransfer

CODECS = ("ldmic:ar", "ldmic:fast")


def pictures(count: int, height: int = 128, width: int = 256) -> torch.Tensor:
    """Smooth random pictures, uint8 ``(count, 3, height, width)``."""
    rng = torch.Generator().manual_seed(7)
    coarse = torch.rand(count, 3, 6, 9, generator=rng)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    return smooth.clamp(0, 1).mul(255).round().to(torch.uint8)


def network(name: str, preset: str = "small") -> LDMIC:
    """A seeded, untrained network whose context matters as much as a trained one's."""
    torch.manual_seed(1)
    made = LDMICCodec.build(bench.codec_info(name, preset))
    assert isinstance(made, LDMIC)
    with torch.no_grad():
        made.prior.context_prediction.weight *= 4
        made.prior.entropy_parameters[-1].weight *= 3
        made.prior.down[-1].weight *= 40  # else every hyper-latent rounds to 0
    return made


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Weights files of seeded, untrained networks."""
    folder = tmp_path_factory.mktemp("weights")
    files = {name: folder / f"{name[6:]}.safetensors" for name in CODECS}
    for name, path in files.items():
        LDMICCodec.export(network(name), bench.codec_info(name), None, path)
    return files


def loaded(name: str, stand_ins: dict[str, Path], rate: str = "r8") -> LDMICCodec:
    codec = bench.load_codec(name, rate=rate, weights=stand_ins[name]).prepare()
    assert isinstance(codec, LDMICCodec)
    return codec


@pytest.mark.parametrize("name", CODECS)
def test_paper_presets_have_the_published_size(name: str) -> None:
    """20,309,219 with the hyper-latent's 192 · 3 quantiles; the same for both variants."""
    made = LDMICCodec.build(bench.codec_info(name, "paper"))
    counts = {key: value.numel() for key, value in made.named_parameters()}
    assert sum(counts.values()) == 20_309_219
    assert sum(count for key, count in counts.items() if key.endswith("quantiles")) == 576


@pytest.mark.parametrize("name", CODECS)
def test_small_presets_stay_small(name: str, stand_ins: dict[str, Path]) -> None:
    assert LDMICCodec.build(bench.codec_info(name)).coding_parameters() <= 900_000
    assert stand_ins[name].stat().st_size <= 1_800_000


@pytest.mark.parametrize("name", CODECS)
def test_every_parameter_learns(name: str) -> None:
    made = network(name)
    x = pictures(8, 64, 64).float() / 255
    out = made(x, x.flip(3), torch.arange(8))
    assert out["recon"].shape == x.shape and out["bits"].shape == (8,)
    (out["bits"].mean() / 4096 + (out["recon"] - x).square().mean()).backward()
    made.aux_loss().backward()
    assert [key for key, value in made.named_parameters() if value.grad is None or not value.grad.any()] == []


def moved(prior: ContextPrior, row: int, column: int) -> torch.Tensor:
    """Positions whose density changes with the latent at one position, bool ``(7, 9)``."""
    torch.manual_seed(3)
    latent, hyper = torch.randn(1, 64, 7, 9).double(), torch.randn(1, 128, 7, 9).double()
    before = prior.density(hyper, latent)
    latent[:, :, row, column] += 1
    after = prior.density(hyper, latent)
    changed = (after.mean != before.mean) | (after.scale != before.scale)
    return changed[0].any(0)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, 4), (4, 4), (6, 8), (2, 8)])
def test_the_autoregressive_context_sees_the_past_alone(row: int, column: int) -> None:
    changed = moved(network("ldmic:ar").double().prior, row, column)
    rows, columns = torch.meshgrid(torch.arange(7) - row, torch.arange(9) - column, indexing="ij")
    later = (rows > 0) | ((rows == 0) & (columns > 0))
    assert torch.equal(changed, later & (rows <= 2) & (columns.abs() <= 2))


@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, 4), (4, 4), (6, 8), (2, 7)])
def test_the_checkerboard_context_reaches_from_anchors_to_the_others_alone(row: int, column: int) -> None:
    changed = moved(network("ldmic:fast").double().prior, row, column)
    if (row + column) % 2 == 0:  # coded last: nothing may depend on it
        assert not changed.any()
        return
    rows, columns = torch.meshgrid(torch.arange(7) - row, torch.arange(9) - column, indexing="ij")
    odd = (rows + columns).remainder(2) == 1
    assert torch.equal(changed, odd & (rows.abs() <= 2) & (columns.abs() <= 2))
    assert not (changed & anchors(7, 9)).any()


@pytest.mark.parametrize("name", CODECS)
def test_steps_equal_the_whole_map(name: str, stand_ins: dict[str, Path]) -> None:
    """What is computed a position at a time is the masked convolution over the finished map."""
    codec = loaded(name, stand_ins)
    coder, latent = codec._coder, codec._latents(pictures(1))[0]
    assert isinstance(coder, ContextCoder)
    walk = coder._dry(latent)
    whole = coder.hyper.density(coder.hyper.up(coder._known(latent)), walk.values)
    order = np.concatenate(coder._steps(*latent.shape[2:]))

    def in_order(maps: torch.Tensor) -> np.ndarray:
        return maps[0].flatten(1).T.numpy()[order].ravel()

    assert len(np.unique(walk.index)) > 3
    assert np.abs(in_order(whole.scale) - walk.scale).max() < 1e-11
    assert np.abs(in_order(walk.values - whole.mean) - walk.symbols).max() < 1e-11
    assert np.abs(in_order(latent - walk.values)).max() < 0.5 + 1e-11


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("rate", ["r1", "r8"])
def test_bytes_decode_to_the_encoders_latent(name: str, rate: str, stand_ins: dict[str, Path]) -> None:
    codec = loaded(name, stand_ins, rate)
    x, y = pictures(2), pictures(2).flip(3)
    payloads = codec.encode(x)
    for payload, latent in zip(payloads, codec._latents(x), strict=True):
        decoded = codec._coder.decode(StreamDecoder(payload.sections["latent"]), (8, 16))
        assert isinstance(codec._coder, ContextCoder)
        assert torch.equal(decoded, codec._coder._dry(latent).values)
    recon = codec.decode(payloads, y)
    assert recon.dtype == torch.uint8 and recon.shape == x.shape
    ideal, estimate = codec.ideal_bits(x), codec.estimate_bits(x)
    for payload, best, guess in zip(payloads, ideal, estimate, strict=True):
        assert abs(payload.bits - float(best)) <= 48 + 1e-3 * float(best)
        assert -0.02 * float(guess) <= payload.bits - float(guess) <= 0.03 * float(guess) + 48


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize(("height", "width"), [(100, 170), (16, 16), (65, 64)])
def test_any_size(name: str, height: int, width: int, stand_ins: dict[str, Path]) -> None:
    codec = loaded(name, stand_ins)
    x = pictures(1, height, width)
    assert codec.decode(codec.encode(x), x).shape == x.shape


@pytest.mark.parametrize("name", CODECS)
def test_damaged_streams_give_a_picture_or_an_error(name: str, stand_ins: dict[str, Path]) -> None:
    codec = loaded(name, stand_ins)
    x = pictures(1)
    data, rng = codec.encode(x)[0].sections["latent"], np.random.default_rng(0)
    damaged = [b"", data[:9], bytes(255 - byte for byte in data), rng.bytes(40), rng.bytes(4000)]
    for stream in damaged:
        with contextlib.suppress(BitstreamError):
            assert codec.decode([bench.Payload({"latent": stream})], x).shape == x.shape


def test_densities_that_are_not_finite_are_a_damaged_file(stand_ins: dict[str, Path]) -> None:
    coder = loaded("ldmic:ar", stand_ins)._coder
    assert isinstance(coder, ContextCoder)
    share = coder.density.hyper_share(np.zeros((1, 128)))
    with pytest.raises(BitstreamError, match="damaged"):
        coder.density(share, np.full((1, 12 * 64), np.inf))


@pytest.mark.parametrize("name", CODECS)
def test_the_side_view_reaches_the_decoder_only(name: str, stand_ins: dict[str, Path]) -> None:
    codec = loaded(name, stand_ins)
    x = pictures(1)
    payloads = codec.encode(x)
    assert not torch.equal(codec.decode(payloads, x), codec.decode(payloads, 255 - x))


@pytest.mark.parametrize("checkerboard", [False, True])
def test_orders_of_the_released_entropy_parameters(checkerboard: bool) -> None:
    """LDMIC reads (hyper, context) and gives (mean, scale); LDMIC-Fast the other way round in both."""
    prior = ContextPrior(3, 2, 0, 1, "joint", 6, (), checkerboard)
    layer = prior.entropy_parameters[0]
    with torch.no_grad():
        layer.weight.copy_(torch.eye(6, 12)[:, :, None, None])
        layer.bias.zero_()
    hyper, context = torch.full((1, 6, 2, 2), 3.0), torch.full((1, 6, 2, 2), 7.0)
    hyper[:, 3:], context[:, 3:] = 4.0, 8.0
    mean, scale = prior.combine(hyper, context)
    assert [float(mean.mean()), float(scale.mean())] == ([8.0, 7.0] if checkerboard else [3.0, 4.0])


def test_attention_is_efficient_attention() -> None:
    """Against its definition: normalised keys gather the other view's values, normalised queries read them."""
    torch.manual_seed(0)
    attention = EfficientAttention(12, 4, 6, 2, 12)
    own, other = torch.randn(1, 12, 3, 5), torch.randn(1, 12, 3, 5)
    keys, queries, values = (
        layer(view)[0].flatten(1)
        for layer, view in ((attention.keys, other), (attention.queries, own), (attention.values, other))
    )
    read = torch.zeros(6, 15)
    for position in range(15):
        for head in range(2):
            key = torch.softmax(keys[2 * head : 2 * head + 2], 1)
            query = torch.softmax(queries[2 * head : 2 * head + 2, position], 0)
            weight = (query[:, None] * key).sum(0)  # of each position of the other view
            read[3 * head : 3 * head + 3, position] = (values[3 * head : 3 * head + 3] * weight).sum(1)
    expected = attention.reprojection(read.view(1, 6, 3, 5))
    assert torch.allclose(attention(own, other), expected, atol=1e-6)


@pytest.mark.parametrize("block", [JointContextTransfer(8, 4, 6, 2), SmallTransfer(8, 6, 4, 1)])
def test_both_views_are_treated_alike(block: JointContextTransfer) -> None:
    x, y = torch.randn(2, 8, 4, 6), torch.randn(2, 8, 4, 6)
    first, second = block.both(x, y)
    assert torch.allclose(first, block(x, y), atol=1e-6) and torch.allclose(second, block(y, x), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", CODECS)
def test_paper_preset_trains_and_codes(name: str, tmp_path: Path) -> None:
    info = bench.codec_info(name, "paper")
    made = network(name, "paper")
    x = pictures(2).float() / 255
    optimiser, losses = torch.optim.Adam(made.parameters(), 1e-4), []
    for _ in range(3):
        out = made(x, x.flip(3), torch.zeros(2, dtype=torch.long))
        loss = 255**2 * 1e-3 * (out["recon"] - x).square().mean() + out["bits"].mean() / 128 / 256
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    path = tmp_path / "paper.safetensors"
    LDMICCodec.export(made, info, "r2", path)
    codec = bench.load_codec(name, "paper", rate="r2", weights=path).prepare()
    assert isinstance(codec, LDMICCodec)
    payloads = codec.encode(pictures(1))
    assert codec.decode(payloads, pictures(1)).shape == (1, 3, 128, 256)
    assert abs(payloads[0].bits - float(codec.ideal_bits(pictures(1)))) <= 48 + 1e-3 * payloads[0].bits
    with pytest.raises(BenchError, match="holds the weights of r2, not of r5"):
        bench.load_codec(name, "paper", rate="r5", weights=path).prepare()


def test_one_coder_call_a_step(stand_ins: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """128 positions in turn, or two halves of the board, after the hyper-latent's one call."""
    sizes: list[int] = []
    monkeypatch.setattr(StreamEncoder, "encode", lambda self, s, i, t: sizes.append(len(i)) or t.clamp(s, i))
    for name in CODECS:
        codec = loaded(name, stand_ins)
        codec._coder.encode(codec._latents(pictures(1))[0], StreamEncoder())
    hyper = 16 * 2 * 4
    assert sizes == [hyper, *[64] * 128, hyper, 64 * 64, 64 * 64]
