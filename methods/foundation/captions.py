"""Captions of side views: greedy, one picture at a time, cached by the picture's content.

They are made at the decoder from ``y`` alone, so they cost no bits.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from methods.foundation.words import Words

LONGEST = 32
"""Tokens of a caption at most, as the authors of MDIC and SPDIC ask for."""

_MEAN = (0.48145466, 0.4578275, 0.40821073)
_DEVIATION = (0.26862954, 0.26130258, 0.27577711)
"""Colour statistics that BLIP's and CLIP's pictures are normalised with."""


def fit(pictures: Tensor, size: int) -> Tensor:
    """Squeeze pictures ``(N, 3, H, W)`` in [0, 1] into squares and normalise them, as BLIP's processors do."""
    squares = functional.interpolate(pictures, (size, size), mode="bicubic", antialias=True).clamp(0, 1)
    mean, deviation = (squares.new_tensor(values).view(1, 3, 1, 1) for values in (_MEAN, _DEVIATION))
    return (squares - mean) / deviation


class Captioner:
    """A frozen BLIP or BLIP-2 model with its tokenizer.

    Args:
        model: The model.
        words: Its tokenizer.
    """

    def __init__(self, model: Any, words: Words) -> None:
        self.model, self.words = model, words
        self.size = model.config.vision_config.image_size

    @torch.inference_mode()
    def caption(self, pictures: Tensor) -> list[str]:
        """A sentence about each picture, uint8 ``(N, 3, H, W)``.

        Greedy: the likeliest token each time, hence the same sentence each time. Arithmetic may differ in its last bits
        with N, and a near tie then fall out otherwise: who needs the same words always gives one picture at a time.
        """
        weight = next(self.model.parameters())
        squares = fit(pictures.to(weight.device).float() / 255, self.size).to(weight.dtype)
        rows = self.model.generate(pixel_values=squares, max_new_tokens=LONGEST, do_sample=False, num_beams=1)
        return self.words.decode(rows.cpu())


def content(picture: Tensor) -> str:
    """Key of a picture's content: sha256 of its shape and bytes, ``(3, H, W)`` of any type."""
    shape = ",".join(map(str, picture.shape)).encode()
    return hashlib.sha256(shape + b":" + picture.cpu().contiguous().numpy().tobytes()).hexdigest()


class CaptionCache:
    """Captions by content, in memory and, where a file is given, on disk.

    Args:
        path: A file of JSON lines; None for memory alone.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._held: dict[str, str] = {}
        if path is not None and path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    key, text = json.loads(line)
                except ValueError:
                    continue  # the end of a line that a killed process did not finish
                self._held[key] = text

    def get(self, key: str) -> str | None:
        """Return a caption, if it is known."""
        return self._held.get(key)

    def put(self, key: str, text: str) -> None:
        """Keep a caption; a folder that cannot be written to costs time and nothing else."""
        if self._held.get(key) == text:
            return
        self._held[key] = text
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, text]) + "\n")
        except OSError:
            self.path = None
