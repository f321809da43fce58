"""MDIC's fine-grained alignment: guess a hidden word of the caption from its neighbours and the masked features of y.

Training alone uses it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from methods.foundation.text import SideText

REACH = 2
"""Tokens on either side of the hidden one whose states are averaged."""

HIDDEN = "<mask>"


class Alignment(nn.Module):
    """A classifier of hidden words.

    Args:
        channels: Channels of the features.
        text: Channels of the text states.
        words: Words that may be hidden; ``a|b`` counts two forms as one word. None for no such loss.
        width: Channels inside.
    """

    def __init__(self, channels: int, text: int, words: Sequence[str], width: int = 64) -> None:
        super().__init__()
        self.classes = {form: number for number, word in enumerate(words) for form in word.split("|")}
        if not words:
            return
        self.see = nn.Sequential(
            nn.Conv2d(channels, width, 3, 2, 1), nn.ReLU(), nn.Conv2d(width, width, 3, 2, 1), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, width),
        )  # fmt: skip
        self.read = nn.Linear(text, width)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.name = nn.Linear(2 * width, len(words))

    def hide(self, caption: str, text: SideText) -> tuple[int, Tensor] | None:
        """Hide one known word of a caption, the same each time.

        Returns:
            Its class, and the mean state ``(D,)`` around its place; None where the caption has no such word.
        """
        words = caption.split()
        known = [i for i, word in enumerate(words) if word.strip(".,").lower() in self.classes]
        if not known:
            return None
        at = known[int.from_bytes(hashlib.sha256(caption.encode()).digest()[:4], "big") % len(known)]
        number = self.classes[words[at].strip(".,").lower()]
        hidden = " ".join([*words[:at], HIDDEN, *words[at + 1 :]])
        states = text.states([hidden])[0]
        place = at + 1  # behind the token that begins every sentence
        return number, states[max(0, place - REACH) : place + REACH + 1].mean(0)

    def forward(self, features: Tensor, hidden: Sequence[tuple[int, Tensor] | None]) -> Tensor:
        """Cross-entropy ``(N,)`` of the hidden words; 0 for items without one.

        Args:
            features: Masked features of the side views, ``(N, C, h, w)``.
            hidden: What :meth:`hide` gave for each item; empty where nothing is hidden.
        """
        losses = features.new_zeros(len(features))
        told = [(i, pair) for i, pair in enumerate(hidden) if pair is not None]
        if not told:
            return losses
        at = torch.tensor([i for i, _ in told], device=features.device)
        wanted = torch.tensor([pair[0] for _, pair in told], device=features.device)
        states = torch.stack([pair[1] for _, pair in told]).to(features)
        both = self.body(torch.stack([self.see(features[at]), self.read(states)], 1))
        return losses.index_copy(0, at, F.cross_entropy(self.name(both.flatten(1)).float(), wanted, reduction="none"))
