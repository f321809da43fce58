"""CDC's blocks and the diffusion process: published sizes, DDIM against diffusers, noise that belongs to its item."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.errors import BenchError
from methods.layers.compressor import Compressor, PyramidDecoder
from methods.layers.diffusion import Process, Step, add_noise, ddim, starts
from methods.layers.resnet import ChannelNorm, LinearAttention
from methods.layers.unet import UNet

LINEAR = Process(20000, "linear", "noise", clamp=False, ranks=True)
COSINE = Process(8193, "cosine", "picture", clamp=True)


@pytest.mark.parametrize(("out", "compressor", "unet"), [(3, 13_715_459, 39_912_707), (64, 13_777_984, 40_107_907)])
def test_blocks_have_the_published_size(out: int, compressor: int, unet: int) -> None:
    """53.6 M with three channels of context and 53.9 M with 64; 512 parameters are quantiles that the release lacks."""
    with torch.device("meta"):
        made = Compressor(out), UNet((out, 64, 128, 192))
    assert tuple(sum(p.numel() for p in part.parameters()) for part in made) == (compressor, unet)


def test_pyramid_goes_from_fine_to_coarse() -> None:
    torch.manual_seed(0)
    small = Compressor(5, (4, 6, 8, 10)).eval()
    levels, bits = small(torch.rand(2, 3, 64, 128) * 2 - 1)
    assert [tuple(level.shape[1:]) for level in levels] == [(5, 64, 128), (4, 32, 64), (6, 16, 32), (8, 8, 16)]
    assert bits.shape == (2,) and float(small.prior.bound.bound) == pytest.approx(0.1)
    joined = PyramidDecoder(10, (8, 6, 4, 3), (10, 8, 6, 4))
    assert joined[1][0].block1.block[0].in_channels == 16


def test_unet_reads_every_level_and_the_time() -> None:
    torch.manual_seed(0)
    made = UNet((3, 4, 6, 8), (4, 6, 8, 10, 12, 14), 8).eval()
    noisy = torch.randn(2, 3, 64, 64)
    context = [torch.randn(2, c, 64 >> i, 64 >> i, requires_grad=True) for i, c in enumerate((3, 4, 6, 8))]
    time = torch.tensor([0.2, 0.7], requires_grad=True)
    made(noisy, time, context).square().sum().backward()
    assert all(bool(level.grad.abs().sum() > 0) for level in context) and bool((time.grad != 0).all())


def test_norm_and_attention_are_those_of_their_formulas() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 6, 3, 5).double()
    norm, attention = ChannelNorm(6).double(), LinearAttention(6).double()
    with torch.no_grad():
        norm.g.uniform_(0.5, 2), norm.b.normal_()
    mean, variance = x.mean(1, keepdim=True), x.var(1, unbiased=False, keepdim=True)
    wanted = (x - mean) / (variance + 1e-5).sqrt() * norm.g + norm.b
    assert torch.allclose(norm(x), wanted)
    inner = attention.norm(x)
    query, key, value = (part.flatten(2) for part in attention.to_qkv(inner).chunk(3, 1))
    context = torch.einsum("bdn,ben->bde", key.softmax(-1), value)
    attended = torch.einsum("bde,bdn->ben", context, query / 6**0.5).reshape(x.shape)
    assert torch.allclose(attention(x), x + attention.to_out(attended))


def test_schedules_end_in_noise() -> None:
    for process in (LINEAR, COSINE):
        kept = process.kept()
        assert kept.shape == (process.length,) and bool((np.diff(kept) < 0).all())
        assert kept[0] > 0.999 and kept[-1] < 1e-4
    assert LINEAR.kept()[-1] == pytest.approx(4.0e-5, rel=0.1)


def denoiser(process: Process) -> tuple[object, torch.nn.Module]:
    torch.manual_seed(5)
    net = torch.nn.Conv2d(3, 3, 3, 1, 1).double()

    def predict(noisy: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        return process.estimates(net(noisy) * (1 + step.time), noisy, step.kept)

    return predict, net


@pytest.mark.parametrize("target", ["noise", "picture"])
@pytest.mark.parametrize("clamp", [False, True])
def test_ddim_is_diffusers_where_both_take_the_same_steps(target: str, clamp: bool) -> None:
    """With as many steps as indices diffusers' spacing is the release's.

    CDC's x release works out the noise anew from the clamped picture; its ε release keeps the network's.
    """
    from diffusers import DDIMScheduler

    count = 40
    process = Process(count, "linear", target, clamp)
    betas = np.linspace(1e-4 * 25, 0.02 * 25, count)
    scheduler = DDIMScheduler(
        count, trained_betas=betas, clip_sample=clamp, timestep_spacing="linspace", set_alpha_to_one=True,
        prediction_type="epsilon" if target == "noise" else "sample",
    )  # fmt: skip
    scheduler.set_timesteps(count)
    predict, net = denoiser(process)
    noisy = start = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1)).double()
    with torch.no_grad():
        for index in scheduler.timesteps:
            made = net(noisy) * (1 + float(index) / count)
            anew = target == "picture"
            noisy = scheduler.step(made, index, noisy, use_clipped_model_output=anew).prev_sample
        ours = ddim(predict, start, process.steps(count))
    assert float(ours.std()) > 0.1
    assert torch.allclose(ours, noisy, rtol=1e-4, atol=1e-5)  # its schedule is float32


def test_a_perfect_denoiser_gives_the_picture_whatever_the_steps() -> None:
    picture = torch.rand(2, 3, 8, 8).double() * 2 - 1
    for process in (LINEAR, COSINE):
        for count in (2, 7, 65):

            def predict(noisy: Tensor, step: Step, process: Process = process) -> tuple[Tensor, Tensor]:
                noise = (noisy - step.kept**0.5 * picture) / (1 - step.kept) ** 0.5
                return process.estimates(noise if process.target == "noise" else picture, noisy, step.kept)

            made = ddim(predict, torch.randn(2, 3, 8, 8).double(), process.steps(count))
            assert torch.allclose(made, picture, atol=1e-6)


def test_the_sampler_follows_the_releases_indices_and_times() -> None:
    eps, x = LINEAR.steps(5), COSINE.steps(5)
    assert [step.time for step in eps] == [0.8, 0.6, 0.4, 0.2, 0.0]
    assert [round(step.time * 8193) for step in x] == [8192, 6144, 4096, 2048, 0]
    assert [step.kept for step in eps][::-1] == [float(LINEAR.kept()[i]) for i in (0, 4999, 9999, 14999, 19999)]
    assert [step.before for step in x] == [*(step.kept for step in x[1:]), 1.0]
    assert COSINE.steps(1)[0].kept == float(COSINE.kept()[-1])
    for count in (0, 8194):
        with pytest.raises(BenchError, match="not between 1 and 8193"):
            COSINE.steps(count)


def test_noise_belongs_to_its_item() -> None:
    seeds = [3, 2**64 - 1, 17]
    together, turned = starts(seeds, (3, 8, 8), 0.8), starts(seeds[::-1], (3, 8, 8), 0.8)
    assert torch.equal(together, turned.flip(0)) and torch.equal(together[1:2], starts([2**64 - 1], (3, 8, 8), 0.8))
    assert float(starts([1], (3, 64, 64), 0.8).std()) == pytest.approx(0.8, rel=0.02)


def test_training_draws_the_marginals_of_the_schedule() -> None:
    torch.manual_seed(0)
    time, kept = COSINE.draw(4000, torch.device("cpu"))
    assert float(time.mean()) == pytest.approx(0.5, abs=0.03) and float(time.min()) >= 0 and float(time.max()) < 1
    assert torch.allclose(kept.flatten(), torch.from_numpy(COSINE.kept())[(time * 8193).round().long()].float())
    noisy = add_noise(torch.ones(2, 1, 1, 1), torch.full((2, 1, 1, 1), 2.0), torch.tensor([0.36, 1.0]).view(2, 1, 1, 1))
    assert noisy.flatten().tolist() == pytest.approx([0.6 + 0.8 * 2, 1.0])
