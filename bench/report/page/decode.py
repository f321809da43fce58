"""Reconstructions of single items: from a store's shards, else decoded anew and checked against the stored PSNR."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.report.aggregate import Point
from bench.report.board import Board, Entrant
from bench.report.page.units import item_values
from bench.store.stored import StoredUnit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from bench.codec import Codec
    from bench.data import PairSet

    Picture = NDArray[np.uint8]

SECONDS = 30.0
"""Time that decoding anew may take for a board, foreseen from the times in the rows."""
TOLERANCE = 0.1
"""dB of PSNR that a picture decoded anew may differ by: another machine's arithmetic moves some grey levels."""


class Decoder:
    """Gives pictures of one board's units.

    Args:
        board: The board; its dataset is opened when the first picture is asked for.
        units: Folders of its points.
    """

    def __init__(self, board: Board, units: Mapping[str, StoredUnit]) -> None:
        self.board, self.units = board, units
        self._pairs: PairSet | None = None
        self._codecs: dict[str, Codec | str] = {}
        self._shards: dict[str, Any] = {}
        self._left = SECONDS

    @property
    def pairs(self) -> PairSet:
        """The board's pairs.

        Raises:
            BenchError: They are not prepared here, or are others than those measured.
        """
        if self._pairs is None:
            from bench.data import open_pairs

            pairs = open_pairs(self.board.dataset, self.board.subset)
            if pairs.manifest != self.board.manifest:
                raise BenchError(f"{self.board.name} on this machine has another manifest than the results.")
            self._pairs = pairs
        return self._pairs

    def originals(self, item: str) -> tuple[Picture, Picture]:
        """``x`` and ``y`` of an item, uint8 ``(3, H, W)``."""
        x, y = self.pairs.batch([self.pairs.ids.index(item)])
        return x[0].numpy(), y[0].numpy()

    def picture(self, entrant: Entrant, point: Point, item: str) -> tuple[Picture | None, str]:
        """The reconstruction of an item, uint8 ``(3, H, W)``; None with the reason where it cannot be had."""
        unit = self.units[point.key]
        shard = self._shard(unit, point.key)
        if shard is not None:
            import numpy as np

            return np.array(shard.pictures[self.pairs.ids.index(item)]), ""
        cost = (_finite(point.encode_ms) + _finite(point.decode_ms)) / 1e3
        if cost > self._left:
            return None, f"{entrant.label} {point.rate}: no shard, and decoding anew takes too long."
        codec = self._codec(entrant, point, unit)
        if isinstance(codec, str):
            return None, f"{entrant.label}: {codec}"
        self._left -= cost
        return self._anew(codec, entrant, point, item)

    def pair_of(self, entrant: Entrant, point: Point, items: Sequence[str]) -> tuple[Tensor, Tensor | None]:
        """Reconstructions of items, uint8 ``(N, 3, H, W)``, and their float form where the codec gives it.

        Raises:
            BenchError: The codec is not here, or is another than was measured.
        """
        import torch

        codec = self._codec(entrant, point, self.units[point.key])
        if isinstance(codec, str):
            raise BenchError(f"{entrant.label} {point.rate} on {self.board.name}: {codec}")
        made, exact = [], []
        for item in items:  # one at a time, as the pictures that are shown
            picture, why = self._anew(codec, entrant, point, item)
            if picture is None:
                raise BenchError(f"On {self.board.name}, {why}")
            made.append(torch.from_numpy(picture)[None])
            x, y = self.pairs.batch([self.pairs.ids.index(item)])
            sharp = codec.decode_float(codec.encode(x, y if codec.info.encoder_sees_y else None), y)
            if sharp is not None:
                exact.append(sharp)
        return torch.cat(made), torch.cat(exact) if exact else None

    def _shard(self, unit: StoredUnit, key: str) -> Any:
        if key not in self._shards:
            from bench.run.shards import load_decoded

            folder = unit.store / ".shards"
            self._shards[key] = load_decoded(folder, key, self.pairs.ids) if folder.is_dir() else None
        return self._shards[key]

    def _codec(self, entrant: Entrant, point: Point, unit: StoredUnit) -> Codec | str:
        """The prepared codec of a point, or why there is none."""
        if point.key not in self._codecs:
            try:
                self._codecs[point.key] = self._load(entrant, point, unit)
            except BenchError as error:
                self._codecs[point.key] = str(error)
        return self._codecs[point.key]

    def _load(self, entrant: Entrant, point: Point, unit: StoredUnit) -> Codec | str:
        from bench.digests import digest_of
        from bench.loading import codec_info, load_codec
        from bench.run.keys import encode_key, unit_key

        spec = f"{entrant.method}:{entrant.variant}"
        options = json.loads(unit.run.get("unit", {}).get("options") or "{}")
        info = codec_info(spec, entrant.preset)
        rate = info.rate(point.rate)
        digest = rate.sha256 or (digest_of(rate.weights) if rate.weights and rate.weights.is_file() else "")
        board = self.board
        key = unit_key(encode_key(info, rate, options, digest, board.manifest, board.subset, board.n), 0, "none")
        if key != point.key:
            return "measured with other weights, another revision or another coder than are here."
        return load_codec(spec, entrant.preset, rate=point.rate, **options).prepare("cpu")

    def _anew(self, codec: Codec, entrant: Entrant, point: Point, item: str) -> tuple[Picture | None, str]:
        import numpy as np

        from bench.protocol import item_seed

        index = self.pairs.ids.index(item)
        x, y = self.pairs.batch([index])
        payloads = codec.encode(x, y if codec.info.encoder_sees_y else None)
        seeds = [item_seed(self.pairs.dataset, item, 0)] if codec.info.stochastic else None
        made = np.asarray(codec.decode(payloads, y, seeds)[0].cpu().numpy())
        ids, columns = item_values(self.units[point.key], ["psnr"])
        if "psnr" in columns:
            error = float(((made.astype(np.float64) - x[0].numpy()) ** 2).mean())
            psnr = min(100.0, 10 * math.log10(255**2 / max(error, 1e-9)))
            if abs(psnr - columns["psnr"][ids.index(item)]) > TOLERANCE:
                return None, f"{entrant.label} {point.rate}: decodes to another picture here than the one measured."
        return made, ""


def _finite(value: float) -> float:
    return value if math.isfinite(value) else 0.0
