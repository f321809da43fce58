"""Ballé2018 and NDIC: sizes as published, bytes that decode, and weights files that are checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import bench
from bench import recipe
from bench.coding import Tables
from bench.errors import BenchError, BitstreamError, MissingWeights, UnknownName
from methods.layers import weights
from methods.layers.autoencoder import Autoencoder
from methods.layers.factorized import RateBottleneck
from methods.layers.latent_codec import LatentCodec

CODECS = ("balle2018:canonical", "ndic:b17", "ndic:b18")


def pictures(count: int, height: int = 128, width: int = 256) -> torch.Tensor:
    """Smooth random pictures, uint8 ``(count, 3, height, width)``."""
    rng = torch.Generator().manual_seed(7)
    coarse = torch.rand(count, 3, 6, 9, generator=rng)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    return smooth.clamp(0, 1).mul(255).round().to(torch.uint8)


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Weights files of seeded, untrained networks."""
    folder = tmp_path_factory.mktemp("weights")
    files = {}
    for name in CODECS:
        info = bench.codec_info(name)
        torch.manual_seed(1)
        files[name] = folder / f"{name.replace(':', '-')}.safetensors"
        LatentCodec.export(LatentCodec.build(info), info, None, files[name])
    return files


@pytest.mark.parametrize(
    ("name", "published", "quantiles"),
    [
        ("balle2017:base", 3_937_155, 576),
        ("balle2018:canonical", 10_144_899, 0),
        ("balle2018:ndic", 10_141_251, 576),
        ("ndic:b17", 16_323_270, 1728),
        ("ndic:b18", 25_025_094, 1728),
    ],
)
def test_paper_presets_have_the_published_size(name: str, published: int, quantiles: int) -> None:
    """The release's bottlenecks lack the quantiles that make real bytes possible: 3 a channel."""
    network = LatentCodec.build(bench.codec_info(name, "paper"))
    assert sum(p.numel() for p in network.parameters()) == published + quantiles


@pytest.mark.parametrize("name", CODECS)
def test_small_presets_stay_small(name: str) -> None:
    assert LatentCodec.build(bench.codec_info(name)).coding_parameters() <= 900_000


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("rate", ["r1", "r8"])
def test_bytes_decode_to_the_encoders_latent(name: str, rate: str, stand_ins: dict[str, Path]) -> None:
    codec = bench.load_codec(name, rate=rate, weights=stand_ins[name]).prepare()
    assert isinstance(codec, LatentCodec)
    x, y = pictures(3), pictures(3).flip(3)
    payloads = codec.encode(x)
    recon = codec.decode(payloads, y)
    assert recon.dtype == torch.uint8 and recon.shape == x.shape
    one_by_one = torch.cat([codec.decode(payloads[i : i + 1], y[i : i + 1]) for i in range(3)])
    assert int((recon.int() - one_by_one.int()).abs().max()) <= 1
    ideal, estimate = codec.ideal_bits(x), codec.estimate_bits(x)
    for payload, best, guess in zip(payloads, ideal, estimate, strict=True):
        assert abs(payload.bits - float(best)) <= 48 + 1e-3 * float(best)
        assert -0.02 * float(guess) <= payload.bits - float(guess) <= 0.03 * float(guess) + 48


def test_size_that_is_no_multiple_of_64(stand_ins: dict[str, Path]) -> None:
    codec = bench.load_codec("ndic", rate="r4", weights=stand_ins["ndic:b18"]).prepare()
    x = pictures(1, 100, 170)
    assert codec.decode(codec.encode(x), x).shape == x.shape


def test_the_side_view_reaches_the_decoder_only(stand_ins: dict[str, Path]) -> None:
    codec = bench.load_codec("ndic", rate="r4", weights=stand_ins["ndic:b18"]).prepare()
    x = pictures(1)
    payloads = codec.encode(x)
    assert not torch.equal(codec.decode(payloads, x), codec.decode(payloads, 255 - x))


def test_foreign_sections_are_refused(stand_ins: dict[str, Path]) -> None:
    codec = bench.load_codec("ndic", rate="r4", weights=stand_ins["ndic:b18"]).prepare()
    with pytest.raises(BitstreamError, match="latent"):
        codec.decode([bench.Payload({"other": b"abc"})], pictures(1))


def test_training_mode_fills_every_rate_in_turn() -> None:
    """The folded bottleneck charges item ``i`` under the densities of rate point ``i mod rates``."""
    torch.manual_seed(0)
    block = RateBottleneck(3, 4)
    z = 5 * torch.randn(4, 3, 2, 2)
    quantised, _ = block(z)
    for rate in range(4):
        expected = torch.round(z[rate : rate + 1] - block.medians(rate)) + block.medians(rate)
        assert torch.allclose(quantised[rate : rate + 1], expected)
    bits = block.bits(quantised, 2)
    alone = block.bits(quantised[1:2], 2)
    assert torch.allclose(bits[1], alone[0])


def test_unknown_preset_and_rate_name_what_there_is() -> None:
    with pytest.raises(UnknownName, match="r1"):
        bench.load_codec("ndic", rate="r99")
    with pytest.raises(UnknownName, match="small"):
        bench.codec_info("ndic", "medium")


def test_missing_weights_name_the_command() -> None:
    with pytest.raises(MissingWeights, match="bench train --method ndic"):
        bench.load_codec("ndic", "paper", rate="r1").prepare()


def test_changed_weights_are_refused(stand_ins: dict[str, Path], tmp_path: Path) -> None:
    data = bytearray(stand_ins["ndic:b18"].read_bytes())
    data[-5] ^= 1
    path = tmp_path / "changed.safetensors"
    path.write_bytes(bytes(data))
    codec = bench.load_codec("ndic", rate="r1")
    codec.weights = path
    point = bench.RatePoint("r1", 0, weights=path, sha256="0" * 64)
    codec.rate = point
    with pytest.raises(BenchError, match="sha256"):
        codec.prepare()


def test_weights_of_another_codec_are_refused(stand_ins: dict[str, Path]) -> None:
    with pytest.raises(BenchError, match="holds weights of balle2018"):
        bench.load_codec("ndic", rate="r1", weights=stand_ins["balle2018:canonical"]).prepare()


def test_truncated_weights_are_refused(stand_ins: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "short.safetensors"
    path.write_bytes(stand_ins["ndic:b18"].read_bytes()[:5000])
    with pytest.raises(BenchError, match="safetensors"):
        bench.load_codec("ndic", rate="r1", weights=path).prepare()


def test_weights_with_nan_are_refused(tmp_path: Path) -> None:
    info = bench.codec_info("balle2018")
    network = LatentCodec.build(info)
    path = tmp_path / "nan.safetensors"
    LatentCodec.export(network, info, None, path)
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(path, "pt") as file:
        about = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    tensors["g_a.0.bias"][0] = float("nan")
    save_file(tensors, path, about)
    with pytest.raises(BenchError, match="not finite"):
        bench.load_codec("balle2018", rate="r1", weights=path).prepare()


def test_stored_tables_are_those_of_the_rounded_weights(stand_ins: dict[str, Path]) -> None:
    codec = bench.load_codec("ndic:b17", rate="r3", weights=stand_ins["ndic:b17"]).prepare()
    assert isinstance(codec, LatentCodec)
    tables = codec._coder.tables.factorized
    assert isinstance(tables, Tables) and len(tables) == 8 * 64
    masses, _ = codec._coder.prior.latent.pmfs()
    row = 3 * 64 + 5
    kept = tables.counts[row, : tables.lengths[row]] / 2**24
    assert np.abs(kept - masses[row]).max() < 1e-5


def test_paper_preset_codes_with_weights_of_one_rate(tmp_path: Path) -> None:
    info = bench.codec_info("ndic:b17", "paper")
    torch.manual_seed(2)
    network = LatentCodec.build(info)
    assert isinstance(network, Autoencoder) and network.rates == 1 and network.config.own
    path = tmp_path / "paper.safetensors"
    LatentCodec.export(network, info, "r2", path)
    codec = bench.load_codec("ndic:b17", "paper", rate="r2", weights=path).prepare()
    x = pictures(1)
    assert codec.decode(codec.encode(x), x).shape == x.shape
    with pytest.raises(BenchError, match="holds the weights of r2, not of r5"):
        bench.load_codec("ndic:b17", "paper", rate="r5", weights=path).prepare()


@pytest.mark.parametrize("change", ["gone", "counts", "fewer"])
def test_damaged_tables_are_refused(change: str, stand_ins: dict[str, Path], tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(stand_ins["ndic:b18"], "pt") as file:
        about = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    if change == "gone":
        del tensors["tables.gaussian.counts"]
    elif change == "counts":
        tensors["tables.gaussian.counts"][7] += 1
    else:
        tensors["tables.levels"] = tensors["tables.levels"][:9].clone()
    path = tmp_path / "changed.safetensors"
    save_file(tensors, path, about)
    with pytest.raises(BenchError, match="lacks sound coding tables"):
        bench.load_codec("ndic", rate="r1", weights=path).prepare()


def test_recipes_state_a_training_for_every_preset() -> None:
    for name in ("balle2018", "ndic"):
        path = weights.recipe_path(name)
        for variant, presets in recipe.read(path)["variants"].items():
            for preset in presets:
                how = recipe.training(path, variant, preset)
                assert how.batch % (len(bench.codec_info(name, preset, variant).rates) if preset == "small" else 1) == 0


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import save_file

    info = bench.codec_info("balle2018")
    path = tmp_path / "narrow.safetensors"
    LatentCodec.export(LatentCodec.build(info), info, None, path)
    with safe_open(path, "pt") as file:
        about = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    tensors["g_a.0.weight"] = tensors["g_a.0.weight"][:5].contiguous()
    save_file(tensors, path, about)
    with pytest.raises(BenchError, match=r"another architecture than balle2018:canonical \(small\): size mismatch"):
        bench.load_codec("balle2018", rate="r1", weights=path).prepare()
