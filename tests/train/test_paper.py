"""A published recipe on genuine pairs: an epoch, its validation, the weights, and the bytes they code."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

import bench
from bench import recipe
from bench.errors import BenchError
from bench.registry import methods
from bench.train import session
from methods.layers.priors import FactorizedPrior, HyperPrior

PAPER = [
    (name, variant)
    for name in methods
    if methods.get(name).recipe is not None
    for variant in methods.get(name).variants
    if "paper" in methods.get(name).presets_of(variant)
]


@pytest.mark.slow
def test_a_published_recipe_trains_on_kitti_and_codes(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three pairs are three steps of batch 1, hence an epoch and a validation; the fourth step begins the next."""
    monkeypatch.setenv("BENCH_DATA_DIR", str(tmp_path / "prepared"))
    names = {}
    for split, count in (("train", 3), ("val", 2)):
        for side in ("left", "right"):
            (tmp_path / split / side).mkdir(parents=True)
            for picture in sorted((shared / "data" / "kitti-mini" / "train" / side).iterdir())[:: 300 // count][:count]:
                shutil.copy(picture, tmp_path / split / side)
        names[split] = f"folder:{tmp_path / split / 'left'}:{tmp_path / split / 'right'}"
    target = session.find_target("balle2017", "base", "paper", "r3")
    rows: list[dict[str, float]] = []
    out = tmp_path / "out"
    assert session.train(target, names["train"], out, "cpu", None, False, rows.append, 4, names["val"])
    assert [row["epoch"] for row in rows] == [1]
    weights = out / "base-paper-r3.safetensors"
    codec = bench.load_codec("balle2017", "paper", rate="r3", weights=weights).prepare()
    x, y = session.open_data(names["val"])[0].batch([0])
    payloads = codec.encode(x)
    assert codec.decode(payloads, y).shape == x.shape
    assert abs(payloads[0].bits - float(codec.estimate_bits(x)[0])) <= 0.03 * payloads[0].bits + 48


@pytest.mark.parametrize(("name", "variant"), PAPER)
def test_every_paper_recipe_is_sound(name: str, variant: str) -> None:
    how = recipe.training(methods.get(name).recipe or Path(), variant, "paper")
    by_steps = name in ("cdc", "dicm", "dsin", "spdic", "mdic")
    assert how.precision == "float32"
    assert how.by_epochs and how.validates and how.loss == "plain" or by_steps
    info = bench.codec_info(name, "paper", variant)
    values = [p.lmbda if p.lmbda is not None else p.setting["target_bpp"] for p in info.rates]
    assert values == sorted(values)
    assert (how.distortion == "ms_ssim") == variant.endswith("ms-ssim")


def test_a_variant_for_ms_ssim_differs_in_objective_and_grid_alone() -> None:
    path = methods.get("ndic").recipe or Path()
    plain, other = (recipe.table(path, variant, "paper") for variant in ("b17", "b17-ms-ssim"))
    assert other["model"] == plain["model"]
    assert other["train"] == plain["train"] | {"distortion": "ms_ssim"}
    assert other["lambdas"] != plain["lambdas"] and other["id"] != plain["id"]
    files = {session.find_target("ndic", variant, "paper", "r3").shipped for variant in ("b17", "b17-ms-ssim")}
    assert len(files) == 2


def test_a_variant_that_is_like_another_has_its_own_digests(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    shutil.copy(methods.get("ndic").recipe or Path(), path)
    recipe.publish_digest(path, "b17", "paper", "r3", "abc")
    assert recipe.table(path, "b17", "paper")["sha256"] == {"r3": "abc"}
    assert "sha256" not in recipe.table(path, "b17-ms-ssim", "paper")
    recipe.publish_digest(path, "b17-ms-ssim", "paper", "r3", "def")
    assert recipe.table(path, "b17-ms-ssim", "paper")["sha256"] == {"r3": "def"}
    assert recipe.table(path, "b17", "paper")["sha256"] == {"r3": "abc"}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("epoch = 3", "unknown training key 'epoch'"),
        ('schedule = "cosine"', "cosine needs steps"),
        ("epochs = 0", "no end is stated"),
        ('schedule = "staircase"', "staircase and hold need every"),
        ('augment = "colour"', "augment 'colour'"),
        ("crop = [256]", "rows, columns"),
        ("ema = 0.9", "knows no ema"),
        ("batch = 0", "batch and validate"),
    ],
)
def test_a_recipe_that_does_not_fit_together_is_one_sentence(line: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('name = "x"\n[variants.a.paper.train]\nbatch = 1\nepochs = 2\nschedule = "plateau"\n')
    assert recipe.training(path, "a", "paper").patience == 10
    key = line.split(" ")[0]
    kept = [old for old in path.read_text().splitlines() if not old.startswith(f"{key} ")]
    path.write_text("\n".join([*kept, line]) + "\n")
    recipe.read.cache_clear()
    with pytest.raises(BenchError, match=words):
        recipe.training(path, "a", "paper")


def test_published_priors_hand_on_noise_in_training_and_round_in_evaluation() -> None:
    """Ballé et al., ICLR 2017, section 3: noise in training stands for rounding. LDMIC and the small forms round."""
    y = 4 * torch.randn(1, 6, 8, 8, generator=torch.Generator().manual_seed(0))
    for form in ("canonical", "ndic", "joint"):
        torch.manual_seed(0)
        prior = HyperPrior(6, 6, 0, 1, form, (3, 3, 3))
        found, bits = prior.train()(y)
        again, other = prior.train()(y)
        assert (torch.equal(found, again), bool(bits == other)) == (form == "joint", False)
        assert float((found - y).abs().max()) <= 0.5 + 1e-5
        (found, bits), (again, other) = prior.eval()(y), prior.eval()(y)
        assert torch.equal(found, again) and torch.equal(bits, other)
        assert form == "joint" or torch.equal(found, found.round())
    released = FactorizedPrior(6, 1, (3, 3, 3), centred=False)
    assert not torch.equal(released.train()(y)[0], y.round()) and torch.equal(released.eval()(y)[0], y.round())
