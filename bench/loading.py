"""From a name to a codec: ``NAME[:VARIANT]`` of the registry, or ``package.module:Class``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from bench.codec import Codec, CodecInfo, Method
from bench.errors import BenchError, UnknownName
from bench.registry import import_target, methods


def find_method(name: str) -> tuple[Method, str]:
    """Resolve ``NAME[:VARIANT]`` or ``package.module:Class`` to a method and a variant.

    Raises:
        UnknownName: No such method or variant.
    """
    base, _, variant = name.partition(":")
    if "." in base:
        method = _from_class(name)
        return method, method.default_variant
    method = methods.get(base)
    variant = variant or method.default_variant
    if variant not in method.variants:
        raise UnknownName(f"{base} has no variant {variant!r}; choose one of {', '.join(method.variants)}.")
    return method, variant


def _from_class(target: str) -> Method:
    """Wrap a codec class that carries its own ``info`` as a class attribute."""
    found = import_target(target)
    info = getattr(found, "info", None)
    if not (isinstance(found, type) and issubclass(found, Codec) and isinstance(info, CodecInfo)):
        raise BenchError(f"{target!r} is not a bench.codec.Codec with a class attribute 'info'.")
    return Method(info.name, (info.variant,), info.variant, (info.preset,), lambda v, p: info, target, info.title)


def codec_info(name: str, preset: str = "small", variant: str | None = None) -> CodecInfo:
    """Return what a codec declares, without importing its networks.

    Raises:
        UnknownName: No such method, variant or preset.
    """
    method, named = find_method(name)
    variant = variant or named
    if variant not in method.variants:
        raise UnknownName(f"{method.name} has no variant {variant!r}; choose one of {', '.join(method.variants)}.")
    presets = method.presets_of(variant)
    if preset not in presets:
        raise UnknownName(f"{method.name}:{variant} has no preset {preset!r}; choose one of {', '.join(presets)}.")
    return cast(CodecInfo, method.describe(variant, preset))


def load_codec(
    name: str,
    preset: str = "small",
    variant: str | None = None,
    rate: str | None = None,
    weights: str | Path | None = None,
    official: Any = None,
    **options: Any,
) -> Codec:
    """Return an unprepared codec at one rate point.

    Args:
        name: ``NAME[:VARIANT]``, or ``package.module:Class`` for a codec that is not registered.
        preset: ``small`` (shipped weights) or ``paper`` (published size).
        variant: Overrides the variant in ``name``.
        rate: ``r1`` … ``rk``; None only where the codec has a single rate point.
        weights: A weights file to use in place of the shipped one.
        official: A checkpoint of the authors' release, for methods that map its keys.
        options: Options that the codec's info declares; an unknown one is an error.

    Raises:
        UnknownName: No such method, variant, preset, rate or option.
    """
    info = codec_info(name, preset, variant)
    target = import_target(find_method(name)[0].target)
    extra = {} if official is None else {"official": official}
    if official is not None and not getattr(target, "reads_official", False):
        raise BenchError(f"{info.full_name} has no map for official checkpoints; load a file of ours with weights=.")
    if options.get("random_init") is True and "random_init" in info.options:
        info = info.with_random_weights()
    path = Path(weights) if weights is not None else None
    return cast(Codec, cast(Any, target)(info, info.rate(rate), path, options, **extra))
