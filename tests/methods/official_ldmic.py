"""LDMIC's checkpoints and what its code computes with them, written down apart from our network."""

from __future__ import annotations

import torch
from official_releases import Shapes, State, conv, deconv
from torch import Tensor
from torch.nn import functional as F

N = 192


def shapes() -> Shapes:
    """Keys of the two classes, which are alike; CompressAI's names up to 1.2.6 for the entropy bottleneck."""
    found: Shapes = {}
    for i in range(0, 7, 2):
        found |= conv(f"encoder.{i}", N, 3 if i == 0 else N)
    found |= conv("hyperprior.hyper_encoder.0", N, N, 3)
    found |= conv("hyperprior.hyper_encoder.2", N, N) | conv("hyperprior.hyper_encoder.4", N, N)
    found |= deconv("hyperprior.hyper_decoder.0", N, 192) | deconv("hyperprior.hyper_decoder.2", 192, 288)
    found |= conv("hyperprior.hyper_decoder.4", 384, 288, 3)
    bottleneck = "hyperprior.entropy_bottleneck"
    for i, (rows, columns) in enumerate(((3, 1), (3, 3), (3, 3), (3, 3), (1, 3))):
        found |= {f"{bottleneck}._matrix{i}": (N, rows, columns), f"{bottleneck}._bias{i}": (N, rows, 1)}
        found |= {f"{bottleneck}._factor{i}": (N, rows, 1)} if i < 4 else {}
    found |= conv("context_prediction", 384, 192)
    for i, (out, channels) in enumerate(((640, 768), (512, 640), (384, 512))):
        found |= conv(f"entropy_parameters.{2 * i}", out, channels, 1)
    found |= deconv("decoder_1.0", N, N) | deconv("decoder_1.2", N, N)
    found |= deconv("decoder_2.0", N, N) | deconv("decoder_2.2", N, 3)
    for name in (*(f"encoder.{i}" for i in (1, 3, 5)), "decoder_1.1", "decoder_1.3", "decoder_2.1"):
        found |= {f"{name}.gamma": (N, N), f"{name}.beta": (N,)}
    for module in ("atten_3", "atten_4"):
        for block in ("rb1", "rb2", "refine.0", "refine.1"):
            found |= conv(f"{module}.{block}.conv1", N, 2 * N if block == "refine.0" else N, 3)
            found |= conv(f"{module}.{block}.conv2", N, N, 3)
        found |= conv(f"{module}.refine.0.skip", N, 2 * N, 1)
        for part, out, channels in (("keys", 24, N), ("queries", 24, N), ("values", 48, N), ("reprojection", N, 48)):
            found |= conv(f"{module}.attn.{part}", out, channels, 1)
    return found


def transposed(key: str) -> bool:
    return key.startswith(("decoder_", "hyperprior.hyper_decoder.0", "hyperprior.hyper_decoder.2"))


def _gdn(state: State, name: str, x: Tensor, inverse: bool = False) -> Tensor:
    """CompressAI's GDN: γ[j, i] weighs channel i in the norm of channel j."""
    gamma = state[f"{name}.gamma"].clamp_min(2.0**-18) ** 2 - 2.0**-36
    beta = state[f"{name}.beta"].clamp_min((1e-6 + 2.0**-36) ** 0.5) ** 2 - 2.0**-36
    norm = torch.einsum("nihw,ji->njhw", x * x, gamma) + beta[:, None, None]
    return x * norm.sqrt() if inverse else x / norm.sqrt()


def _conv(state: State, name: str, x: Tensor, stride: int = 1) -> Tensor:
    weight = state[f"{name}.weight"]
    return F.conv2d(x, weight, state[f"{name}.bias"], stride, weight.shape[-1] // 2)


def _up(state: State, name: str, x: Tensor) -> Tensor:
    return F.conv_transpose2d(x, state[f"{name}.weight"], state[f"{name}.bias"], 2, 2, 1)


def encode(state: State, x: Tensor) -> Tensor:
    for i in range(7):
        x = _gdn(state, f"encoder.{i}", x) if i % 2 else _conv(state, f"encoder.{i}", x, 2)
    return x


def _residual(state: State, name: str, x: Tensor) -> Tensor:
    inner = F.leaky_relu(_conv(state, f"{name}.conv1", x), 0.01)
    inner = F.leaky_relu(_conv(state, f"{name}.conv2", inner), 0.01)
    return inner + (_conv(state, f"{name}.skip", x) if f"{name}.skip.weight" in state else x)


def _attend(state: State, name: str, own: Tensor, other: Tensor) -> Tensor:
    """Two heads, one after the other: keys over positions, queries over channels."""
    keys, values = (_conv(state, f"{name}.{part}", other).flatten(2) for part in ("keys", "values"))
    queries = _conv(state, f"{name}.queries", own).flatten(2)
    heads = []
    for k, q, v in zip(keys.split(12, 1), queries.split(12, 1), values.split(24, 1), strict=True):
        context = torch.einsum("nkp,nvp->nkv", k.softmax(2), v)
        heads.append(torch.einsum("nkv,nkp->nvp", context, q.softmax(1)))
    return _conv(state, f"{name}.reprojection", torch.cat(heads, 1).view(own.shape[0], 48, *own.shape[2:]))


def _transfer(state: State, name: str, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    own = [_residual(state, f"{name}.rb2", _residual(state, f"{name}.rb1", view)) for view in (x, y)]
    out = []
    for view, mine, other in ((x, own[0], own[1]), (y, own[1], own[0])):
        joined = torch.cat([_attend(state, f"{name}.attn", mine, other), mine], 1)
        out.append(view + _residual(state, f"{name}.refine.1", _residual(state, f"{name}.refine.0", joined)))
    return out[0], out[1]


def decode(state: State, x: Tensor, y: Tensor) -> Tensor:
    views = []
    for view in _transfer(state, "atten_3", x, y):
        for i in range(4):
            view = _gdn(state, f"decoder_1.{i}", view, True) if i % 2 else _up(state, f"decoder_1.{i}", view)
        views.append(view)
    picture = _up(state, "decoder_2.0", _transfer(state, "atten_4", *views)[0])
    return _up(state, "decoder_2.2", _gdn(state, "decoder_2.1", picture, True))


def hyper(state: State, latent: Tensor, medians: Tensor) -> tuple[Tensor, Tensor]:
    """Quantised hyper-latent and features."""
    z = latent
    for i in (0, 2, 4):
        z = _conv(state, f"hyperprior.hyper_encoder.{i}", z, 2 if i else 1)
        z = F.leaky_relu(z, 0.01) if i < 4 else z
    z = torch.round(z - medians) + medians
    features = F.leaky_relu(_up(state, "hyperprior.hyper_decoder.0", z), 0.01)
    features = F.leaky_relu(_up(state, "hyperprior.hyper_decoder.2", features), 0.01)
    return z, _conv(state, "hyperprior.hyper_decoder.4", features)


def quantise(state: State, latent: Tensor, features: Tensor, checkerboard: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Quantised latent with means and scales: whole maps are computed for every position, one after the other."""
    weight = state["context_prediction.weight"].clone()
    rows, columns = torch.arange(5)[:, None], torch.arange(5)[None]
    keep = (rows + columns) % 2 == 1 if checkerboard else (rows < 2) | ((rows == 2) & (columns < 2))
    weight = weight * keep
    height, width = latent.shape[2:]
    places = [(i, j) for i in range(height) for j in range(width)]
    if checkerboard:
        places.sort(key=lambda place: (place[0] + place[1]) % 2 == 0)
    known, means, scales = torch.zeros_like(latent), torch.zeros_like(latent), torch.zeros_like(latent)
    for i, j in places:
        context = F.conv2d(known, weight, state["context_prediction.bias"], padding=2)
        if checkerboard and (i + j) % 2 == 1:
            context = torch.zeros_like(context)
        parameters = torch.cat([context, features] if checkerboard else [features, context], 1)
        for k in (0, 2, 4):
            parameters = _conv(state, f"entropy_parameters.{k}", parameters)
            parameters = F.leaky_relu(parameters, 0.01) if k < 4 else parameters
        first, second = parameters[:, :, i, j].chunk(2, 1)
        mean, scale = (second, first) if checkerboard else (first, second)
        means[:, :, i, j], scales[:, :, i, j] = mean, scale.clamp_min(0.11)
        known[:, :, i, j] = torch.round(latent[:, :, i, j] - mean) + mean
    return known, means, scales
