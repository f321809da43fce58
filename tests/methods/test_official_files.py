"""Files with official checkpoints: names, wrappers, where an import goes, and what is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import official_releases as release
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

import bench
from bench.errors import BenchError, MissingWeights
from methods.layers import adopt, checkpoint, density_keys
from methods.ndic import official
from methods.ndic.codec import NDICCodec


@pytest.fixture(scope="module")
def b17() -> dict[str, Tensor]:
    shapes, how = release.RELEASES["ndic:b17"]
    return release.stand_ins(shapes, **how)


def test_names_of_the_published_b17_files(b17: dict[str, Tensor]) -> None:
    old = {key.replace("_w.", "_z."): value for key, value in b17.items()}
    assert set(old) != set(b17)
    info, x = bench.codec_info("ndic:b17-release", "paper"), release.pictures(1, 64, 64)
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
    x, y = release.pictures(1, 64, 64), release.pictures(2, 64, 64)[1:]
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
