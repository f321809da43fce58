"""CDC's and DICM's checkpoints: every key has a place, and what they decode is what the formulas give."""

from __future__ import annotations

from typing import Any

import numpy as np
import official_cdc as release
import pytest
import torch

import bench
from bench.errors import BenchError
from methods.layers import density_keys
from methods.layers.diffusion import starts
from methods.layers.latent_codec import LatentCodec

STEPS = 2
SETUPS = {"cdc:eps": (3, 2), "cdc:x": (64, 1), "dicm": (3, 2)}


def state(name: str) -> dict[str, torch.Tensor]:
    return release.stand_in(state_shapes(name))


def wrapped(name: str, own: dict[str, torch.Tensor]) -> dict[str, Any]:
    """As the authors save it, with what is not needed."""
    extra = {"loss_fn_vgg.lin0.weight": torch.zeros(1), "train_betas": torch.zeros(4)}
    if name != "cdc:x":
        return {"step": 7, "model": own | extra}
    average = {f"ema_model.{key}": value for key, value in (own | extra).items()}
    average |= {"initted": torch.tensor(True), "step": torch.tensor(7), "online_model.denoise_fn.x": torch.zeros(1)}
    return {"step": 7, "model": {key: torch.zeros_like(value) for key, value in own.items()}, "ema": average}


def sampled(name: str, s: dict[str, torch.Tensor], context: list[torch.Tensor], start: torch.Tensor) -> torch.Tensor:
    """Two steps of DDIM from the last index to the first, as released."""
    if name == "cdc:x":
        length, count = 8193, 8194
        curve = np.cos((np.linspace(0, count, count) / count + 0.008) / 1.008 * np.pi / 2) ** 2
        kept = np.cumprod(1 - np.clip(1 - curve[1:] / curve[:-1], 0, 0.999))
        times = (8192 / 8193, 0.0)
    else:
        length = 20000
        kept = np.cumprod(1 - np.linspace(1e-4 / 20, 0.02 / 20, length))
        times = (0.5, 0.0)
    noisy = start
    for time, here, there in zip(times, (kept[-1], kept[0]), (kept[0], 1.0), strict=True):
        made = release.denoise(s, noisy, time, context)
        if name == "cdc:x":
            picture = made.clamp(-1, 1)
            noise = (noisy / here**0.5 - picture) / (1 / here - 1) ** 0.5
        else:
            picture, noise = (noisy - (1 - here) ** 0.5 * made) / here**0.5, made
        noisy = there**0.5 * picture + (1 - there) ** 0.5 * noise
    return noisy


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cdc:x", "dicm"])  # cdc:eps is the latter without its side view
def test_checkpoints_decode_as_the_formulas_say(name: str) -> None:
    own, start_scale = state(name), 0.8 if name == "cdc:x" else 0.004
    for key in own:  # latents that the tables reach; and an ε of another size than the noise's is no picture
        own[key] = own[key] * (0.02 if f"enc.3.{SETUPS[name][1]}.conv" in key else 1)
        own[key] = own[key] * (0.006 if name != "cdc:x" and "final_conv.1" in key else 1)
    options = {"steps": STEPS, "start_scale": start_scale}
    codec = bench.load_codec(name, "paper", rate="r1", official=wrapped(name, own), **options).prepare()
    assert isinstance(codec, LatentCodec)
    rng = torch.Generator().manual_seed(1)
    x, y = (torch.randint(0, 256, (1, 3, 64, 64), generator=rng, dtype=torch.uint8) for _ in range(2))
    payloads = codec.encode(x)
    seen = codec.decode(payloads, y, [5])
    s, slot = {key: value.double() for key, value in own.items()}, SETUPS[name][1]
    with torch.no_grad():
        latent, bits = release.quantise(s, "context_fn", release.encode(s, "context_fn", x.double() / 127.5 - 1, slot))
        levels = release.pyramid(s, "context_fn", latent, slot)
        if name == "dicm":
            side = release.encode(s, "encode_w", y.double() / 127.5 - 1, slot)
            common = release.pyramid(s, "encode_w", release.quantise(s, "encode_w", side)[0], slot)
            levels = [a + b for a, b in zip(levels, common, strict=True)]
        wanted = sampled(name, s, levels, starts([5], (3, 64, 64), start_scale).double())
    wanted = ((wanted + 1) / 2).clamp(0, 1).mul(255).round()
    inside = (seen > 0) & (seen < 255)
    assert float(seen.float().std()) > 5 and float(inside.float().mean()) > 0.05
    assert float((seen.double() - wanted).abs().max()) <= 1
    assert float(codec.estimate_bits(x)[0]) == pytest.approx(float(bits), rel=1e-3)


@pytest.mark.parametrize("name", SETUPS)
def test_every_key_has_one_place(name: str) -> None:
    """Neither a key too few nor one too many passes; the map fills every parameter of ours."""
    from bench.registry import import_target, methods

    info = bench.codec_info(name, "paper")
    codec: Any = import_target(methods.get(info.name).target)
    with torch.device("meta"):
        ours = dict(codec.build(info).named_parameters())
    entries = codec.official_keys(info).entries
    assert set(entries) == set(state_shapes(name))
    filled = [density_keys.installed(target) for entry in entries.values() for target in entry.ours]
    assert sorted(filled) == sorted(ours)


def state_shapes(name: str) -> dict[str, tuple[int, ...]]:
    finest, slot = SETUPS[name]
    shapes = release.unet(finest)
    for root in ("context_fn", "encode_w", "context_fn_cor") if name == "dicm" else ("context_fn",):
        shapes |= release.compressor(root, finest, slot)
    return shapes


def test_a_release_of_the_other_parameterisation_is_refused() -> None:
    with pytest.raises(BenchError, match="not an official checkpoint of cdc:x: it lacks"):
        bench.load_codec("cdc:x", "paper", rate="r1", official={"model": {"denoise_fn.z": torch.zeros(2)}}).prepare()
