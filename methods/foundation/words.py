"""Tokenizers: the foundation's own, and a stand-in of the right vocabulary size for tests without it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor


class Words(Protocol):
    """From sentences to token indices and back."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Indices, int64 ``(N, L)``, padded or cut to the text model's length."""
        ...

    def decode(self, rows: Tensor) -> list[str]:
        """Sentences of indices ``(N, l)``, special tokens left out."""
        ...


class Tokenizer:
    """A tokenizer in transformers' format.

    Args:
        folder: Where it lies.
    """

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer

        self._inner = AutoTokenizer.from_pretrained(folder, local_files_only=True)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """See :class:`Words`."""
        length = self._inner.model_max_length
        found = self._inner(list(texts), padding="max_length", truncation=True, max_length=length, return_tensors="pt")
        rows: Tensor = found["input_ids"]
        return rows

    def decode(self, rows: Tensor) -> list[str]:
        """See :class:`Words`."""
        texts: list[str] = self._inner.batch_decode(rows, skip_special_tokens=True)
        return [" ".join(text.split()) for text in texts]


class StandInTokenizer:
    """Maps each word to a fixed index of the vocabulary by its hash; it understands nothing.

    Args:
        sizes: ``vocab_size``, ``length``, ``bos``, ``eos`` and ``pad``.
    """

    def __init__(self, sizes: Mapping[str, Any]) -> None:
        self.sizes = sizes
        self._special = {sizes["bos"], sizes["eos"], sizes["pad"]}

    def encode(self, texts: Sequence[str]) -> Tensor:
        """See :class:`Words`."""
        length = self.sizes["length"]
        rows = torch.full((len(texts), length), self.sizes["pad"])
        for row, text in zip(rows, texts, strict=True):
            indices = [self.sizes["bos"], *(self._index(word) for word in text.lower().split())][: length - 1]
            indices.append(self.sizes["eos"])
            row[: len(indices)] = torch.tensor(indices)
        return rows

    def decode(self, rows: Tensor) -> list[str]:
        """See :class:`Words`."""
        return [" ".join(f"w{int(i)}" for i in row if int(i) not in self._special) for row in rows]

    def _index(self, word: str) -> int:
        number = int(word[1:]) if word[:1] == "w" and word[1:].isdigit() else None
        if number is None:
            number = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
        index = number % self.sizes["vocab_size"]
        while index in self._special:
            index = (index + 1) % self.sizes["vocab_size"]
        return index
