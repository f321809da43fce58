"""Official checkpoints: what the authors' code computes with their weights, ours computes from the imported ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import official_ldmic
import official_releases as release
import pytest
import torch
from torch import Tensor

import bench
from bench.errors import BenchError
from methods.layers.latent_codec import LatentCodec


def expected(name: str, state: release.State, x: Tensor, y: Tensor) -> tuple[Tensor, float]:
    """Reconstruction in grey levels, and bits, of the release's own formulas in float64."""
    double = {key: value.double() for key, value in state.items()}
    x, y = x.double() / 255, y.double() / 255
    if name == "balle2017":
        latent = torch.round(release.analyse(double, x, kernels=(9, 5, 5)))
        recon = release.synthesise2017(double, latent)
        return levels(recon), release.density_bits(state, "entropy_bottleneck", latent)
    latent = release.analyse(double, x)
    rounded = torch.round(latent)
    if name.startswith("ndic:b17"):
        bits = release.density_bits(state, "entropy_bottleneck_hx", rounded)
    else:
        parts = ("_primary_image", "_sigma_x") if name.startswith("ndic") else ("", "")
        z, sigma = release.scales(double, f"ha{parts[0]}", f"hs{parts[0]}", latent)
        bits = release.density_bits(state, f"entropy_bottleneck{parts[1]}", z) + release.gaussian_bits(rounded, sigma)
    if name.startswith("ndic"):
        rounded = torch.cat([rounded, release.analyse(double, y, "_w")], 1)
    order = (1, 2, 2, 4) if name.endswith("-release") else (1, 2, 3, 4)
    return levels(release.synthesise(double, rounded, order)), bits


def levels(picture: Tensor) -> Tensor:
    return picture.clamp(0, 1).mul(255).round()


@pytest.mark.parametrize("name", release.RELEASES)
def test_official_weights_give_the_official_picture_and_bits(name: str) -> None:
    shapes, how = release.RELEASES[name]
    state = release.stand_ins(shapes, **how)
    x, y = release.pictures(1, 64, 128), release.pictures(2, 64, 128)[1:]
    codec = bench.load_codec(name, "paper", rate="r1", official=state).prepare()
    assert isinstance(codec, LatentCodec)
    recon, bits = expected(name, state, x, y)
    payloads = codec.encode(x)
    decoded = codec.decode(payloads, y)
    assert float(decoded.float().std()) > 5  # stand-ins that give a flat picture would prove nothing
    assert float((decoded.double() - recon).abs().max()) <= 1
    assert float(codec.estimate_bits(x)[0]) == pytest.approx(bits, rel=1e-3)
    assert payloads[0].bits == pytest.approx(float(codec.ideal_bits(x)[0]), abs=48)


@pytest.mark.slow
def test_atn_attends_as_the_official_code() -> None:
    add = {f"ca{i}.norm.weight": 1.0 for i in (1, 2, 3)} | release.FADE["add"]
    state = release.stand_ins(release.atn(), release.FADE["scale"], add)
    x, y = release.pictures(1, 128, 256), release.pictures(2, 128, 256)[1:]
    codec = bench.load_codec("atn", "paper", rate="r1", official=state).prepare()
    assert isinstance(codec, LatentCodec)
    double = {key: value.double() for key, value in state.items()}
    with torch.no_grad():
        latent = torch.round(release.analyse(double, x.double() / 255)).float()
        own, common = (release.analyse(state, y.float() / 255, suffix) for suffix in ("_cor", "_w"))
        recon = levels(release.synthesise_atn(state, latent, own, common))
    payloads = codec.encode(x)
    decoded = codec.decode(payloads, y)
    assert float(decoded.float().std()) > 5
    assert float((decoded.float() - recon).abs().max()) <= 1
    bits = release.density_bits(state, "entropy_bottleneck_hx", latent)
    assert float(codec.estimate_bits(x)[0]) == pytest.approx(bits, rel=1e-3)
    assert payloads[0].bits == pytest.approx(float(codec.ideal_bits(x)[0]), abs=48)


@pytest.mark.parametrize("name", ["ldmic:ar", "ldmic:fast"])
def test_ldmic_codes_as_the_official_code(name: str) -> None:
    from compressai.entropy_models import EntropyBottleneck

    last = "decoder_2.2"
    state = release.stand_ins(
        official_ldmic.shapes(), {f"{last}.weight": 7e-7}, {f"{last}.bias": 0.5}, official_ldmic.transposed
    )
    rng = torch.Generator().manual_seed(3)
    centre = torch.rand(192, 1, 1, generator=rng) - 0.5
    state["hyperprior.entropy_bottleneck.quantiles"] = centre + torch.tensor([-9.0, 0.0, 9.0])
    buffers = ("hyperprior.entropy_bottleneck._offset", "gaussian_conditional.scale_table", "context_prediction.mask")
    whole = {"epoch": 1, "state_dict": {**state, **{key: torch.zeros(4) for key in buffers}}}
    codec = bench.load_codec(name, "paper", rate="r1", official=whole).prepare()
    assert isinstance(codec, LatentCodec)
    x, y = release.pictures(1, 64, 64), release.pictures(2, 64, 64)[1:]
    double = {key: value.double() for key, value in state.items()}
    with torch.no_grad():
        latent, side = (official_ldmic.encode(double, view.double() / 255) for view in (x, y))
        z, features = official_ldmic.hyper(double, latent, centre.double().view(1, -1, 1, 1))
        known, means, scales = official_ldmic.quantise(double, latent, features, name == "ldmic:fast")
        recon = levels(official_ldmic.decode(double, known, side))
        density = EntropyBottleneck(192)
        own = {key.rpartition(".")[2]: value for key, value in state.items() if "entropy_bottleneck" in key}
        density.load_state_dict(density.state_dict() | own)
        of_z = -torch.log2(density.double().eval()(z)[1]).sum()
    bits = float(of_z) + release.gaussian_bits(known - means, scales)
    payloads = codec.encode(x)
    decoded = codec.decode(payloads, y)
    assert float(decoded.float().std()) > 5
    assert float((decoded.double() - recon).abs().max()) <= 1
    assert float(codec.estimate_bits(x)[0]) == pytest.approx(bits, rel=1e-3)
    assert payloads[0].bits == pytest.approx(float(codec.ideal_bits(x)[0]), abs=48)


@pytest.fixture(scope="module")
def reference() -> tuple[dict[str, Any], Any]:
    folder = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
    if not (folder / "ndic_b17.npz").is_file():
        pytest.skip(f"reference vectors of the official code are not beside this checkout (looked for {folder})")
    return json.loads((folder / "ndic_b17.json").read_text()), np.load(folder / "ndic_b17.npz")


def test_ndic_agrees_with_the_official_codes_vectors(reference: tuple[dict[str, Any], Any]) -> None:
    about, arrays = reference
    assert {key: tuple(shape) for key, shape in about["shapes"].items()} == release.ndic(hyperprior=False)
    state = release.stand_ins({k: tuple(v) for k, v in about["shapes"].items()}, about["scale"], about["bias_add"])
    codec = bench.load_codec("ndic:b17", "paper", rate="r1", official=state).prepare()
    assert isinstance(codec, LatentCodec)
    x, y = torch.from_numpy(arrays["x"]), torch.from_numpy(arrays["y"])
    recon = codec.decode(codec.encode(x), y)
    assert int((recon.int() - torch.from_numpy(arrays["recon"]).int()).abs().max()) <= 1
    of_x, of_y, of_common = (torch.tensor(bits, dtype=torch.float64) for bits in about["bits"])
    assert torch.allclose(codec.estimate_bits(x), of_x, rtol=1e-3, atol=0)
    with torch.no_grad():  # the branch that codes y by itself, which only training reads
        out = codec._model(x.float() / 255, y.float() / 255, torch.zeros(2, dtype=torch.long))
    assert torch.allclose(out["bits_y"].double(), of_y, rtol=1e-3, atol=0)
    assert torch.allclose(out["bits_common"].double(), of_common, rtol=1e-3, atol=0)


def from_zoo(filters: int, latent: int) -> tuple[Any, dict[str, Tensor]]:
    """CompressAI's scale hyperprior filled with stand-ins, its coder's tables made, and its state dict."""
    from compressai.models import ScaleHyperprior

    model = ScaleHyperprior(filters, latent).eval()
    learned = {key: tuple(value.shape) for key, value in model.named_parameters() if "quantiles" not in key}
    ups = ("g_s.0", "g_s.2", "g_s.4", "g_s.6", "h_s.0", "h_s.2")
    fade = {"g_s.6.weight": 0.0115}
    state = release.stand_ins(learned, fade, {"g_s.6.bias": 0.5}, lambda key: key.startswith(ups))
    rng = torch.Generator().manual_seed(5)
    centre = torch.rand(filters, 1, 1, generator=rng) - 0.5
    state["entropy_bottleneck.quantiles"] = centre + torch.tensor([-9.0, 0.0, 9.0])
    model.load_state_dict(model.state_dict() | state)
    model.update(force=True)
    return model, model.state_dict()


def respelled(state: dict[str, Tensor], spelling: str) -> dict[str, Tensor]:
    """The bottleneck's keys as CompressAI has spelled them in its zoo, up to 1.2.6, and since."""
    if spelling == "_matrix0":
        return dict(state)
    lead = "_" if spelling == "_matrices.0" else ""
    renamed = {}
    for key, value in state.items():
        for one, many in (("_matrix", "matrices."), ("_bias", "biases."), ("_factor", "factors.")):
            key = key.replace(f"entropy_bottleneck.{one}", f"entropy_bottleneck.{lead}{many}")
        renamed[key] = value
    return renamed


@pytest.mark.parametrize(
    ("filters", "latent", "spelling"),
    [(128, 192, "_matrices.0"), (192, 320, "_matrix0"), (192, 192, "matrices.0")],
)
def test_compressai_zoo(filters: int, latent: int, spelling: str, tmp_path: Path, cli: Any) -> None:
    model, state = from_zoo(filters, latent)
    spelled = respelled(state, spelling)
    assert any(spelling in key for key in spelled)
    torch.save(spelled, tmp_path / "bmshj2018.pth.tar")
    out = tmp_path / "ours.safetensors"
    ended = cli("import", "balle2018:canonical", tmp_path / "bmshj2018.pth.tar", "--rate", "r3", "--out", out)
    assert ended.code == 0, ended.err
    assert f"--weights {out}" in ended.out
    codec = bench.load_codec("balle2018:canonical", "paper", rate="r3", weights=out).prepare()
    assert isinstance(codec, LatentCodec)
    x = release.pictures(1, 64, 128)
    with torch.no_grad():
        theirs = model.double()(x.double() / 255)
    bits = sum(float(-torch.log2(part).sum()) for part in theirs["likelihoods"].values())
    payloads = codec.encode(x)
    decoded = codec.decode(payloads, x)
    assert float(decoded.float().std()) > 5
    assert float((decoded.double() - levels(theirs["x_hat"])).abs().max()) <= 1
    assert float(codec.estimate_bits(x)[0]) == pytest.approx(bits, rel=1e-3)
    assert payloads[0].bits == pytest.approx(float(codec.ideal_bits(x)[0]), abs=48)
    assert codec.parameters() == sum(p.numel() for p in model.parameters())


def test_other_widths_of_the_scale_hyperprior_are_refused() -> None:
    from compressai.models import ScaleHyperprior

    with pytest.raises(BenchError, match=r"N, M = 64, 96; balle2018:canonical takes 128, 192 or 192, 320 or 192, 192"):
        bench.load_codec("balle2018", "paper", rate="r1", official=ScaleHyperprior(64, 96).state_dict()).prepare()
