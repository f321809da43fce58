"""Keys of CDC's checkpoints, which DICM's share.

A file holds ``{step, model}``, of the x release also ``ema``, a wrapper around the averaged network, which is the one
to be measured. Networks that were trained with a perceptual loss carry its VGG along; it is left out, as are the
schedule's buffers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from methods.layers.official import Entry, KeyMap, plain

IGNORED = r"(loss_fn_vgg|online_model)\..*|train_\w+|initted|step"


def cdc(variant: str) -> KeyMap:
    """The map of ``xparam`` (x) or ``epsilonparam`` (eps)."""
    entries = unet("denoise_fn") | compressor("context_fn", slots=variant == "eps")
    return KeyMap(entries, IGNORED, _averaged, untailed=("context_fn.prior.latent",))


def _averaged(key: str) -> str:
    return key.removeprefix("ema_model.")


def unet(module: str) -> dict[str, Entry]:
    """The U-Net: six scales down, five up; a skip has a convolution where the width changes.

    It does in the first block of each scale but the second, whose 64 channels and those of the pyramid make 128.
    """
    entries = plain(f"{module}.time_mlp.0", f"{module}.time_mlp.0") | plain(
        f"{module}.time_mlp.2", f"{module}.time_mlp.2"
    )
    for i in range(6):
        entries |= _block(f"{module}.downs.{i}.0", f"{module}.downs.{i}.0", skip=i != 1, time=True)
        entries |= _block(f"{module}.downs.{i}.1", f"{module}.downs.{i}.1", skip=False, time=True)
        entries |= _attention(f"{module}.downs.{i}.2")
        if i < 5:
            entries |= plain(f"{module}.downs.{i}.3.conv", f"{module}.downs.{i}.3")
    for i in range(5):
        entries |= _block(f"{module}.ups.{i}.0", f"{module}.ups.{i}.0", skip=True, time=True)
        entries |= _block(f"{module}.ups.{i}.1", f"{module}.ups.{i}.1", skip=False, time=True)
        entries |= _attention(f"{module}.ups.{i}.2") | plain(f"{module}.ups.{i}.3.conv", f"{module}.ups.{i}.3")
    for name in ("mid_block1", "mid_block2"):
        entries |= _block(f"{module}.{name}", f"{module}.{name}", skip=False, time=True)
    entries |= _attention(f"{module}.mid_attn") | plain(f"{module}.final_conv.0", f"{module}.final_conv.0", "g", "b")
    return entries | plain(f"{module}.final_conv.1", f"{module}.final_conv.1")


def compressor(module: str, slots: bool) -> dict[str, Entry]:
    """The compressor.

    Args:
        module: Its prefix, here and there.
        slots: Each stage has an empty place for the variable rate between its two layers, as in the ε release.
    """
    entries: dict[str, Entry] = {}
    change = 2 if slots else 1
    for i in range(4):
        entries |= _block(f"{module}.enc.{i}.0", f"{module}.enc.{i}.0", skip=True)
        entries |= plain(f"{module}.enc.{i}.{change}.conv", f"{module}.enc.{i}.1")
        entries |= _block(f"{module}.dec.{i}.0", f"{module}.dec.{i}.0", skip=i < 3)
        entries |= plain(f"{module}.dec.{i}.{change}.conv", f"{module}.dec.{i}.1")
    for i in range(3):
        entries |= plain(f"{module}.hyper_enc.{i}.0", f"{module}.prior.down.{2 * i}")
        entries |= plain(f"{module}.hyper_dec.{i}.0", f"{module}.prior.up.{2 * i}")
    return entries | _density(f"{module}.prior", f"{module}.prior.latent.density")


def _block(official: str, ours: str, skip: bool, time: bool = False) -> dict[str, Entry]:
    entries: dict[str, Entry] = plain(f"{official}.mlp.1", f"{ours}.mlp.1") if time else {}
    for name in ("block1", "block2"):
        entries |= plain(f"{official}.{name}.block.0", f"{ours}.{name}.block.0")
        entries |= plain(f"{official}.{name}.block.1", f"{ours}.{name}.block.1", "g", "b")
    return entries | (plain(f"{official}.res_conv", f"{ours}.res_conv") if skip else {})


def _attention(module: str) -> dict[str, Entry]:
    inner = f"{module}.fn.fn"
    entries = plain(f"{module}.fn.norm", f"{module}.norm", "g", "b")
    return (
        entries | plain(f"{inner}.to_qkv", f"{module}.to_qkv", "weight") | plain(f"{inner}.to_out", f"{module}.to_out")
    )


def _density(official: str, ours: str) -> dict[str, Entry]:
    """The hyper-latent's density; its medians become the middle quantiles, whose tails are fitted."""
    entries: dict[str, Entry] = {}
    for i in range(4):
        entries[f"{official}.affine.{i}.weight"] = Entry((f"{ours}._matrix{i}",), _matrix)
        entries[f"{official}.affine.{i}.bias"] = Entry((f"{ours}._bias{i}",), _column)
        if i < 3:
            entries[f"{official}.a.{i}"] = Entry((f"{ours}._factor{i}",), _column)
    entries[f"{official}._medians"] = Entry((f"{ours}.quantiles",), _quantiles)
    return entries


def _matrix(tensor: Tensor) -> tuple[Tensor, ...]:
    """``(C, 1, 1, in, out)`` to ``(C, out, in)``."""
    return (tensor.flatten(1, 2).squeeze(1).transpose(1, 2) if tensor.dim() == 5 else tensor,)


def _column(tensor: Tensor) -> tuple[Tensor, ...]:
    """``(C, 1, 1, 1, out)`` to ``(C, out, 1)``."""
    return (tensor.flatten(1, 3).transpose(1, 2) if tensor.dim() == 5 else tensor,)


def _quantiles(tensor: Tensor) -> tuple[Tensor, ...]:
    """Medians ``(1, C, 1, 1)`` to quantiles ``(C, 1, 3)`` without width."""
    return (tensor.flatten()[:, None, None] + torch.zeros(3),)
