"""Which codec is under test, in a form that can be sent to another process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.codec import Codec, CodecInfo
from bench.loading import codec_info, load_codec
from bench.registry import methods


@dataclass(frozen=True)
class Target:
    """A codec under test.

    Attributes:
        method: ``NAME[:VARIANT]`` or ``package.module:Class``.
        preset: Preset.
        weights: Weights file in place of the shipped one.
        options: Options that the codec declares.
    """

    method: str
    preset: str = "small"
    weights: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.method if self.preset == "small" else f"{self.method}/{self.preset}"

    @property
    def info(self) -> CodecInfo:
        """What the codec declares."""
        return codec_info(self.method, self.preset)

    def load(self, rate: str | None, device: str = "cpu") -> Codec:
        """The codec at one rate point, prepared on ``device``."""
        codec = load_codec(self.method, self.preset, rate=rate, weights=self.weights, **self.options)
        return codec.prepare(device)

    def message(self) -> dict[str, Any]:
        """The arguments as plain data."""
        return asdict(self)


def every_target(preset: str = "small") -> list[Target]:
    """All variants of all registered methods that have ``preset``; a method that cannot be imported raises."""
    return [
        Target(f"{name}:{variant}", preset)
        for name in methods
        for method in [methods.get(name)]
        for variant in method.variants
        if preset in method.presets_of(variant)
    ]
