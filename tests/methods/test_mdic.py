"""MDIC: its quantiser, the entropy model in both forms, what is written and read, and its training."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import bench
from bench import recipe
from bench.coding import StreamDecoder, StreamEncoder
from bench.errors import BenchError
from bench.registry import methods
from methods.foundation.codec import FoundationCodec
from methods.foundation.parts import Untrained
from methods.foundation.text import SideText
from methods.layers.decisions import make_tables, read_tables
from methods.mdic.align import hyper_align
from methods.mdic.codec import MDICCodec
from methods.mdic.coder import IndexCoder, StepModel
from methods.mdic.entropy import IndexModel
from methods.mdic.fuse import ClusterCompensation, MaskGenerator
from methods.mdic.network import MDIC
from methods.mdic.vq import VectorQuantiser


@pytest.fixture(scope="module")
def network() -> MDIC:
    """A small network as training has it, with a foundation of random weights."""
    torch.manual_seed(0)
    model = MDICCodec.build(bench.codec_info("mdic"))
    assert isinstance(model, MDIC)
    parts = Untrained("synth-ldm")
    model.use(parts.module("vae"))
    model.text = SideText(parts, together=True)
    return model


def quantiser(codes: int = 16, gradient: str = "ste") -> VectorQuantiser:
    torch.manual_seed(1)
    return VectorQuantiser(6, 4, codes, gradient)


@pytest.mark.parametrize("gradient", ["ste", "rotation"])
def test_quantised_features_are_the_code_vectors_and_pass_gradients(gradient: str) -> None:
    vq = quantiser(gradient=gradient).eval()
    z = torch.randn(2, 6, 3, 5, requires_grad=True)
    found, index = vq(z)
    assert torch.allclose(found, vq.lookup(index), atol=1e-5)
    (slope,) = torch.autograd.grad(found.square().sum(), z)
    assert float(slope.abs().min()) > 0
    if gradient == "rotation":
        straight = quantiser().eval()
        straight.load_state_dict(vq.state_dict())
        (other,) = torch.autograd.grad(straight(z)[0].square().sum(), z)
        assert not torch.allclose(slope, other)


def test_nearest_is_by_angle() -> None:
    vq = quantiser().eval()
    z = torch.randn(1, 6, 2, 2)
    cosines = torch.nn.functional.normalize(vq.project_in(z.movedim(1, -1)), dim=-1) @ vq.vectors().T
    assert torch.equal(vq.indices(vq.compact(7 * z)), vq.indices(vq.compact(z)))
    assert torch.equal(vq.indices(vq.compact(z)), cosines.argmax(-1))


def test_code_vectors_follow_their_inputs() -> None:
    vq = quantiser(codes=4).train()
    z = torch.randn(1, 6, 8, 8)
    before = float((vq.compact(z).movedim(1, -1) * vq.vectors()[vq.indices(vq.compact(z))]).sum(-1).mean().detach())
    for _ in range(20):
        vq(z)
    after = float((vq.compact(z).movedim(1, -1) * vq.vectors()[vq.indices(vq.compact(z))]).sum(-1).mean().detach())
    assert after > before


@pytest.mark.parametrize("above", [False, True])
def test_one_step_after_the_other_gives_the_models_logits(above: bool) -> None:
    torch.manual_seed(2)
    model = IndexModel([16, 4], 12, 2, 24, 2, 0.0, above).double().eval()
    index = torch.randint(4, (1, 3, 5))
    with torch.no_grad():
        wanted = model(index, 1)[0].numpy()
    step = StepModel(model, 1, (3, 5))
    for at, known in enumerate(index.flatten().tolist()):
        assert np.allclose(step.logits(), wanted[at], atol=1e-10)
        step.put(known)


def test_the_rate_is_in_bits_and_causal() -> None:
    model = IndexModel([8], 12, 2, 24, 1, 0.0, True).double().eval()
    torch.nn.init.zeros_(model.heads[0].weight)
    torch.nn.init.zeros_(model.heads[0].bias)
    index = torch.randint(8, (2, 3, 4))
    assert model.bits(index, 0).tolist() == pytest.approx([36.0, 36.0])
    torch.nn.init.normal_(model.heads[0].weight)
    changed = index.clone()
    changed[:, 2, 1] = (changed[:, 2, 1] + 1) % 8
    same = model(index, 0) == model(changed, 0)
    assert bool(same[:, : 2 * 4 + 2].all()) and not bool(same[:, 2 * 4 + 2 :].all())


@pytest.mark.parametrize("codes", [2, 16, 256])
def test_indices_come_back_at_the_ideal_length(codes: int) -> None:
    torch.manual_seed(3)
    model, vq = IndexModel([codes], 12, 2, 24, 1, 0.0, True).double().eval(), quantiser(codes).double().eval()
    coder = IndexCoder(model, vq, read_tables(make_tables()), 0, 2)
    latent = torch.nn.functional.normalize(torch.randn(1, 4, 4, 6).double(), dim=1)
    stream = StreamEncoder()
    coder.encode(latent, stream)
    data = stream.bytes()
    assert torch.equal(coder.decode(StreamDecoder(data), (8, 12))[0].long(), vq.indices(latent))
    assert abs(8 * len(data) - coder.ideal(latent)) <= 24
    assert coder.ideal(latent) == pytest.approx(float(coder.estimate(latent)), rel=0.005)
    assert coder.estimate(latent) <= 24 * math.log2(codes) * 1.6


def test_align_networks_have_perco_s_sizes() -> None:
    """4.10 M (grid 64) to 5.89 M (grid 8) with the quantiser's maps, as PerCo's release counts them."""
    maps = 320 * 32 + 32 + 32 * 320 + 320
    for ratio, millions in ((1, 4.10), (2, 4.99), (4, 5.87), (8, 5.89)):
        count = sum(p.numel() for p in hyper_align(4, 192, 320, ratio).parameters()) + maps
        assert count / 1e6 == pytest.approx(millions, abs=0.006)
    for ratio in (1, 2, 4, 8):
        assert hyper_align(4, 8, 6, ratio)(torch.randn(1, 4, 16, 32)).shape == (1, 6, 16 // ratio, 32 // ratio)


def test_the_mask_draws_in_training_alone() -> None:
    torch.manual_seed(4)
    mask, x, y = MaskGenerator(3, 4), torch.randn(1, 3, 4, 4), torch.randn(1, 3, 8, 8)
    assert not torch.equal(mask(x, y), mask(x, y))
    mask.eval()
    hard = mask(x, y)
    assert torch.equal(hard, mask(x, y)) and set(hard.unique().tolist()) <= {0.0, 1.0}
    mask.cool(1.0)
    assert mask.temperature == pytest.approx(0.5)


def test_too_many_tokens_are_refused() -> None:
    cluster = ClusterCompensation(4, 2, 8, 10, 1)
    with pytest.raises(BenchError, match="10 positions"):
        cluster(torch.randn(1, 4, 2, 2), torch.randn(1, 4, 4, 4), torch.ones(1, 1, 4, 4))


def test_pretrained_kernels_are_the_first_of_the_wider_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Untrained("synth-ldm")
    text = SideText(parts)
    monkeypatch.setattr(FoundationCodec, "open", staticmethod(lambda info, device: (parts, text)))
    info = bench.codec_info("mdic")
    model = MDICCodec.build(info)
    assert isinstance(model, MDIC)
    fresh = model.unet.conv_in.weight.detach().clone()
    MDICCodec.prime(model, info, "cpu")
    wanted = parts.module("unet").state_dict()
    assert torch.equal(model.unet.conv_in.weight[:, :4], wanted["conv_in.weight"])
    assert torch.equal(model.unet.conv_in.weight[:, 4:], fresh[:, 4:])
    assert torch.equal(model.unet.mid_block.resnets[0].conv1.weight, wanted["mid_block.resnets.0.conv1.weight"])


def test_a_step_trains_every_part(network: MDIC) -> None:
    how = recipe.training(methods.get("mdic").recipe, "base", "small")  # type: ignore[arg-type]
    torch.manual_seed(5)
    x, y = torch.rand(2, 6, 3, 128, 256)
    network.train()
    assert network.text is not None
    text = network.text
    text._cache._held.clear()
    network.text.captions = lambda pictures, fresh=False: ["a car and a tree ."] * len(pictures)  # type: ignore[method-assign]
    network.meet([(255 * view).byte() for view in y], [None] * 6)
    out = network(x, y, torch.arange(6))
    losses = network.item_losses(out, x, y, torch.zeros(6), how)
    assert bool((out["hidden"] > 0).all()) and losses["loss"].shape == (6,)
    nominal = [point.setting["target_bpp"] for point in bench.codec_info("mdic").rates]
    assert losses["bpp"].tolist() == pytest.approx(nominal, rel=0.25)  # untrained: about log2 K bits an index
    losses["loss"].mean().backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None]
    assert idle == [] and not any("vae" in name for name, _ in network.named_parameters())


def test_small_weights_stay_small(network: MDIC) -> None:
    assert network.coding_parameters() <= 900_000
    assert f"{network.coding_parameters():,}" in (methods.get("mdic").recipe.parent / "README.md").read_text()  # type: ignore[union-attr]


@pytest.mark.parametrize(("option", "value"), [("guidance", 0.5), ("guidance", "much"), ("steps", 0), ("compile", 3)])
def test_options_that_mean_nothing(option: str, value: object) -> None:
    with pytest.raises(BenchError, match=option):
        bench.load_codec("mdic", rate="r1", random_init=True, **{option: value}).prepare()


def test_text_and_guidance_reach_the_picture() -> None:
    y = torch.randint(0, 256, (1, 3, 128, 256), generator=torch.Generator().manual_seed(6)).byte()
    pictures = []
    for more in ({}, {"text": "wrong"}, {"guidance": 1.0}):
        codec = bench.load_codec("mdic", rate="r1", random_init=True, steps=2, **more).prepare()
        assert codec.info.random_init
        pictures.append(codec.decode(codec.encode(y.flip(3)), y, [1]).int())
    assert len({tuple(p.flatten().tolist()) for p in pictures}) == 3
    with pytest.raises(BenchError, match="one seed an item"):
        codec.decode(codec.encode(y), y)


def test_a_remembered_latent_is_the_pictures_own(network: MDIC, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    first = network.remembered(pictures)
    assert torch.equal(first[2:], network.latent(pictures[2:]))
    monkeypatch.setattr(network, "latent", None)
    assert torch.equal(network.remembered(pictures.flip(0)), first.flip(0))
