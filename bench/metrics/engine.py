"""The metric engine: networks loaded once, pairs streamed through all metrics, one status a metric."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from torch import Tensor

from bench.errors import BenchError, MissingWeights, NotInstalled
from bench.metrics import scorers, segmentation_scorers, weights
from bench.metrics.batch import Array, Batch, Held, to_host
from bench.metrics.registry import METRICS, resolve
from bench.metrics.scorer import Arrays, Scorer
from bench.metrics.threads import side_by_side

_FAMILIES: dict[Callable[..., Scorer], tuple[str, ...]] = {
    scorers.Psnr: ("psnr", "psnr_pooled"),
    scorers.Structure: ("ms_ssim", "ms_ssim_db", "ssim"),
    scorers.Patches: ("beta", "rho"),
    scorers.Squeeze: ("lpips_squeeze", "fd_squeeze", "kd_squeeze"),
    partial(scorers.LpipsNet, "alex"): ("lpips_alex",),
    partial(scorers.LpipsNet, "vgg"): ("lpips_vgg", "lpips_vgg_01"),
    scorers.DistsNet: ("dists",),
    scorers.Niqe: ("niqe", "niqe_pooled"),
    scorers.InceptionNet: ("fid", "kid"),
    segmentation_scorers.Agreement: ("miou",),
}
_LABELLED: dict[Callable[..., Scorer], tuple[str, ...]] = {segmentation_scorers.Labelled: ("miou",)}
"""In place of the above on data with class labels."""


class Engine:
    """Scores reconstructions against originals.

    Args:
        metrics: Names of ``METRICS``; empty means all.
        device: Torch device.
        batch_size: Pictures that go through a network together on an accelerator. On the CPU each goes alone, on a
            thread of its own: faster, and a figure depends neither on its neighbours nor on the number of threads.
        hold_bytes: Room for activations of originals from one set to the next; None chooses (``batch.Held``).

    Attributes:
        metrics: The names in table order.
        statuses: By metric: ``ok``, ``no-weights``, ``not-installed`` or ``skipped`` (the pictures are too small, too
            few, or without the texture that the metric needs); final after ``finish``.
        reasons: One sentence for each metric that is not ``ok``.

    Raises:
        UnknownName: No such metric.
        BenchError: A weights file has another sha256, or there is no such device.
    """

    def __init__(
        self, metrics: Sequence[str] = (), device: str = "cpu", batch_size: int = 16, hold_bytes: int | None = None
    ) -> None:
        self.metrics = resolve(metrics)
        try:
            self.device = torch.device(device)
        except RuntimeError as error:
            raise BenchError(f"{device!r} is not a torch device; use cpu or cuda.") from error
        if self.device.type == "cuda" and not torch.cuda.is_available():
            raise BenchError("There is no CUDA device here; use --device cpu.")
        self._chunk = 1 if self.device.type == "cpu" else max(1, batch_size)
        self._held = Held(hold_bytes)
        self._loaded: dict[str, tuple[str, str]] = {name: ("ok", "") for name in self.metrics}
        self._scorers: list[tuple[Scorer, list[str]]] = []
        self._labelled: list[tuple[Scorer, list[str]]] | None = None
        for build, family in _FAMILIES.items():
            wanted = [name for name in family if name in self.metrics]
            if wanted:
                self._load(build, wanted)
        self.reset()

    def _load(self, build: Callable[..., Scorer], wanted: list[str]) -> None:
        try:
            with _inference(self.device):
                self._scorers.append((build(wanted, str(self.device)), wanted))
            return
        except MissingWeights:
            for name in wanted:
                self._loaded[name] = ("no-weights", weights.lacking(name, METRICS[name].needs))
            return
        except NotInstalled as error:
            status, reason = "not-installed", str(error)
        except ModuleNotFoundError as error:
            status, reason = "not-installed", f"{error.name} is not installed: run 'pip install {error.name}'."
        for name in wanted:
            self._loaded[name] = (status, reason)

    def _use_labels(self) -> None:
        """Let metrics that compare with labels take the place of those that do without; loaded at the first need."""
        if self._labelled is None:
            self._labelled = []
            for build, family in _LABELLED.items():
                wanted = [name for name in family if name in self.metrics]
                if wanted:
                    with _inference(self.device):
                        self._labelled.append((build(wanted, str(self.device)), wanted))
        replaced = {name for _, wanted in self._labelled for name in wanted}
        for name in replaced:
            self.statuses[name] = "ok"
            self.reasons.pop(name, None)
        kept = [(scorer, [name for name in wanted if name not in replaced]) for scorer, wanted in self._scorers]
        self._set = kept + self._labelled

    def reset(self) -> None:
        """Forget all pairs; networks and what was computed from originals stay."""
        self.statuses = {name: status for name, (status, _) in self._loaded.items()}
        self.reasons = {name: reason for name, (_, reason) in self._loaded.items() if reason}
        self.ids: list[str] = []
        self._seen: set[str] = set()
        self._items: dict[str, list[Array]] = {}
        self._size: tuple[int, int] | None = None
        self._held.next_set()
        self._set = self._scorers
        for scorer, wanted in [*self._scorers, *(self._labelled or ())]:
            scorer.wanted = wanted
            scorer.reset()

    def halve(self) -> bool:
        """Use less memory from now on: hold nothing, and let half as many pictures go through a network together.

        Returns:
            False where each picture goes alone already.
        """
        self._held.release()
        alone = self._chunk == 1
        self._chunk = max(1, self._chunk // 2)
        return not alone

    def update(self, recon: Tensor, orig: Tensor, ids: Sequence[str], labels: Tensor | None = None) -> None:
        """Score a batch.

        Args:
            recon: Reconstructions, uint8 ``(N, 3, H, W)``.
            orig: Originals of the same shape.
            ids: One name a pair, none given before.
            labels: Class labels of the originals, uint8 ``(N, H, W)``, indices into ``synthdrive``'s classes, where the
                dataset has its own: ``miou`` is then measured against them.

        Raises:
            BenchError: Another type or shape, pictures of another size than before, or an id twice.
        """
        self._check(recon, orig, ids, labels)
        active = self._active()

        def measure(part: slice) -> tuple[Batch, list[Arrays]]:
            own = labels[part] if labels is not None else None
            with _inference(self.device):
                batch = Batch.of(recon[part], orig[part], self.device, self._held, own)
                found = to_host([scorer.measure(batch) for scorer in active])
            batch.stem = None  # the largest of all activations; nobody needs it any more
            return batch, found

        parts = [slice(start, start + self._chunk) for start in range(0, len(ids), self._chunk)]
        measured = side_by_side(measure, parts) if self.device.type == "cpu" else map(measure, parts)
        for batch, found in measured:
            for scorer, arrays in zip(active, found, strict=True):
                for name, column in scorer.collect(batch, arrays).items():
                    self._items.setdefault(name, []).append(column)
        self.ids += ids
        self._seen.update(ids)

    def finish(self, scenes: Sequence[str] | None = None) -> tuple[dict[str, Array], dict[str, float]]:
        """Return what was measured since the last reset.

        Args:
            scenes: Scene of each item in the order of the updates, for the kernel distances' jackknife; None takes
                each item for a scene of its own.

        Returns:
            Item columns, float64 ``(N,)`` in the order of the updates, and set columns. A metric whose status is not
            ``ok`` has no column, but for one that is undefined for some pictures: those hold NaN.

        Raises:
            BenchError: Nothing was scored, or the number of scenes differs.
        """
        if not self.ids:
            raise BenchError("There is no pair to score.")
        if scenes is not None and len(scenes) != len(self.ids):
            raise BenchError(f"There are {len(scenes)} scenes for {len(self.ids)} scored pairs.")
        items = {name: np.concatenate(parts) for name, parts in self._items.items()}
        values: dict[str, float] = {}
        for scorer in self._active():
            values |= scorer.finish(list(scenes or self.ids))
        for name in self.metrics:
            self._judge(name, items, values)
        order = {name: index for index, name in enumerate(self.metrics)}
        items = dict(sorted(items.items(), key=lambda item: order[item[0]]))
        return items, {name: value for name, value in values.items() if np.isfinite(value)}

    def provenance(self) -> dict[str, str]:
        """Return the sha256 of each weights file in use, by name, for a run's record."""
        labelled = self._set is not self._scorers
        used = [name for name in self.metrics if self.statuses[name] not in ("no-weights", "not-installed")]
        needs = dict.fromkeys(need for name in used for need in METRICS[name].networks(labelled))
        return {name: weights.digest(name) for name in needs}

    @property
    def pixels(self) -> int:
        """Pixels of each picture of the set; 0 before the first batch."""
        return self._size[0] * self._size[1] if self._size else 0

    def _active(self) -> list[Scorer]:
        return [scorer for scorer, _ in self._set if scorer.wanted]

    def _judge(self, name: str, items: dict[str, Array], values: dict[str, float]) -> None:
        """Turn numbers that are none into a status."""
        if self.statuses[name] != "ok":
            return
        if METRICS[name].kind == "item":
            bad = int((~np.isfinite(items[name])).sum())
            if bad:
                reason = f"{name} is undefined for {bad} of {len(self.ids)} pictures (no texture)."
                self.statuses[name], self.reasons[name] = "skipped", reason
        elif name not in values:
            self.statuses[name], self.reasons[name] = "skipped", f"{name} needs two pictures or more."
        elif not np.isfinite(values[name]):
            self.statuses[name], self.reasons[name] = "skipped", f"{name} is undefined for this set (no texture)."

    def _check(self, recon: Tensor, orig: Tensor, ids: Sequence[str], labels: Tensor | None) -> None:
        for what, picture in (("Reconstructions", recon), ("Originals", orig)):
            if picture.dtype != torch.uint8 or picture.ndim != 4 or picture.shape[1] != 3:
                raise BenchError(f"{what} must be uint8 (N, 3, H, W); got {picture.dtype} {tuple(picture.shape)}.")
        if recon.shape != orig.shape or len(ids) != len(orig):
            raise BenchError(
                f"{len(ids)} ids, reconstructions {tuple(recon.shape)} and originals {tuple(orig.shape)} do not match."
            )
        if labels is not None and (labels.dtype != torch.uint8 or labels.shape != orig[:, 0].shape):
            raise BenchError(f"Labels must be uint8 (N, H, W); got {labels.dtype} {tuple(labels.shape)}.")
        twice = [name for index, name in enumerate(ids) if name in self._seen or name in ids[:index]]
        if twice:
            raise BenchError(f"The item {twice[0]!r} was given twice.")
        size = (orig.shape[2], orig.shape[3])
        if self._size not in (None, size):
            raise BenchError(f"Pictures of one set must be of equal size; got {size} after {self._size}.")
        if self._size is None:
            self._size = size
            if labels is not None:
                self._use_labels()
            self._narrow(min(size))

    def _narrow(self, side: int) -> None:
        """Skip the metrics that are not defined for pictures of this size."""
        for name in self.metrics:
            least = METRICS[name].min_side
            if side < least and self.statuses[name] == "ok":
                reason = f"{name} needs pictures of {least} rows and columns or more; these have {side}."
                self.statuses[name], self.reasons[name] = "skipped", reason
        for scorer, wanted in self._set:
            scorer.wanted = [name for name in wanted if self.statuses[name] == "ok"]


@contextmanager
def _inference(device: torch.device) -> Iterator[None]:
    """No gradients, and full float32 with deterministic kernels on CUDA: TF32 moves LPIPS by about 1e-3."""
    if device.type != "cuda":
        with torch.inference_mode():
            yield
        return
    with (
        torch.inference_mode(),
        torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False),
    ):
        yield
