"""Cache keys: sha256 of canonical JSON of everything that a unit's pixels depend on.

Source text is not part of a key: a codec raises its ``revision`` by hand when its behaviour changes, so that a new
comment does not throw away a day of diffusion. The source's hash goes into ``run.json``. Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from bench.codec import CodecInfo, RatePoint
from bench.protocol import NAME as PROTOCOL
from bench.store.atomic import canonical_json


def encode_key(
    info: CodecInfo, point: RatePoint, options: dict[str, Any], weights_sha256: str, manifest: str, subset: str, n: int
) -> str:
    """Key of the bytes of one (codec, rate point, set of pairs), which controls and repetitions share.

    Args:
        info: What the codec declares; its revision stands for its behaviour.
        point: The rate point; its setting is part of the key.
        options: The codec's options, defaults included.
        weights_sha256: Digest of the weights file; empty without one.
        manifest: sha256 of the dataset's manifest.
        subset: Named subset.
        n: Number of items: a limited subset is another set.
    """
    outside = {"coders": coder_versions(info)} if info.coders else {}
    return _digest(
        outside
        | {
            "revision": info.revision,
            "method": info.name,
            "variant": info.variant,
            "preset": info.preset,
            "rate": point.name,
            "setting": dict(point.setting),
            "options": options,
            "weights": weights_sha256,
            "manifest": manifest,
            "subset": subset,
            "n": n,
            "protocol": PROTOCOL,
        }
    )


def coder_versions(info: CodecInfo) -> dict[str, str]:
    """Versions of the distributions that write a codec's bytes; empty where one is not installed."""
    found = {}
    for name in info.coders:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


def unit_key(encoding: str, repetition: int, control: str) -> str:
    """Key of one unit: the encoding's key, the repetition and the control."""
    return _digest({"encoding": encoding, "repetition": repetition, "control": control})


def _digest(value: dict[str, Any]) -> str:
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
