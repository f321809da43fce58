"""The parts themselves: from a folder or snapshot, or with random weights from the configurations kept here."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.errors import BenchError
from methods.foundation.source import Source
from methods.foundation.words import StandInTokenizer, Tokenizer, Words
from methods.layers.untrained import default_dtype, seeded

CONFIGS = Path(__file__).parent / "configs"
"""Configurations of foundations that random weights can be made for, one folder each."""


def _class(name: str, config: Mapping[str, Any]) -> Any:
    """Class of a part; imports diffusers or transformers."""
    if name in ("vae", "unet"):
        import diffusers

        diffusers.utils.logging.disable_progress_bar()
        return diffusers.AutoencoderKL if name == "vae" else diffusers.UNet2DConditionModel
    import transformers

    transformers.utils.logging.disable_progress_bar()
    if name == "text_encoder":
        return transformers.CLIPTextModel
    kind = config.get("model_type")
    known = {"blip": "BlipForConditionalGeneration", "blip-2": "Blip2ForConditionalGeneration"}
    if kind not in known:
        raise BenchError(f"The captioner is a {kind!r} model; known are {' and '.join(known)}.")
    return getattr(transformers, known[kind])


class Parts(ABC):
    """Parts of one foundation, each loaded when first asked for.

    Args:
        dtype: Arithmetic of the networks.
    """

    def __init__(self, dtype: torch.dtype = torch.float32) -> None:
        self.dtype = dtype

    @abstractmethod
    def config(self, name: str) -> Mapping[str, Any]:
        """Return the configuration of ``vae``, ``unet``, ``scheduler``, ``text_encoder`` or ``captioner``."""

    @abstractmethod
    def words(self, name: str) -> Words:
        """Return the tokenizer of ``text_encoder`` or ``captioner``."""

    @abstractmethod
    def _load(self, name: str) -> nn.Module: ...

    def module(self, name: str) -> Any:
        """Return a frozen network on the CPU: ``vae``, ``unet``, ``text_encoder`` or ``captioner``.

        Raises:
            MissingWeights, BenchError: It is not here, or not what it should be.
        """
        return self._load(name).eval().requires_grad_(False)

    def untrained_unet(self, **changed: Any) -> Any:
        """Return a U-Net of this foundation's sizes, but for what is ``changed``, with fresh weights."""
        import diffusers

        sizes = {key: value for key, value in self.config("unet").items() if not key.startswith("_")}
        return diffusers.UNet2DConditionModel.from_config({**sizes, **changed})


class Stored(Parts):
    """Parts in a folder or in the hub's cache.

    Args:
        source: Where VAE, U-Net, scheduler, text model and tokenizer are.
        captioner: Where the captioner is, if it is a repository of its own; else it is a part like the others.
        dtype: Arithmetic of the networks.
    """

    def __init__(self, source: Source, captioner: Source | None = None, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(dtype)
        self.source, self.captioner = source, captioner or source

    def _of(self, name: str) -> Source:
        return self.captioner if name == "captioner" else self.source

    def config(self, name: str) -> Mapping[str, Any]:
        """See :meth:`Parts.config`."""
        return self._of(name).config(name)

    def words(self, name: str) -> Words:
        """See :meth:`Parts.words`."""
        own = name == "captioner" and self.captioner.flat
        return Tokenizer(self._of(name).part("captioner" if own else "tokenizer"))

    def _load(self, name: str) -> nn.Module:
        source = self._of(name)
        folder, kind = source.part(name), _class(name, source.config(name))
        diffusers = name in ("vae", "unet")
        try:
            found: nn.Module = kind.from_pretrained(
                folder,
                use_safetensors=True,
                local_files_only=True,
                **{"torch_dtype" if diffusers else "dtype": self.dtype},
            )
        except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise BenchError(f"{folder} cannot be read as the part {name!r}: {first.rstrip('.')}.") from error
        return found


class Untrained(Parts):
    """Random weights of the published sizes, so that the whole path can be tried where no hub can be reached.

    Args:
        name: Folder of configurations under ``configs``.
        captioner: The same for the captioner, where it is apart.
        dtype: Arithmetic of the networks.
    """

    def __init__(self, name: str, captioner: str | None = None, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(dtype)
        self.folder = CONFIGS / name
        self.captioner = CONFIGS / captioner if captioner else None

    def config(self, name: str) -> Mapping[str, Any]:
        """See :meth:`Parts.config`."""
        if name == "captioner" and self.captioner is not None:
            return _read(self.captioner / "config.json")
        return _read(self.folder / f"{name}.json")

    def words(self, name: str) -> Words:
        """See :meth:`Parts.words`; a foundation of our own has its true vocabulary here."""
        if (self.folder / "tokenizer").is_dir():
            return Tokenizer(self.folder / "tokenizer")
        apart = name == "captioner" and self.captioner is not None
        return StandInTokenizer(_read((self.captioner if apart else self.folder) / "tokenizer.json"))  # type: ignore[operator]

    def _load(self, name: str) -> nn.Module:
        config = self.config(name)
        kind = _class(name, config)
        with seeded(f"{self.folder.name} {name}"), default_dtype(self.dtype):
            if name in ("vae", "unet"):
                found: nn.Module = kind.from_config(dict(config))
            else:
                found = kind(kind.config_class(**config))
        return found


def _read(path: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
