"""What the tests of one codec share: pictures, prepared codecs, files, and decoding here and elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.codec import Codec
from bench.conformance.target import Target
from bench.conformance.workers import ask
from bench.container import pack, unpack
from bench.protocol import item_seed

if TYPE_CHECKING:
    from torch import Tensor

ITEMS = 6
FIRST_SEED = 7_000_000
"""Seeds of the renderer far from those of the splits."""


@lru_cache(maxsize=1)
def rendered() -> tuple[Tensor, Tensor]:
    """Six stereo pairs, uint8 ``(6, 3, 128, 256)`` each; every other one has the right view first."""
    import torch

    from bench.data.synthdrive import render

    views = render(range(FIRST_SEED, FIRST_SEED + ITEMS))
    swap = (torch.arange(ITEMS) % 2 == 1)[:, None, None, None]
    return torch.where(swap, views.right, views.left), torch.where(swap, views.left, views.right)


class Trial:
    """One codec on trial.

    Args:
        target: The codec.
        folder: Where files for the other processes lie.
    """

    def __init__(self, target: Target, folder: Path) -> None:
        self.target, self.folder, self.info = target, folder, target.info
        self.size = self.info.sizes or (128, 256)
        self.x, self.y = (_resized(views, self.size) for views in rendered())
        self.noise = [item_seed("conformance", str(i), 0) for i in range(ITEMS)]
        points = self.info.rates
        self.rates = [points[0].name, points[-1].name] if len(points) > 1 else [point.name for point in points]
        self._codecs: dict[str, Codec] = {}
        self._files: dict[tuple[str, int], list[bytes]] = {}
        self._count = 0

    def codec(self, rate: str) -> Codec:
        """The codec at a rate point, prepared once."""
        if rate not in self._codecs:
            self._codecs[rate] = self.target.load(rate)
        return self._codecs[rate]

    def encode(self, rate: str, x: Tensor, y: Tensor, batch: int) -> list[bytes]:
        """Files of a batch of pictures, encoded ``batch`` at a time; the encoder gets ``y`` only if it may."""
        codec, files = self.codec(rate), []
        for start in range(0, len(x), batch):
            part, side = x[start : start + batch], y[start : start + batch]
            for payload in codec.encode(part, side if self.info.encoder_sees_y else None):
                files.append(pack(codec.info, codec.rate, payload, x.shape[2], x.shape[3]))
        return files

    def files(self, rate: str, batch: int) -> list[bytes]:
        """Files of the six pictures, encoded once."""
        if (rate, batch) not in self._files:
            self._files[rate, batch] = self.encode(rate, self.x, self.y, batch)
        return self._files[rate, batch]

    def decode(
        self, rate: str, files: Sequence[bytes], y: Tensor, batch: int, noise: Sequence[int] | None = None
    ) -> Tensor:
        """Pictures of files, decoded in this process; ``noise`` is the trial's where none is given."""
        import torch

        codec, seeds, parts = self.codec(rate), self.seeds(noise), []
        for start in range(0, len(files), batch):
            here = slice(start, start + batch)
            payloads = [unpack(file, codec.info).payload for file in files[here]]
            parts.append(codec.decode(payloads, y[here], seeds and seeds[here]))
        return torch.cat(parts)

    def decode_elsewhere(
        self, rate: str, files: Sequence[bytes], y: Tensor, batch: int, threads: int, isa: str = "native"
    ) -> Tensor:
        """Pictures of files, decoded in a process that gets the files and ``y``."""
        import numpy as np
        import torch

        out = self.folder / "seen.npy"
        ask({**self._job(rate, files, y), "batch": batch, "threads": threads, "out": str(out)}, isa)
        return torch.from_numpy(np.load(out))

    def outcomes(self, rate: str, files: Sequence[bytes]) -> list[str]:
        """How each file ends in another process, with the first picture's side view."""
        job = {**self._job(rate, files, self.y), "threads": 1, "out": None}
        return list(ask(job)["outcomes"])

    def seeds(self, noise: Sequence[int] | None = None) -> list[int] | None:
        """Seeds for the decoder: None where it draws nothing."""
        return list(noise or self.noise) if self.info.stochastic else None

    def _job(self, rate: str, files: Sequence[bytes], y: Tensor) -> dict[str, Any]:
        import numpy as np

        names = [self.folder / f"{i}.dic" for i in range(len(files))]
        for name, file in zip(names, files, strict=True):
            name.write_bytes(file)
        np.save(self.folder / "side.npy", y.numpy())
        return {
            "target": self.target.message(),
            "rate": rate,
            "files": [str(name) for name in names],
            "side": str(self.folder / "side.npy"),
            "noise": self.seeds(),
        }


def _resized(views: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(views.shape[-2:]) == size:
        return views
    from torch.nn.functional import interpolate

    return interpolate(views.float(), size, mode="bilinear").round().clamp(0, 255).byte()
