"""Text of side views: captions and the text model's states, once for each picture."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import platformdirs
import torch
from torch import Tensor

from methods.foundation.captions import CaptionCache, Captioner, content
from methods.foundation.parts import Parts, Stored

UNRELATED = "A plate of fruit on a wooden table in a kitchen."
"""The sentence of the control with a wrong text: of no street and no season."""

_CACHES: dict[str, CaptionCache] = {}
"""One for each captioner: codecs of several rate points read the same side views."""


class SideText:
    """Captions of side views and their text states.

    Args:
        parts: The foundation.
        device: Where captioner and text model run.
        mode: ``caption``; ``none``, the empty sentence; or ``wrong``, a sentence that has nothing to do with ``y``.
        together: Caption all pictures of a call at once, as training does; see :meth:`Captioner.caption`.
    """

    def __init__(self, parts: Parts, device: str = "cpu", mode: str = "caption", together: bool = False) -> None:
        self.parts, self.device, self.mode, self.together = parts, device, mode, together
        self.model = parts.module("text_encoder").to(device)
        self.words = parts.words("text_encoder")
        self.width: int = self.model.config.hidden_size
        self._captioner: Captioner | None = None
        self._states: dict[str, Tensor] = {}
        self._cache = CaptionCache() if together else cache_of(parts)

    def captions(self, y: Tensor, fresh: bool = False) -> list[str]:
        """A sentence for each side view, uint8 ``(N, 3, H, W)``, from the cache unless ``fresh``."""
        if self.mode != "caption":
            return ["" if self.mode == "none" else UNRELATED] * len(y)
        keys = [content(picture) for picture in y]
        new = [i for i, key in enumerate(keys) if fresh or self._cache.get(key) is None]
        for some in [new] if self.together and new else [[i] for i in new]:
            for i, text in zip(some, self._make_captioner().caption(y[some]), strict=True):
                self._cache.put(keys[i], text)
        return [self._cache.get(key) or "" for key in keys]

    @torch.no_grad()
    def states(self, texts: Sequence[str], fresh: bool = False) -> Tensor:
        """Last hidden states of sentences, float32 ``(N, L, D)`` on the device."""
        for text in dict.fromkeys(texts):
            if fresh or text not in self._states:
                rows = self.words.encode([text]).to(self.device)
                self._states[text] = self.model(rows).last_hidden_state.float()
        return torch.cat([self._states[text] for text in texts])

    def of(self, y: Tensor, fresh: bool = False) -> Tensor:
        """Text states ``(N, L, D)`` of side views; ``fresh`` does all the work anew, for who times it."""
        return self.states(self.captions(y, fresh), fresh)

    def _make_captioner(self) -> Captioner:
        if self._captioner is None:
            self._captioner = Captioner(self.parts.module("captioner").to(self.device), self.parts.words("captioner"))
        return self._captioner


def cache_of(parts: Parts) -> CaptionCache:
    """Return the caption cache of a foundation: on disk for trained captioners, in memory for random ones."""
    if not isinstance(parts, Stored):
        return _CACHES.setdefault(f"untrained {parts.config('captioner')} {parts.dtype}", CaptionCache())
    identity = [str(parts.dtype), *(f"{p}" for p in _files(parts.captioner.part("captioner")))]
    key = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:16]
    path = _root() / "captions" / f"{key}.jsonl"
    if str(path) not in _CACHES:
        _CACHES[str(path)] = CaptionCache(path)
    return _CACHES[str(path)]


def _files(folder: Path) -> list[tuple[str, int, int]]:
    """Names, sizes and times of what decides a captioner's words."""
    found = [path for path in sorted(folder.iterdir()) if path.suffix in (".safetensors", ".json", ".txt")]
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in found]


def _root() -> Path:
    given = os.environ.get("BENCH_CACHE_DIR")
    return Path(given).expanduser() if given else Path(platformdirs.user_cache_dir("dic-bench"))
