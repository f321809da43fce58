"""CDC's and DICM's keys and shapes, and their forward pass written from its formulas, apart from the networks."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]

SCALES = (64, 128, 192, 256, 320, 384)
WIDTHS = (64, 128, 192, 256)


def _conv(name: str, out: int, channels: int, kernel: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, channels, kernel, kernel), f"{name}.bias": (out,)}


def _norm(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.{leaf}": (1, channels, 1, 1) for leaf in "gb"}


def _resnet(name: str, channels: int, out: int, time: bool, kernel: int = 3) -> dict[str, tuple[int, ...]]:
    found = {f"{name}.mlp.1.weight": (out, 64), f"{name}.mlp.1.bias": (out,)} if time else {}
    found |= _conv(f"{name}.block1.block.0", out, channels, kernel) | _norm(f"{name}.block1.block.1", out)
    found |= _conv(f"{name}.block2.block.0", out, out, 3) | _norm(f"{name}.block2.block.1", out)
    return found | (_conv(f"{name}.res_conv", out, channels, 1) if channels != out else {})


def _attention(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    inner = {f"{name}.fn.fn.to_qkv.weight": (3 * channels, channels, 1, 1)}
    return _norm(f"{name}.fn.norm", channels) | inner | _conv(f"{name}.fn.fn.to_out", channels, channels, 1)


def unet(finest: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the U-Net."""
    root, context = "denoise_fn", (finest, 64, 128, 192)
    found: dict[str, tuple[int, ...]] = {
        f"{root}.time_mlp.0.weight": (256, 1), f"{root}.time_mlp.0.bias": (256,),
        f"{root}.time_mlp.2.weight": (64, 256), f"{root}.time_mlp.2.bias": (64,),
    }  # fmt: skip
    for i, (channels, out) in enumerate(zip((3, *SCALES), SCALES, strict=False)):
        joined = context[i] if i < 4 else 0
        found |= _resnet(f"{root}.downs.{i}.0", channels + joined, out, True, 3 if i else 7)
        found |= _resnet(f"{root}.downs.{i}.1", out, out, True) | _attention(f"{root}.downs.{i}.2", out)
        found |= _conv(f"{root}.downs.{i}.3.conv", out, out, 3) if i < 5 else {}
    for i, (out, channels) in enumerate(zip(SCALES[-2::-1], SCALES[:0:-1], strict=True)):
        found |= _resnet(f"{root}.ups.{i}.0", 2 * channels, out, True) | _resnet(f"{root}.ups.{i}.1", out, out, True)
        found |= _attention(f"{root}.ups.{i}.2", out) | _conv(f"{root}.ups.{i}.3.conv", out, out, 4)
    for name in ("mid_block1", "mid_block2"):
        found |= _resnet(f"{root}.{name}", 384, 384, True)
    found |= _attention(f"{root}.mid_attn", 384) | _norm(f"{root}.final_conv.0", 64)
    return found | _conv(f"{root}.final_conv.1", 3, 64, 7)


def compressor(root: str, finest: int, slot: int) -> dict[str, tuple[int, ...]]:
    """Shapes of one compressor; ``slot`` is the index of each stage's change of resolution."""
    found: dict[str, tuple[int, ...]] = {}
    for i, (channels, out) in enumerate(zip((3, *WIDTHS), WIDTHS, strict=False)):
        found |= _resnet(f"{root}.enc.{i}.0", channels, out, False, 3 if i else 7)
        found |= _conv(f"{root}.enc.{i}.{slot}.conv", out, out, 3)
    levels = (192, 128, 64, finest)
    for i, (channels, out) in enumerate(zip((256, *levels), levels, strict=False)):
        inner = out if i < 3 else channels
        found |= _resnet(f"{root}.dec.{i}.0", channels, inner, False)
        found |= {f"{root}.dec.{i}.{slot}.conv.weight": (inner, out, 4, 4), f"{root}.dec.{i}.{slot}.conv.bias": (out,)}
    for i in range(3):
        found |= _conv(f"{root}.hyper_enc.{i}.0", 256, 256, 5 if i else 3)
        found |= _conv(f"{root}.hyper_dec.{i}.0", 256 if i < 2 else 512, 256, 5 if i < 2 else 3)
    wide = (1, 3, 3, 3, 1)
    for i in range(4):
        found |= {f"{root}.prior.affine.{i}.weight": (256, 1, 1, wide[i], wide[i + 1])}
        found |= {f"{root}.prior.affine.{i}.bias": (256, 1, 1, 1, wide[i + 1])}
        found |= {f"{root}.prior.a.{i}": (256, 1, 1, 1, 3)} if i < 3 else {}
    return found | {f"{root}.prior._medians": (1, 256, 1, 1)}


def stand_in(shapes: dict[str, tuple[int, ...]], seed: int = 4) -> State:
    """Seeded weights whose activations neither vanish nor grow."""
    rng = torch.Generator().manual_seed(seed)
    made = {}
    for name, shape in shapes.items():
        fan = max(1, torch.Size(shape[1:]).numel())
        noise = torch.randn(shape, generator=rng)
        if name.endswith(".g"):
            made[name] = 1 + 0.2 * noise
        elif "affine" in name and name.endswith("weight"):
            made[name] = 0.3 * noise
        elif name.endswith("_medians"):
            made[name] = 0.4 * noise
        else:
            made[name] = 0.1 * noise if name.endswith((".b", "bias")) or ".a." in name else noise * (2 / fan) ** 0.5
    return made


def resnet(s: State, name: str, x: Tensor, time: Tensor | None = None) -> Tensor:
    """A residual block."""

    def block(which: str, value: Tensor) -> Tensor:
        weight = s[f"{name}.{which}.block.0.weight"]
        return norm(s, f"{name}.{which}.block.1", F.conv2d(
            value, weight, s[f"{name}.{which}.block.0.bias"], padding=weight.shape[-1] // 2)).relu()  # fmt: skip

    inner = block("block1", x)
    if time is not None:
        told = F.linear(F.leaky_relu(time, 0.2), s[f"{name}.mlp.1.weight"], s[f"{name}.mlp.1.bias"])
        inner = inner + told[:, :, None, None]
    skip = f"{name}.res_conv.weight"
    return block("block2", inner) + (F.conv2d(x, s[skip], s[f"{name}.res_conv.bias"]) if skip in s else x)


def norm(s: State, name: str, x: Tensor) -> Tensor:
    """Layer norm over channels."""
    variance = x.var(1, unbiased=False, keepdim=True)
    return (x - x.mean(1, keepdim=True)) / (variance + 1e-5).sqrt() * s[f"{name}.g"] + s[f"{name}.b"]


def attention(s: State, name: str, x: Tensor) -> Tensor:
    """Linear attention beside a skip."""
    qkv = F.conv2d(norm(s, f"{name}.fn.norm", x), s[f"{name}.fn.fn.to_qkv.weight"]).flatten(2)
    query, key, value = qkv.chunk(3, 1)
    context = torch.einsum("bdn,ben->bde", key.softmax(-1), value)
    out = torch.einsum("bde,bdn->ben", context, query * x.shape[1] ** -0.5).reshape(x.shape)
    return x + F.conv2d(out, s[f"{name}.fn.fn.to_out.weight"], s[f"{name}.fn.fn.to_out.bias"])


def denoise(s: State, noisy: Tensor, time: float, context: list[Tensor]) -> Tensor:
    """The U-Net at one time."""
    root = "denoise_fn"
    told = torch.full((len(noisy), 1), time, dtype=noisy.dtype)
    told = F.gelu(F.linear(told, s[f"{root}.time_mlp.0.weight"], s[f"{root}.time_mlp.0.bias"]))
    told = F.linear(told, s[f"{root}.time_mlp.2.weight"], s[f"{root}.time_mlp.2.bias"])
    x, kept = noisy, []
    for i in range(6):
        x = torch.cat([x, context[i]], 1) if i < 4 else x
        x = resnet(s, f"{root}.downs.{i}.1", resnet(s, f"{root}.downs.{i}.0", x, told), told)
        x = attention(s, f"{root}.downs.{i}.2", x)
        kept.append(x)
        if i < 5:
            down = f"{root}.downs.{i}.3.conv"
            x = F.conv2d(x, s[f"{down}.weight"], s[f"{down}.bias"], 2, 1)
    x = attention(s, f"{root}.mid_attn", resnet(s, f"{root}.mid_block1", x, told))
    x = resnet(s, f"{root}.mid_block2", x, told)
    for i in range(5):
        x = resnet(s, f"{root}.ups.{i}.0", torch.cat([x, kept.pop()], 1), told)
        x = attention(s, f"{root}.ups.{i}.2", resnet(s, f"{root}.ups.{i}.1", x, told))
        up = f"{root}.ups.{i}.3.conv"
        x = F.conv_transpose2d(x, s[f"{up}.weight"], s[f"{up}.bias"], 2, 1)
    last = f"{root}.final_conv.1"
    return F.conv2d(norm(s, f"{root}.final_conv.0", x), s[f"{last}.weight"], s[f"{last}.bias"], padding=3)


def encode(s: State, root: str, picture: Tensor, slot: int) -> Tensor:
    """Latent of pictures in [−1, 1]."""
    for i in range(4):
        down = f"{root}.enc.{i}.{slot}.conv"
        picture = resnet(s, f"{root}.enc.{i}.0", picture)
        picture = F.conv2d(picture, s[f"{down}.weight"], s[f"{down}.bias"], 2, 1)
    return picture


def quantise(s: State, root: str, latent: Tensor) -> tuple[Tensor, Tensor]:
    """Rounded latent, and bits of both latents."""
    inner = latent
    for i in range(3):
        layer = f"{root}.hyper_enc.{i}.0"
        stride, pad = (2, 2) if i else (1, 1)
        inner = F.conv2d(inner, s[f"{layer}.weight"], s[f"{layer}.bias"], stride, pad)
        inner = F.leaky_relu(inner, 0.2) if i < 2 else inner
    centre = s[f"{root}.prior._medians"]
    hyper = inner = (inner - centre).round() + centre
    for i in range(3):
        layer = f"{root}.hyper_dec.{i}.0"
        weight, bias = s[f"{layer}.weight"], s[f"{layer}.bias"]
        if i < 2:
            inner = F.leaky_relu(F.conv_transpose2d(inner, weight, bias, 2, 2, 1), 0.2)
        else:
            inner = F.conv2d(inner, weight, bias, padding=1)
    mean, scale = inner.chunk(2, 1)
    scale = scale.clamp(min=0.1)
    rounded = (latent - mean).round()
    normal = torch.distributions.Normal(torch.zeros_like(scale), scale)
    mass = normal.cdf(0.5 - rounded.abs()) - normal.cdf(-0.5 - rounded.abs())
    lower, upper = (cumulative(s, root, hyper + half) for half in (-0.5, 0.5))
    of_hyper = (torch.sigmoid(upper) - torch.sigmoid(lower)).clamp_min(1e-9)
    return mean + rounded, -mass.clamp_min(1e-9).log2().sum() - of_hyper.log2().sum()


def cumulative(s: State, root: str, x: Tensor) -> Tensor:
    """Logits of the hyper-latent's cumulative."""
    x = x.transpose(0, 1).unsqueeze(-1)
    for i in range(4):
        x = x @ F.softplus(s[f"{root}.prior.affine.{i}.weight"]) + s[f"{root}.prior.affine.{i}.bias"]
        x = x + torch.tanh(s[f"{root}.prior.a.{i}"]) * torch.tanh(x) if i < 3 else x
    return x.squeeze(-1).transpose(0, 1)


def pyramid(s: State, root: str, latent: Tensor, slot: int) -> list[Tensor]:
    """Levels of a latent, fine to coarse."""
    levels: list[Tensor] = []
    for i in range(4):
        up = f"{root}.dec.{i}.{slot}.conv"
        latent = F.conv_transpose2d(resnet(s, f"{root}.dec.{i}.0", latent), s[f"{up}.weight"], s[f"{up}.bias"], 2, 1)
        levels.insert(0, latent)
    return levels
