"""CDC and DICM: sizes, seeds, options, the store of side views, and losses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import bench
from bench import recipe
from bench.errors import BenchError
from bench.registry import import_target, methods
from bench.run import plan
from bench.run.plan import make_plan
from bench.training import Training
from methods.cdc.network import CDC
from methods.cdc.network import Config as CDCConfig
from methods.dicm.network import DICM
from methods.layers import diffusion_codec, diffusion_loss
from methods.layers.diffusion_codec import DiffusionCodec
from methods.layers.side_store import SideStore
from methods.layers.small_network import SmallDiffusion

CODECS = ("cdc:x", "cdc:eps", "dicm:base")
SMALL = {"finest": 3, "widths": (8, 8, 8, 8), "scales": (8, 8, 8, 8, 8, 8)}


def built(name: str, preset: str = "small") -> Any:
    info = bench.codec_info(name, preset)
    codec: Any = import_target(methods.get(info.name).target)
    return codec.build(info)


def pictures(count: int, height: int = 128, width: int = 256) -> Tensor:
    """Smooth random pictures, uint8 ``(count, 3, height, width)``."""
    coarse = torch.rand(count, 3, 6, 9, generator=torch.Generator().manual_seed(7))
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    return smooth.clamp(0, 1).mul(255).round().to(torch.uint8)


def network(name: str) -> SmallDiffusion:
    """A seeded, untrained network whose denoiser says something."""
    torch.manual_seed(1)
    made = built(name)
    assert isinstance(made, SmallDiffusion)
    torch.nn.init.normal_(made.denoiser.out[0].weight, 0, 0.1)
    with torch.no_grad():
        made.prior.down[-1].weight *= 40  # else every hyper-latent rounds to 0
    return made


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., DiffusionCodec]:
    """Codecs with weights files of seeded, untrained networks."""
    folder, files = tmp_path_factory.mktemp("weights"), {}
    for name in CODECS:
        files[name] = folder / f"{name.replace(':', '-')}.safetensors"
        DiffusionCodec.export(network(name), bench.codec_info(name), None, files[name])

    def loaded(name: str, rate: str = "r4", **options: Any) -> DiffusionCodec:
        codec = bench.load_codec(name, rate=rate, weights=files[name], **options)
        assert isinstance(codec, DiffusionCodec)
        return codec

    loaded.files = files  # type: ignore[attr-defined]
    return loaded


@pytest.mark.parametrize(
    ("name", "whole", "coding"),
    [
        ("cdc:x", 53_885_891, 53_885_891),
        ("cdc:eps", 53_628_166, 53_628_166),
        ("dicm:base", 81_059_084, 67_343_625),
    ],
)
def test_paper_presets_have_the_published_size(name: str, whole: int, coding: int) -> None:
    """53.9, 53.6 and 81 M; DICM's compressor of ``y`` alone serves training."""
    with torch.device("meta"):
        made = built(name, "paper")
    assert sum(p.numel() for p in made.parameters()) == whole and made.coding_parameters() == coding


@pytest.mark.parametrize("name", CODECS)
def test_small_presets_stay_small(name: str, load: Any) -> None:
    assert network(name).coding_parameters() <= 900_000 and load.files[name].stat().st_size <= 1_800_000
    assert bench.codec_info(name).options["steps"] <= 12 and len(bench.codec_info(name).rates) == 8


@pytest.mark.parametrize("name", CODECS)
def test_every_parameter_learns(name: str) -> None:
    made = network(name).train()
    x = pictures(8, 64, 64).float() / 255
    out = made(x, x.flip(3), torch.arange(8))
    assert out["recon"].shape == x.shape and out["bits"].shape == out["error"].shape == (8,)
    how = replace(Training(8, 1), perceptual="lpips_squeeze", perceptual_weight=0.5)
    out["perceptual"] = (out["recon"] - x).abs().flatten(1).mean(1)
    losses = made.item_losses(out, x, x, torch.full((8,), 1e-3), how)
    losses["loss"].mean().backward()
    made.aux_loss().backward()
    assert [key for key, value in made.named_parameters() if value.grad is None or not value.grad.any()] == []


@pytest.mark.parametrize(("kind", "target"), [(CDC, "noise"), (CDC, "picture"), (DICM, "noise")])
def test_published_networks_learn_everywhere(kind: type[CDC], target: str) -> None:
    torch.manual_seed(0)
    made = kind(CDCConfig(target, **SMALL)).train()
    with torch.no_grad():
        for name, value in made.named_parameters():
            if name.endswith("prior.down.4.weight"):
                value *= 400
    x = pictures(2, 64, 64).float() / 255
    out = made(x, x.flip(3), torch.zeros(2, dtype=torch.long))
    how = replace(Training(2, 1), perceptual="lpips_vgg", perceptual_weight=0.5, scale=1.0)
    for key in [key for key in out if key.startswith("recon")]:
        out[key.replace("recon", "perceptual")] = (out[key] - 0.5).square().flatten(1).mean(1)
    made.item_losses(out, x, x, torch.ones(2), how)["loss"].mean().backward()
    made.aux_loss().backward()
    dead = [key for key, value in made.named_parameters() if value.grad is None or not value.grad.any()]
    assert dead == []


@pytest.mark.parametrize("name", CODECS)
def test_pixels_follow_the_items_seed_alone(name: str, load: Any) -> None:
    codec = load(name).prepare()
    x, y, seeds = pictures(3, 64, 128), pictures(3, 64, 128).flip(3), [11, 2**64 - 5, 13]
    payloads = codec.encode(x)
    seen = codec.decode(payloads, y, seeds)
    assert torch.equal(codec.decode(payloads, y, seeds), seen)
    alone = torch.cat([codec.decode(payloads[i : i + 1], y[i : i + 1], seeds[i : i + 1]) for i in (2, 0, 1)])
    assert int((alone[[1, 2, 0]].int() - seen.int()).abs().max()) <= 1
    other = codec.decode(payloads[:1], y[:1], [12])
    assert not torch.equal(other, seen[:1])
    assert codec.decode_float(payloads, y) is None


def test_without_seeds_only_a_start_without_noise_decodes(load: Any) -> None:
    x = pictures(1, 64, 64)
    codec = load("cdc:x").prepare()
    with pytest.raises(BenchError, match="one seed an item"):
        codec.decode(codec.encode(x), x)
    plain = load("cdc:x", start_scale=0.0, steps=2).prepare()
    assert torch.equal(plain.decode(plain.encode(x), x), plain.decode(plain.encode(x), x, [3]))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 0}, "steps 0 is not between 1 and 8193"),
        ({"steps": 9000}, "steps 9000 is not between"),
        ({"steps": "many"}, "steps 'many' is of the wrong kind"),
        ({"steps": True}, "steps True is of the wrong kind"),
        ({"start_scale": "big"}, "start_scale 'big'"),
        ({"precision": "float16"}, "neither float32 nor bfloat16"),
        ({"quantise_w": True}, "no option 'quantise_w'"),
    ],
)
def test_unfit_options_are_one_sentence(options: dict[str, Any], words: str, load: Any) -> None:
    with pytest.raises(BenchError, match=words):
        load("cdc:x", **options).prepare()


def test_steps_and_precision_change_the_picture_and_no_bits(load: Any) -> None:
    x = pictures(1, 64, 64)
    plain, short = load("cdc:x").prepare(), load("cdc:x", steps=3).prepare()
    rough = load("cdc:x", precision="bfloat16").prepare()
    payloads = plain.encode(x)
    assert [p.sections for p in short.encode(x)] == [p.sections for p in payloads]
    seen = [codec.decode(payloads, x, [1]).int() for codec in (plain, short, rough)]
    assert not torch.equal(seen[0], seen[1]) and 0 < float((seen[0] - seen[2]).abs().float().mean()) < 8


def test_the_side_view_enters_through_w_alone(load: Any) -> None:
    codec, without = load("dicm:base", steps=3).prepare(), load("dicm:base", steps=3, use_w=False).prepare()
    x = pictures(1, 64, 64)
    payloads = codec.encode(x)
    assert not torch.equal(codec.decode(payloads, x, [1]), codec.decode(payloads, 255 - x, [1]))
    assert torch.equal(without.decode(payloads, x, [1]), without.decode(payloads, 255 - x, [1]))
    assert without.analyse_side(x) is None and without.saved_seconds == 0


def test_side_views_are_worked_on_once_for_all_rates(load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffusion_codec, "STORE", SideStore())
    low, high = (load("dicm:base", rate, steps=2).prepare() for rate in ("r2", "r7"))
    made: list[int] = []
    for codec in (low, high):
        make = codec._make_side
        monkeypatch.setattr(codec, "_make_side", lambda y, make=make: (made.append(len(y)), make(y))[1])
    x = pictures(3, 64, 64)
    first = low.decode(low.encode(x[:2]), x[:2], [1, 2])
    assert low.saved_seconds == 0 and made == [2]
    high.decode(high.encode(x), x, [1, 2, 3])
    assert high.saved_seconds > 0 and made == [2, 1]  # the third view alone is new
    again = low.decode(low.encode(x[:2]), x[:2], [1, 2])
    assert made == [2, 1] and int((again.int() - first.int()).abs().max()) <= 1
    low.analyse_side(x)
    assert made == [2, 1, 3]  # what is timed is never taken from memory


def test_the_store_keeps_what_came_first_within_its_limit() -> None:
    store, calls = SideStore(limit=3 * 4 * 16 * 2), []

    def make(y: Tensor) -> list[Tensor]:
        calls.append(len(y))
        return [y.float()[:, :, :4, :4], y.float()[:, :, :4, :4] * 2]

    y = torch.randint(0, 256, (3, 3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    wanted = make(y)
    found = [store.get("a", y, make), store.get("a", y, make), store.get("b", y[:1], make)]
    assert calls == [3, 3, 2, 1] and store.held == store.limit
    for levels, count in zip(found, (3, 3, 1), strict=True):
        assert all(torch.equal(a, b[:count]) for a, b in zip(levels, wanted, strict=True))


def test_published_loss_is_that_of_its_formula() -> None:
    x = torch.full((2, 3, 4, 4), 0.5)
    how = replace(Training(2, 1), perceptual="lpips_vgg", perceptual_weight=0.9, scale=10.0)
    out = {"bits": torch.tensor([32.0, 16.0]), "error": torch.tensor([0.2, 0.4]), "recon": x + 0.1}
    out["perceptual"] = torch.tensor([0.3, 0.1])
    lambdas = torch.tensor([0.5, 2.0])
    alone = diffusion_loss.published(out, x, lambdas, how)
    assert alone["loss"].tolist() == pytest.approx([2 / 5 + 0.02 + 0.27, 1 / 20 + 0.04 + 0.09])
    assert alone["bpp"].tolist() == [2.0, 1.0] and alone["mse"].tolist() == pytest.approx([0.01, 0.01])
    out |= {"bits_common": torch.full((2,), 16.0), "bits_y": torch.full((2,), 32.0)}
    out |= {"error_y": torch.ones(2), "perceptual_y": torch.full((2,), 2.0)}
    both = diffusion_loss.published(out, x, lambdas, how)["loss"] - alone["loss"]
    assert both.tolist() == pytest.approx([3 / 5 + 0.1 + 1.8, 3 / 20 + 0.1 + 1.8])


def test_small_loss_is_that_of_its_formula() -> None:
    x = torch.full((2, 3, 4, 4), 0.5)
    how = replace(Training(2, 1), perceptual="lpips_squeeze", perceptual_weight=0.03, scale=100.0)
    out = {"bits": torch.tensor([32.0, 16.0]), "error": torch.tensor([0.2, 0.4]), "anchor": x + 0.1}
    out["perceptual"] = torch.tensor([0.3, 0.1])
    lambdas = torch.tensor([0.25, 1.0])
    found = diffusion_loss.small(out, x, lambdas, how, 0.1)
    plain = [25 * (0.01 + 0.02 + 0.009) + 2, 100 * (0.01 + 0.04 + 0.003) + 1]
    assert found["loss"].tolist() == pytest.approx([plain[0] * 2 / 1.5, plain[1] / 1.5])


def test_at_first_training_leaves_the_side_view_out() -> None:
    model = import_target(methods.get("dicm").target).build(bench.codec_info("dicm")).train()
    how = Training(batch=8, steps=10, alone=0.2)
    x, y = torch.rand(2, 8, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for progress in (0.1, 0.2):
        model.phase(progress, how)
        made = []
        for side in (x, y):
            torch.manual_seed(0)
            made.append(model(x, side, torch.arange(8))["anchor"])
        assert torch.equal(*made) == (progress < 0.2)


def test_recipes_train(tmp_path: Path) -> None:
    for name in ("cdc", "dicm"):
        path = Path(str(methods.get(name).recipe))
        for variant, presets in recipe.read(path)["variants"].items():
            for preset in presets:
                how = recipe.training(path, variant, preset)
                assert how.perceptual == ("lpips_squeeze" if preset == "small" else "lpips_vgg")
                assert not how.by_epochs and how.batch % (8 if preset == "small" else 1) == 0


def test_steps_on_the_command_line_are_part_of_the_units_key(
    cli: Callable[..., Any], own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def told(request: Any) -> Any:
        seen.append(make_plan(request))
        raise BenchError("Told.")

    monkeypatch.setattr(plan, "make_plan", told)
    common = ("run", "--method", "cdc:x", "--rates", "r1", "--dataset", "synthdrive:check8")
    for words in ((), ("--steps", 10), ("--steps", 5), ("--option", "steps=5")):
        assert cli(*common, *words).code == 2
    keys = [one.units[0].key for one in seen]
    assert keys[0] == keys[1] and keys[2] == keys[3] and keys[0] != keys[2]
    ended = cli(*common, "--steps", 3, "--option", "steps=4")
    assert ended.code == 2 and "two numbers" in ended.err and len(seen) == 4
    assert "no option 'steps'" in cli("run", "--method", "ndic", "--steps", 3).err
