"""What the releases hold and compute, written down apart from our networks: key lists and plain forward passes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

Shapes = dict[str, tuple[int, ...]]
State = Mapping[str, Tensor]
N = 192


def conv(name: str, out: int, channels: int, kernel: int = 5, bias: bool = True) -> Shapes:
    shapes: Shapes = {f"{name}.weight": (out, channels, kernel, kernel)}
    return shapes | ({f"{name}.bias": (out,)} if bias else {})


def deconv(name: str, channels: int, out: int, kernel: int = 5) -> Shapes:
    return {f"{name}.weight": (channels, out, kernel, kernel), f"{name}.bias": (out,)}


def gdn(name: str) -> Shapes:
    return {f"{name}.gamma": (N, N), f"{name}.beta": (N,)}


def bottleneck(name: str) -> Shapes:
    """Filters (3, 3, 3): matrices 1→3→3→3→1, all factors in one tensor, no quantiles."""
    shapes: Shapes = {f"{name}.factors": (3, N, 3, 1)}
    for i, (rows, columns) in enumerate(((3, 1), (3, 3), (3, 3), (1, 3))):
        shapes |= {f"{name}.matrix{i}": (N, rows, columns), f"{name}.bias{i}": (N, rows, 1)}
    return shapes


def encoder(suffix: str = "") -> Shapes:
    shapes: Shapes = {}
    for i in range(1, 5):
        shapes |= conv(f"conv{i}{suffix}", N, 3 if i == 1 else N)
        shapes |= gdn(f"gdn{i}{suffix}") if i < 4 else {}
    return shapes


def decoder(first: int, suffix: str = "") -> Shapes:
    shapes: Shapes = {}
    for i in range(1, 5):
        shapes |= deconv(f"deconv{i}{suffix}", first if i == 1 else N, 3 if i == 4 else N)
        shapes |= gdn(f"igdn{i}{suffix}") if i < 4 else {}
    return shapes


def hyper(down: str, up: str) -> Shapes:
    shapes = conv(f"{down}.conv_h1", N, N, 3) | conv(f"{down}.conv_h2", N, N)
    shapes |= conv(f"{down}.conv_h3", N, N, bias=False) | deconv(f"{up}.conv_h4", N, N)
    return shapes | deconv(f"{up}.conv_h5", N, N) | deconv(f"{up}.conv_h6", N, N, 3)


def ndic(hyperprior: bool) -> Shapes:
    shapes = encoder() | encoder("_cor") | encoder("_w") | decoder(2 * N) | decoder(2 * N, "_cor")
    if not hyperprior:
        return (
            shapes
            | bottleneck("entropy_bottleneck")
            | bottleneck("entropy_bottleneck_hx")
            | bottleneck("entropy_bottleneck_hy")
        )
    for part in ("sigma_x", "sigma_y", "common_info"):
        shapes |= bottleneck(f"entropy_bottleneck_{part}")
    return shapes | hyper("ha_primary_image", "hs_primary_image") | hyper("ha_cor_image", "hs_cor_image")


def balle2017() -> Shapes:
    shapes = conv("conv1", N, 3, 9) | conv("conv2", N, N) | conv("conv3", N, N) | gdn("gdn1") | gdn("gdn2")
    shapes |= deconv("deconv1", N, N) | deconv("deconv2", N, N) | deconv("deconv3", N, 3, 9)
    return shapes | gdn("igdn2") | gdn("igdn3") | bottleneck("entropy_bottleneck")


def balle2018() -> Shapes:
    return encoder() | decoder(N) | hyper("ha", "hs") | bottleneck("entropy_bottleneck")


def atn() -> Shapes:
    """NDIC-B17 with 384 channels into every deconvolution of x, and three modules for maps of 16×32 to 64×128."""
    shapes = ndic(hyperprior=False)
    for i in (2, 3, 4):
        shapes |= deconv(f"deconv{i}", 2 * N, 3 if i == 4 else N)
    for i, pixels in enumerate((32, 128, 512), 1):
        for view in "xy":
            shapes |= {f"ca{i}.to_patch_embedding_{view}.1.weight": (256, pixels)}
            shapes |= {
                f"ca{i}.to_patch_embedding_{view}.1.bias": (256,),
                f"ca{i}.attn.to_qkv_{view}.weight": (6144, 256),
            }
        shapes |= {f"ca{i}.norm.weight": (256,), f"ca{i}.norm.bias": (256,)}
        shapes |= {f"ca{i}.attn.to_out.0.weight": (256, 2048), f"ca{i}.attn.to_out.0.bias": (256,)}
        shapes |= {f"ca{i}.unpack_embedding_y.0.weight": (pixels, 256), f"ca{i}.unpack_embedding_y.0.bias": (pixels,)}
    return shapes


def _transposed(key: str) -> bool:
    return any(part in key for part in ("deconv", "conv_h4", "conv_h5", "conv_h6"))


def stand_ins(
    shapes: Mapping[str, tuple[int, ...]],
    scale: Mapping[str, float] | None = None,
    add: Mapping[str, float] | None = None,
    transposed: Callable[[str], bool] = _transposed,
) -> dict[str, Tensor]:
    """Weights by the recipe of the reference vectors, each key from its own seed."""
    state = {}
    for key, shape in shapes.items():
        rs = np.random.RandomState(zlib.crc32(key.encode()))
        if "gamma" in key:
            value = 0.1 * np.eye(shape[0]) + 0.01 * rs.rand(*shape) + 2**-18
        elif key.endswith("beta"):
            value = 1 + 0.2 * rs.rand(*shape)
        elif "entropy_bottleneck" in key or "factors" in key or "matri" in key:
            value = 0.3 * rs.randn(*shape)
        elif len(shape) >= 2:
            fan = shape[0] * np.prod(shape[2:]) / 4 if transposed(key) else np.prod(shape[1:])
            value = rs.randn(*shape) * np.sqrt(2 / fan)
        else:
            value = 0.05 * rs.randn(*shape)
        single = np.asarray(value, np.float32) * np.float32((scale or {}).get(key, 1))
        state[key] = torch.from_numpy(np.asarray(single + np.float32((add or {}).get(key, 0)), np.float32))
    return state


def normalise(state: State, name: str, x: Tensor, inverse: bool = False) -> Tensor:
    """GDN: γ[i, j] weighs channel i in the norm of channel j; both stored as roots with an offset of 2⁻¹⁸."""
    pedestal = 2.0**-36
    gamma = state[f"{name}.gamma"].clamp_min(2.0**-18) ** 2 - pedestal
    beta = state[f"{name}.beta"].clamp_min((1e-6 + pedestal) ** 0.5) ** 2 - pedestal
    norm = torch.einsum("nihw,ij->njhw", x * x, gamma) + beta[:, None, None]
    return x * norm.sqrt() if inverse else x / norm.sqrt()


def analyse(state: State, x: Tensor, suffix: str = "", kernels: tuple[int, ...] = (5, 5, 5, 5)) -> Tensor:
    for i, kernel in enumerate(kernels, 1):
        weight, bias = state[f"conv{i}{suffix}.weight"], state[f"conv{i}{suffix}.bias"]
        x = F.conv2d(x, weight, bias, stride=4 if kernel == 9 else 2, padding=kernel // 2)
        x = normalise(state, f"gdn{i}{suffix}", x) if i < len(kernels) else x
    return x


def synthesise(state: State, latent: Tensor, order: tuple[int, ...] = (1, 2, 3, 4), suffix: str = "") -> Tensor:
    """``order`` names the deconvolution of each stage: the first release had (1, 2, 2, 4)."""
    for stage, i in enumerate(order, 1):
        weight, bias = state[f"deconv{i}{suffix}.weight"], state[f"deconv{i}{suffix}.bias"]
        latent = F.conv_transpose2d(latent, weight, bias, 2, 2, 1)
        latent = normalise(state, f"igdn{stage}{suffix}", latent, True) if stage < 4 else latent
    return latent


def synthesise2017(state: State, latent: Tensor) -> Tensor:
    """Ballé2017's mirror; its inverse GDNs are called igdn2 and igdn3."""
    for i in (1, 2):
        latent = F.conv_transpose2d(latent, state[f"deconv{i}.weight"], state[f"deconv{i}.bias"], 2, 2, 1)
        latent = normalise(state, f"igdn{i + 1}", latent, True)
    return F.conv_transpose2d(latent, state["deconv3.weight"], state["deconv3.bias"], 4, 4, 3)


def density_bits(state: State, name: str, values: Tensor) -> float:
    """Bits of values as they are, in float32, both tails read near 1: what lies below 2⁻²⁵ costs the floor."""
    flat = values.float().transpose(0, 1).reshape(N, 1, -1)

    def cumulative(logits: Tensor) -> Tensor:
        for i in range(4):
            logits = F.softplus(state[f"{name}.matrix{i}"].float()) @ logits + state[f"{name}.bias{i}"].float()
            if i < 3:
                logits = logits + torch.tanh(state[f"{name}.factors"][i].float()) * torch.tanh(logits)
        return logits

    lower, upper = cumulative(flat - 0.5), cumulative(flat + 0.5)
    sign = torch.sign(lower + upper)
    mass = (torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower)).abs().clamp_min(1e-9)
    return float(-torch.log2(mass).double().sum())


def scales(state: State, down: str, up: str, latent: Tensor) -> tuple[Tensor, Tensor]:
    """Rounded hyper-latent and scales; no ReLU after the first layer nor after the last, no bias in the third."""
    part = {key.split(".", 1)[1]: value for key, value in state.items() if key.startswith((f"{down}.", f"{up}."))}
    z = F.conv2d(latent.abs(), part["conv_h1.weight"], part["conv_h1.bias"], 1, 1)
    z = F.conv2d(z, part["conv_h2.weight"], part["conv_h2.bias"], 2, 2).relu()
    z = torch.round(F.conv2d(z, part["conv_h3.weight"], None, 2, 2))
    sigma = F.conv_transpose2d(z, part["conv_h4.weight"], part["conv_h4.bias"], 2, 2, 1).relu()
    sigma = F.conv_transpose2d(sigma, part["conv_h5.weight"], part["conv_h5.bias"], 2, 2, 1).relu()
    sigma = F.conv_transpose2d(sigma, part["conv_h6.weight"], part["conv_h6.bias"], 1, 1)
    return z, sigma.clamp_min(0.11)


def gaussian_bits(values: Tensor, sigma: Tensor) -> float:
    """Bits of integers under a zero-mean Gaussian convolved with the unit box."""
    normal = torch.distributions.Normal(0.0, 1.0)
    size = values.abs()
    mass = normal.cdf((0.5 - size) / sigma) - normal.cdf((-0.5 - size) / sigma)
    return float(-torch.log2(mass.clamp_min(1e-9)).sum())


def cross_attend(state: State, name: str, x: Tensor, y: Tensor) -> Tensor:
    """What x finds in y: a channel's 4×4 patches are tokens; queries of x, keys and values of y, eight heads."""
    channels, height, width = x.shape[1:]

    def tokens(maps: Tensor, view: str) -> Tensor:
        patches = F.unfold(maps.transpose(0, 1), (height // 4, width // 4), stride=(height // 4, width // 4))
        flat = patches.transpose(1, 2).reshape(16 * channels, -1)
        layer = f"{name}.to_patch_embedding_{view}.1"
        embedded = flat @ state[f"{layer}.weight"].T + state[f"{layer}.bias"]
        normed = (embedded - embedded.mean(1, True)) / (embedded.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
        return normed * state[f"{name}.norm.weight"] + state[f"{name}.norm.bias"]

    of_x, of_y = state[f"{name}.attn.to_qkv_x.weight"], state[f"{name}.attn.to_qkv_y.weight"]
    q, k, v = tokens(x, "x") @ of_x[:2048].T, tokens(y, "y") @ of_y[2048:4096].T, tokens(y, "y") @ of_y[4096:].T
    heads = [
        ((a @ b.T) / 16).softmax(1) @ c
        for a, b, c in zip(q.split(256, 1), k.split(256, 1), v.split(256, 1), strict=True)
    ]
    found = torch.cat(heads, 1) @ state[f"{name}.attn.to_out.0.weight"].T + state[f"{name}.attn.to_out.0.bias"]
    out = found @ state[f"{name}.unpack_embedding_y.0.weight"].T + state[f"{name}.unpack_embedding_y.0.bias"]
    patches = out.view(channels, 16, -1).transpose(1, 2)
    folded = F.fold(patches, (height, width), (height // 4, width // 4), stride=(height // 4, width // 4))
    return folded.transpose(0, 1)


def synthesise_atn(state: State, latent: Tensor, own: Tensor, common: Tensor) -> Tensor:
    """Both decoders in lockstep; x attends to y after the first three stages."""
    x, y = torch.cat([latent, common], 1), torch.cat([own, common], 1)
    for i in (1, 2, 3):
        x = F.conv_transpose2d(x, state[f"deconv{i}.weight"], state[f"deconv{i}.bias"], 2, 2, 1)
        y = F.conv_transpose2d(y, state[f"deconv{i}_cor.weight"], state[f"deconv{i}_cor.bias"], 2, 2, 1)
        x, y = normalise(state, f"igdn{i}", x, True), normalise(state, f"igdn{i}_cor", y, True)
        x = torch.cat([x, cross_attend(state, f"ca{i}", x, y)], 1)
    return F.conv_transpose2d(x, state["deconv4.weight"], state["deconv4.bias"], 2, 2, 1)


FADE = {"scale": {"deconv4.weight": 0.0115}, "add": {"deconv4.bias": 0.5}}
"""Brings the stand-ins' pictures into [0, 1], as in the reference vectors."""

RELEASES: dict[str, tuple[Shapes, dict[str, Any]]] = {
    "ndic:b17": (ndic(hyperprior=False), FADE),
    "ndic:b17-release": (ndic(hyperprior=False), FADE),
    "ndic:b18": (ndic(hyperprior=True), FADE),
    "ndic:b18-release": (ndic(hyperprior=True), FADE),
    "balle2017": (balle2017(), {"scale": {"deconv3.weight": 0.02}, "add": {"deconv3.bias": 0.5}}),
    "balle2018:ndic": (balle2018(), FADE),
}


def pictures(count: int, height: int, width: int) -> Tensor:
    """Smooth random pictures with some noise, uint8."""
    rng = torch.Generator().manual_seed(11)
    coarse = torch.rand(count, 3, 5, 7, generator=rng)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    noisy = smooth + 0.1 * torch.randn(smooth.shape, generator=rng)
    return noisy.clamp(0, 1).mul(255).round().to(torch.uint8)
