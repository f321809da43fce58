"""ATN: the published size, attention that follows the side view, one picture size, bytes that decode."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import bench
from bench.errors import BenchError
from methods.atn.attention import CrossAttention
from methods.atn.codec import ATNCodec


def pictures(count: int) -> torch.Tensor:
    """Smooth random pictures, uint8 ``(count, 3, 128, 256)``."""
    rng = torch.Generator().manual_seed(7)
    coarse = torch.rand(count, 3, 6, 9, generator=rng)
    smooth = torch.nn.functional.interpolate(coarse, (128, 256), mode="bicubic")
    return smooth.clamp(0, 1).mul(255).round().to(torch.uint8)


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights file of a seeded, untrained network."""
    info, path = bench.codec_info("atn"), tmp_path_factory.mktemp("weights") / "atn.safetensors"
    torch.manual_seed(1)
    ATNCodec.export(ATNCodec.build(info), info, None, path)
    return path


def test_paper_preset_has_the_published_size() -> None:
    """29,711,526 parameters, and three quantiles a channel in each of three bottlenecks."""
    network = ATNCodec.build(bench.codec_info("atn", "paper"))
    assert sum(p.numel() for p in network.parameters()) == 29_711_526 + 3 * 3 * 192
    blocks = [sum(p.numel() for p in block.parameters()) for block in network.attend]
    assert [round(count / 1e6, 2) for count in blocks] == [3.70, 3.77, 4.07]


def test_small_preset_stays_small() -> None:
    assert ATNCodec.build(bench.codec_info("atn")).coding_parameters() <= 900_000


def attention(channels: int = 2) -> tuple[CrossAttention, torch.Tensor, torch.Tensor]:
    """A seeded module and feature maps of both views, 8×16."""
    torch.manual_seed(3)
    return CrossAttention(8, 16, 6, 2, 5, 0.0), torch.randn(1, channels, 8, 16), torch.randn(1, channels, 8, 16)


def test_patches_are_cut_and_folded_in_place() -> None:
    module, maps, _ = attention(3)
    tokens = module._cut(maps)
    assert tokens.shape == (1, 3 * 16, 2 * 4)
    assert torch.equal(module._fold(tokens, 3), maps)
    # Token 16·c + 4·i + j is the patch in row i and column j of channel c's grid.
    assert torch.equal(tokens[0, 16 * 2 + 4 * 1 + 3].view(2, 4), maps[0, 2, 2:4, 12:16])


def test_attention_is_the_written_out_formula() -> None:
    """One softmax over all tokens of ``y`` a query and head, scaled by the root of the head's width."""
    module, x, y = attention()
    tokens_x, tokens_y = (
        module.norm(embed(module._cut(maps))) for embed, maps in ((module.embed_x, x), (module.embed_y, y))
    )
    heads = []
    for head in range(2):
        rows = slice(5 * head, 5 * head + 5)
        queries = tokens_x[0] @ module.attn.to_qkv_x.weight[:10][rows].T
        keys = tokens_y[0] @ module.attn.to_qkv_y.weight[10:20][rows].T
        values = tokens_y[0] @ module.attn.to_qkv_y.weight[20:][rows].T
        heads.append((queries @ keys.T / 5**0.5).softmax(1) @ values)
    expected = module._fold(module.unpack(module.attn.to_out(torch.cat(heads, 1)))[None], 2)
    assert torch.allclose(module(x, y), expected, atol=1e-6)


def test_attention_has_no_positions() -> None:
    """Moving ``y``'s patches about changes nothing: tokens are found by what they hold."""
    module, x, y = attention()
    moved = module._fold(module._cut(y).flip(1), 2)
    assert torch.allclose(module(x, y), module(x, moved), atol=1e-6)


def test_bytes_decode_and_the_side_view_reaches_the_decoder_only(stand_in: Path) -> None:
    codec = bench.load_codec("atn", rate="r5", weights=stand_in).prepare()
    x, y = pictures(2), pictures(2).flip(3)
    payloads = codec.encode(x)
    recon = codec.decode(payloads, y)
    assert recon.shape == x.shape and recon.dtype == torch.uint8
    assert (
        int((torch.cat([codec.decode(payloads[i : i + 1], y[i : i + 1]) for i in (0, 1)]).int() - recon).abs().max())
        <= 1
    )
    assert not torch.equal(recon, codec.decode(payloads, 255 - y))
    for payload, guess in zip(payloads, codec.estimate_bits(x).tolist(), strict=True):
        assert -0.02 * guess <= payload.bits - guess <= 0.03 * guess + 48


@pytest.mark.parametrize("size", [(128, 192), (64, 256)])
def test_other_sizes_are_refused(size: tuple[int, int], stand_in: Path) -> None:
    codec = bench.load_codec("atn", rate="r1", weights=stand_in).prepare()
    with pytest.raises(BenchError, match=rf"takes pictures of 128x256 only, not of {size[0]}x{size[1]}"):
        codec.encode(pictures(1)[..., : size[0], : size[1]])


def test_side_view_is_trained_and_charged_in_the_paper_preset_only() -> None:
    network = ATNCodec.build(bench.codec_info("atn")).train()
    x = torch.rand(8, 3, 128, 256)
    assert set(network(x, x, torch.arange(8))) == {"recon", "bits"}
    names = {name.split(".")[0] for name, _ in ATNCodec.build(bench.codec_info("atn", "paper")).named_parameters()}
    assert names >= {"own_prior", "common_prior"}


def test_the_scale_of_the_side_views_features_cannot_run_away() -> None:
    torch.manual_seed(1)
    network = ATNCodec.build(bench.codec_info("atn")).eval()
    latent, rate = torch.zeros(1, network.config.latent, 8, 16), torch.tensor([3])
    with torch.no_grad():
        side = network.side(pictures(1).float() / 255)
        plain, grown = (network.synthesise(latent, rate, side._replace(own=side.own * by)) for by in (1.0, 1e6))
    assert float(plain.std()) > 0 and torch.allclose(plain, grown, atol=1e-4)
