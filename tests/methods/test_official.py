"""Official checkpoints: what the authors' code computes with their weights, ours computes from the imported ones."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import official_ldmic
import official_releases as release
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

import bench
from bench.errors import BenchError, MissingWeights
from methods.layers import adopt, checkpoint, density_keys
from methods.layers.latent_codec import LatentCodec
from methods.ndic import official
from methods.ndic.codec import NDICCodec

FADE = {"scale": {"deconv4.weight": 0.0115}, "add": {"deconv4.bias": 0.5}}
"""Brings the stand-ins' pictures into [0, 1], as in the reference vectors."""

RELEASES: dict[str, tuple[release.Shapes, dict[str, Any]]] = {
    "ndic:b17": (release.ndic(hyperprior=False), FADE),
    "ndic:b17-release": (release.ndic(hyperprior=False), FADE),
    "ndic:b18": (release.ndic(hyperprior=True), FADE),
    "ndic:b18-release": (release.ndic(hyperprior=True), FADE),
    "balle2017": (release.balle2017(), {"scale": {"deconv3.weight": 0.02}, "add": {"deconv3.bias": 0.5}}),
    "balle2018:ndic": (release.balle2018(), FADE),
}


def pictures(count: int, height: int, width: int) -> Tensor:
    """Smooth random pictures with some noise, uint8."""
    rng = torch.Generator().manual_seed(11)
    coarse = torch.rand(count, 3, 5, 7, generator=rng)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    noisy = smooth + 0.1 * torch.randn(smooth.shape, generator=rng)
    return noisy.clamp(0, 1).mul(255).round().to(torch.uint8)


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


@pytest.mark.parametrize("name", RELEASES)
def test_official_weights_give_the_official_picture_and_bits(name: str) -> None:
    shapes, how = RELEASES[name]
    state = release.stand_ins(shapes, **how)
    x, y = pictures(1, 64, 128), pictures(2, 64, 128)[1:]
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
    add = {f"ca{i}.norm.weight": 1.0 for i in (1, 2, 3)} | FADE["add"]
    state = release.stand_ins(release.atn(), FADE["scale"], add)
    x, y = pictures(1, 128, 256), pictures(2, 128, 256)[1:]
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
    x, y = pictures(1, 64, 64), pictures(2, 64, 64)[1:]
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
    x = pictures(1, 64, 128)
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


@pytest.fixture(scope="module")
def b17() -> dict[str, Tensor]:
    shapes, how = RELEASES["ndic:b17"]
    return release.stand_ins(shapes, **how)


def test_names_of_the_published_b17_files(b17: dict[str, Tensor]) -> None:
    old = {key.replace("_w.", "_z."): value for key, value in b17.items()}
    assert set(old) != set(b17)
    info, x = bench.codec_info("ndic:b17-release", "paper"), pictures(1, 64, 64)
    new, from_old = (adopt.adopt(NDICCodec, info, state).model.state_dict() for state in (b17, old))
    assert all(torch.equal(new[key], from_old[key]) for key in new)
    advice = adopt.adopt(NDICCodec, bench.codec_info("ndic:b17", "paper"), old).notes
    assert len(advice) == 1 and "--variant b17-release" in advice[0]
    b18 = release.stand_ins(release.ndic(hyperprior=True))
    b18 = {key.replace("_w.", "_z."): value for key, value in b18.items()}
    with pytest.raises(BenchError, match=r"has unknown conv1_z\.weight"):
        bench.load_codec("ndic:b18", "paper", rate="r1", official=b18).prepare().encode(x)


def test_wrappers_and_file_formats(b17: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save({"model_state_dict": b17, "optimizer_state_dict": {"state": {}, "param_groups": []}}, tmp_path / "a.pt")
    parallel = {f"module.{key}": value for key, value in b17.items()}
    torch.save({"epoch": 3, "state_dict": parallel, "loss": torch.tensor(1.0)}, tmp_path / "b.pth.tar")
    torch.save(b17, tmp_path / "c.pt", _use_new_zipfile_serialization=False)
    save_file(b17, tmp_path / "d.safetensors")
    for file in sorted(tmp_path.iterdir()):
        found = checkpoint.read(file)
        assert set(found.tensors) == set(b17), file
        assert all(torch.equal(found.tensors[key], value) for key, value in b17.items())
        assert found.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_every_parameter_comes_from_the_checkpoint(b17: dict[str, Tensor]) -> None:
    model = adopt.adopt(NDICCodec, bench.codec_info("ndic:b17", "paper"), b17).model
    learned = {key for key, _ in model.named_parameters()}
    mapped = {
        ours
        for entry in NDICCodec.official_keys(bench.codec_info("ndic:b17", "paper")).entries.values()
        for ours in entry.ours
    }
    assert learned - mapped == {f"{part}.latent.density.quantiles" for part in ("prior", "own_prior", "common_prior")}
    density = model.get_submodule("prior.latent.density")
    tails = torch.sigmoid(density._logits_cumulative(density.quantiles, True))  # type: ignore[operator]
    assert torch.allclose(tails[:, 0, 0], torch.tensor(5e-10), rtol=0.05, atol=0)
    assert bool((density.quantiles[:, 0, 1] == 0).all())  # type: ignore[index]


def test_import_goes_where_the_codec_looks(b17: dict[str, Tensor], own_folders: Path, cli: Any) -> None:
    """The layer that stands twice in the first release's decoder is stored and read whole; nothing is overwritten."""
    torch.save({"model_state_dict": b17}, "ours+balle17.pt")
    words = ("import", "ndic", "ours+balle17.pt", "--variant", "b17-release", "--rate", "r4")
    ended = cli(*words)
    assert ended.code == 0, ended.err
    assert "bench run --method ndic:b17-release --preset paper --rates r4" in ended.out
    codec = bench.load_codec("ndic:b17-release", "paper", rate="r4").prepare()
    assert codec.weights is not None and str(codec.weights) in ended.out
    assert codec.weights.is_relative_to(own_folders.parent / "cache")
    direct = bench.load_codec("ndic:b17-release", "paper", rate="r4", official="ours+balle17.pt").prepare()
    x, y = pictures(1, 64, 64), pictures(2, 64, 64)[1:]
    payloads = codec.encode(x)
    assert payloads == direct.encode(x)
    assert torch.equal(codec.decode(payloads, y), direct.decode(payloads, y))
    for name, picture in (("x.png", x), ("y.png", y)):
        Image.fromarray(picture[0].permute(1, 2, 0).numpy()).save(name)
    chosen = ("--method", "ndic:b17-release", "--preset", "paper", "--rate", "r4")
    assert cli("encode", "x.png", *chosen, "--out", "x.dic").code == 0
    assert cli("decode", "x.dic", "--side", "y.png", "--out", "recon.png").code == 0
    recon = torch.from_numpy(np.array(Image.open("recon.png"))).permute(2, 0, 1)[None]
    assert torch.equal(recon, codec.decode(payloads, y))
    with pytest.raises(MissingWeights, match="bench import"):
        bench.load_codec("ndic:b17-release", "paper", rate="r5").prepare()
    before = codec.weights.read_bytes()
    ended = cli(*words)
    assert ended.code == 2 and "remove them, or choose an --out" in ended.err
    assert codec.weights.read_bytes() == before


class Trap:
    """Leaves a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("sprung"),)


def spoil(b17: dict[str, Tensor], fault: str, file: Path) -> None:
    state: dict[str, Any] = dict(b17)
    if fault == "other method":
        state = dict(release.stand_ins(release.balle2018()))
    elif fault == "other width":
        state["conv2.weight"] = torch.zeros(128, 192, 5, 5)
    elif fault == "missing":
        del state["igdn3.beta"], state["conv4_w.bias"]
    elif fault == "unknown":
        state["fresh.weight"] = torch.zeros(3)
    elif fault == "NaN":
        state["gdn2.gamma"] = state["gdn2.gamma"].clone()
        state["gdn2.gamma"][5, 7] = float("nan")
    elif fault == "no mass":
        state["entropy_bottleneck_hx.bias0"] = torch.full((192, 3, 1), 1e6)
    elif fault == "code":
        state["trap"] = Trap()
    elif fault == "scalar":
        state["epoch"] = 7
    elif fault == "empty":
        state = {}
    elif fault == "integers":
        state["conv1.bias"] = torch.zeros(192, dtype=torch.int64)
    elif fault == "sparse":
        state["conv1.bias"] = torch.zeros(192).to_sparse()
    elif fault == "ours":
        save_file({"g_a.0.weight": torch.zeros(2), "tables.factorized.counts": torch.zeros(2)}, file)
        return
    torch.save(state, file)
    if fault == "truncated":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    elif fault == "text":
        file.write_text("no checkpoint at all")
    elif fault == "short safetensors":
        save_file(b17, file)
        file.write_bytes(file.read_bytes()[:100_000])


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("other method", "is not an official checkpoint of ndic:b17: it lacks conv1_cor.weight, "),
        ("other width", r"has conv2.weight of shape (128, 192, 5, 5), and ndic:b17 takes (192, 192, 5, 5)"),
        ("missing", "it lacks conv4_w.bias, igdn3.beta; name the method"),
        ("unknown", "it has unknown fresh.weight; name the method"),
        ("NaN", "holds values in gdn2.gamma that are not finite"),
        ("no mass", "gives no sound coding tables (a density has no mass within 400 symbols"),
        ("code", "which could run code, so it was not loaded"),
        ("scalar", "holds 'epoch', which is no tensor"),
        ("empty", "holds no state dict"),
        ("integers", "holds conv1.bias as torch.int64; get the file again"),
        ("sparse", "holds conv1.bias in another form than plain numbers"),
        ("ours", "weights file of this project already; name it with --weights"),
        ("truncated", "is not a whole checkpoint of torch.save or safetensors; get the file again"),
        ("text", "is not a whole checkpoint"),
        ("short safetensors", "is not a whole checkpoint"),
    ],
)
def test_bad_checkpoint_is_one_sentence(
    fault: str, words: str, b17: dict[str, Tensor], own_folders: Path, cli: Any
) -> None:
    spoil(b17, fault, Path("given.pt"))
    ended = cli("import", "ndic:b17", "given.pt", "--rate", "r1", "--out", "out.safetensors")
    assert ended.code == 2 and ended.out == ""
    assert ended.err.startswith("Error: given.pt ") and words in ended.err
    assert ended.err.count("\n") == 1
    assert [path.name for path in own_folders.iterdir()] == ["given.pt"]
    with pytest.raises(BenchError, match="given.pt"):
        bench.load_codec("ndic:b17", "paper", rate="r1", official="given.pt").prepare()
    assert not Path("sprung").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("jpeg", "x.pt", "--rate", "r1"), "jpeg has no map for official checkpoints"),
        (("ndic:b17", "x.pt"), "needs a rate point; choose one of r1"),
        (("ndic:b17", "x.pt", "--rate", "r99"), "no rate point 'r99'"),
        (("ndic", "x.pt", "--variant", "b19", "--rate", "r1"), "no variant 'b19'"),
        (("ndic:b17", "absent.pt", "--rate", "r1"), "absent.pt cannot be read (No such file or directory)"),
        (("ndic:b17", ".", "--rate", "r1"), ". cannot be read (Is a directory)"),
        (("ndic:b17", "x.pt", "--rate", "r1", "--out", "no/where"), "no/where is no file in a folder that exists"),
    ],
)
def test_bad_command_is_one_sentence(words: tuple[str, ...], said: str, own_folders: Path, cli: Any) -> None:
    ended = cli("import", *words)
    assert ended.code == 2 and said in ended.err and ended.err.count("\n") == 1
    assert not list(own_folders.iterdir())


def test_small_presets_take_no_official_checkpoint(b17: dict[str, Tensor]) -> None:
    with pytest.raises(BenchError, match="have the published size; load ndic:b17 with preset 'paper'"):
        bench.load_codec("ndic:b17", rate="r1", official=b17).prepare()
    with pytest.raises(BenchError, match="either weights or an official checkpoint"):
        bench.load_codec("ndic:b17", "paper", rate="r1", official=b17, weights="w.safetensors")


@pytest.mark.parametrize("held", [{"filters": 10**6, "latent": 10**6}, {"filters": "a"}, {"other": 1}])
def test_weights_file_that_states_foreign_sizes(held: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "wide.safetensors"
    about = {"method": "balle2018", "variant": "canonical", "preset": "paper", "rate": "r1", "model": held}
    save_file({"g_a.0.bias": torch.zeros(2)}, path, {"dic-bench": json.dumps(about)})
    with pytest.raises(BenchError, match=r"wide\.safetensors states sizes"):
        bench.load_codec("balle2018", "paper", rate="r1", weights=path).prepare()


def test_keys_of_both_compressai_generations(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, zoo = "prior.latent.density._matrix0", "prior.latent.density.matrices.0", "entropy_bottleneck._factors.2"
    assert density_keys.stored(old) == density_keys.stored(new) == old
    assert density_keys.stored(zoo) == "entropy_bottleneck._factor2"
    for lists, spelled in ((True, new), (False, old)):
        monkeypatch.setattr(density_keys, "_lists", lambda lists=lists: lists)
        assert density_keys.installed(old) == density_keys.installed(new) == spelled
        assert density_keys.installed("g_a.1.beta") == "g_a.1.beta"


@pytest.mark.parametrize("variant", ["b17", "b18", "b17-release", "b18-release"])
def test_weights_trained_for_ms_ssim_have_the_keys_of_their_architecture(variant: str) -> None:
    plain, other = official.ndic(variant), official.ndic(f"{variant}-ms-ssim")
    assert plain.entries.keys() == other.entries.keys() and plain.ignored == other.ignored
