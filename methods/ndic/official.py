"""Keys of NDIC's release: NDIC itself, and its Ballé2017 and Ballé2018.

The release's GDN keeps γ transposed; its entropy bottleneck keeps all factors in one tensor and has no quantiles.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from torch import Tensor

from methods.layers.official import Entry, KeyMap, plain

TAPS = ("conv1", "gdn1", "conv2", "gdn2", "conv3", "gdn3", "conv4")
"""The analysis transform's modules, in our order."""

UPS = ("deconv1", "igdn1", "deconv2", "igdn2", "deconv3", "igdn3", "deconv4")
"""The synthesis transform's modules."""

_RELEASED = "those of the authors' published files, whose decoder applied deconv2 twice"


def stack(modules: Sequence[str], ours: str, suffix: str = "") -> dict[str, Entry]:
    """A transform: convolutions and GDNs, one after the other."""
    found = {}
    for index, module in enumerate(modules):
        official, place = module + suffix, f"{ours}.{index}"
        if "gdn" in module:
            found[f"{official}.gamma"] = Entry((f"{place}.gamma",), _transposed)
            found[f"{official}.beta"] = Entry((f"{place}.beta",))
        else:
            found |= plain(official, place)
    return found


def density(official: str, ours: str) -> dict[str, Entry]:
    """An entropy bottleneck with the filters (3, 3, 3)."""
    found = {f"{official}.factors": Entry(tuple(f"{ours}.density._factor{i}" for i in range(3)), _unbound)}
    for i in range(4):
        found[f"{official}.matrix{i}"] = Entry((f"{ours}.density._matrix{i}",))
        found[f"{official}.bias{i}"] = Entry((f"{ours}.density._bias{i}",))
    return found


def hyper(down: str, up: str, prior: str) -> dict[str, Entry]:
    """The hyper transforms, which end in a convolution without bias and in one without ReLU."""
    return (
        plain(f"{down}.conv_h1", f"{prior}.down.1")
        | plain(f"{down}.conv_h2", f"{prior}.down.2")
        | plain(f"{down}.conv_h3", f"{prior}.down.4", "weight")
        | plain(f"{up}.conv_h4", f"{prior}.up.0")
        | plain(f"{up}.conv_h5", f"{prior}.up.2")
        | plain(f"{up}.conv_h6", f"{prior}.up.4")
    )


PRIORS = ("prior.latent", "own_prior.latent", "common_prior.latent")
"""Our bottlenecks of the picture's latent, of the side view's and of the common information."""


def views() -> dict[str, Entry]:
    """Transforms of both views, and the analysis of the common information."""
    down = stack(TAPS, "g_a") | stack(TAPS, "own_a", "_cor") | stack(TAPS, "common", "_w")
    return down | stack(UPS, "g_s") | stack(UPS, "own_s", "_cor")


def factorized() -> dict[str, Entry]:
    """The three bottlenecks on Ballé2017's prior."""
    names = ("entropy_bottleneck_hx", "entropy_bottleneck_hy", "entropy_bottleneck")
    return {key: entry for pair in zip(names, PRIORS, strict=True) for key, entry in density(*pair).items()}


def ndic(variant: str) -> KeyMap:
    """NDIC's map for ``b17`` and ``b18``, and with the decoder of the first release for those with ``-release``.

    That decoder ran ``deconv2`` in the place of ``deconv3``, which lies in the files and was never trained.
    """
    hyperprior, release = variant.startswith("b18"), "-release" in variant
    entries = views()
    if release:
        for leaf in ("weight", "bias"):
            for suffix, ours in (("", "g_s"), ("_cor", "own_s")):
                del entries[f"deconv3{suffix}.{leaf}"]
                entries[f"deconv2{suffix}.{leaf}"] = Entry((f"{ours}.2.{leaf}", f"{ours}.4.{leaf}"), _twice)
    if hyperprior:
        entries |= hyper("ha_primary_image", "hs_primary_image", "prior")
        entries |= hyper("ha_cor_image", "hs_cor_image", "own_prior")
        for part, ours in zip(("sigma_x", "sigma_y", "common_info"), PRIORS, strict=True):
            entries |= density(f"entropy_bottleneck_{part}", ours)
    else:
        entries |= factorized()
    return KeyMap(
        entries,
        ignored=r"deconv3(_cor)?\.(weight|bias)" if release else "(?!)",
        spell=str if hyperprior else _with_w,
        untailed=PRIORS,
        advice=(lambda keys: None) if release or hyperprior else _first_names,
    )


def balle2017() -> KeyMap:
    """Ballé2017 of NDIC's release; its inverse GDNs are numbered from 2."""
    entries = stack(TAPS[:4] + ("conv3",), "g_a") | stack(("deconv1", "igdn2", "deconv2", "igdn3", "deconv3"), "g_s")
    return KeyMap(entries | density("entropy_bottleneck", "prior.latent"), untailed=("prior.latent",))


def balle2018() -> KeyMap:
    """Ballé2018 of NDIC's release."""
    entries = stack(TAPS, "g_a") | stack(UPS, "g_s") | hyper("ha", "hs", "prior")
    return KeyMap(entries | density("entropy_bottleneck", "prior.latent"), untailed=("prior.latent",))


def _with_w(key: str) -> str:
    """The published B17 files call the common information z; the code calls it w, and has no other z in any key."""
    return key.replace("z", "w")


def _first_names(keys: Collection[str]) -> str | None:
    old = any("z" in key for key in keys)
    return f"Its names are {_RELEASED}: --variant b17-release decodes them as the authors did." if old else None


def _transposed(gamma: Tensor) -> tuple[Tensor, ...]:
    return (gamma.transpose(0, -1),)


def _unbound(factors: Tensor) -> tuple[Tensor, ...]:
    return factors.unbind(0) if factors.dim() else (factors,)


def _twice(tensor: Tensor) -> tuple[Tensor, ...]:
    return (tensor, tensor)
