"""The training loop: one network from one recipe, resumable at any step."""

from __future__ import annotations

import copy
import math
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import convert_to_fp32
from torch import nn

from bench.errors import BenchError
from bench.store.atomic import replacing
from bench.train.batches import Pairs, draw, take
from bench.train.log import Log
from bench.train.loss import add_perceptual, batch_lambdas, losses_of
from bench.train.optim import optimisers
from bench.train.perceptual import make as make_perceptual
from bench.train.schedule import Schedule
from bench.train.validation import validation_losses
from bench.training import Training

_SAVE_EVERY = 60.0
"""Seconds of training between two saved states: what a killed run loses at most."""

_MOST_LEFT_OUT = 10
"""Steps in a row that may be left out because their gradient is no number."""
_TRAINING = ("step", "seconds", "loss", "bpp", "mse", "grad_norm", "rate")
_VALIDATION = ("step", "epoch", "seconds", "loss", "bpp", "mse", "rate")


@dataclass
class Job:
    """One training run.

    Attributes:
        model: The network; ``forward(x, y, rate)`` gives ``recon`` and ``bits``, and perhaps ``recon_y``, ``bits_y``
            and ``bits_common``. One with a loss of its own has ``item_losses``, called like that of
            ``bench.train.loss``; one trained in phases has ``phase(progress, how)``, called before each step; one that
            reads text has ``meet(whole, captions)``, called with the step's side views as stored and their sentences.
        how: The recipe's training table.
        lambdas: λ of each rate point that the weights cover, or its target in bits per pixel.
        sets: Sets of training pairs; drawn from evenly, or passed over in turn, as the schedule says.
        folder: Where the state and the log go.
        device: ``cpu`` or ``cuda``.
        seed: Seed of data and noise.
        val: Sets of validation pairs, where the recipe validates.
    """

    model: nn.Module
    how: Training
    lambdas: Sequence[float]
    sets: Sequence[Pairs]
    folder: Path
    device: str = "cpu"
    seed: int = 0
    val: Sequence[Pairs] = ()


def state_path(folder: Path) -> Path:
    """Where a training's folder keeps the resumable state."""
    return folder / "state.pt"


def bf16_gains(device: str) -> bool:
    """Whether bfloat16 arithmetic is faster than float32 on the device."""
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported())
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # not in the oldest torch that is allowed
    return probe is not None and bool(probe())


class Trainer:
    """Runs a job step by step; ``run`` may be called again after ``restore``."""

    def __init__(self, job: Job) -> None:
        self.job = job
        torch.manual_seed(job.seed)
        # Not accelerate's own precision: that is one for the whole process, and the next job may have another.
        self.accelerator = Accelerator(mixed_precision="no", cpu=job.device == "cpu")
        self.bf16 = job.how.precision == "auto" and bf16_gains(job.device)
        model = job.model.to(memory_format=torch.channels_last)
        self.main, self.aux = optimisers(model, job.how)
        self.schedule = Schedule(job.how, self.main, sum(len(pairs) for pairs in job.sets))
        self.model, *self.main = self.accelerator.prepare(model, *self.main)
        self.perceptual = make_perceptual(job.how, job.device)
        self.average = copy.deepcopy(job.model) if job.how.ema else job.model
        self.state_path = state_path(job.folder)
        self.step, self.seconds = 0, 0.0
        self._sums: dict[str, float] = {}
        self._summed, self._left_out = 0, 0
        self.best: dict[str, Any] = {"loss": math.inf, "epoch": 0, "model": None}
        self.log = Log(job.folder / "log.csv", _TRAINING)
        self.validation_log = Log(job.folder / "validation.csv", _VALIDATION)
        self.rates = torch.arange(job.how.batch, device=self.accelerator.device) % len(job.lambdas)
        self.lambdas = batch_lambdas(list(job.lambdas), self.rates)

    def restore(self) -> bool:
        """Continue from the folder's state, if there is one.

        Raises:
            BenchError: The state is damaged or of another recipe.
        """
        if not self.state_path.is_file():
            return False
        try:
            state = torch.load(self.state_path, weights_only=True, map_location="cpu")
            self.job.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            for optimiser, saved in zip(self._optimisers(), state["optimisers"], strict=True):
                optimiser.load_state_dict(saved)
            self.step, self.seconds = state["step"], state["seconds"]
            self._sums, self._summed = state.get("sums", {}), state.get("summed", 0)
            if self.job.how.by_epochs:
                self.schedule.load_state_dict(state["schedule"])
                self.best = state["best"]
        except (RuntimeError, EOFError, KeyError, ValueError, TypeError, pickle.UnpicklingError) as error:
            raise BenchError(f"{self.state_path} is damaged or of another recipe; remove it to start anew.") from error
        return True

    def save(self) -> None:
        """Write the resumable state, atomically."""
        state = {
            "model": self.job.model.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self._optimisers()],
            "step": self.step,
            "seconds": self.seconds,
            "sums": self._sums,
            "summed": self._summed,
            "schedule": self.schedule.state_dict(),
            "best": self.best,
        }
        with replacing(self.state_path) as file:
            torch.save(state, file)

    def run(self, seconds: float | None, report: Callable[[dict[str, float]], None], every: int = 50) -> bool:
        """Train until the schedule ends or ``seconds`` are over, and save.

        Args:
            seconds: Time budget of this call; None for none.
            report: Called with the log's columns, and after a validation with those of its log.
            every: Steps between log lines.

        Returns:
            Whether training is complete.
        """
        start, before = time.monotonic(), self.seconds
        saved = start
        self.model.train()
        for log in (self.log, self.validation_log):
            log.cut(self.step)
        while not self.schedule.finished(self.step):
            if seconds is not None and time.monotonic() - start > seconds:
                break
            taken = self._step()
            self._left_out = 0 if taken else self._left_out + 1
            if self._left_out > _MOST_LEFT_OUT:
                self.save()
                raise BenchError(
                    f"{self.job.folder}: the gradient was no number in {self._left_out} steps in a row, the last of "
                    f"them {self.step}; the weights are those of before. Lower the recipe's rate and start anew."
                )
            for name, value in taken.items():
                self._sums[name] = self._sums.get(name, 0.0) + value
            self._summed += bool(taken)
            self.step += 1
            self.seconds = before + time.monotonic() - start
            if self.step % every == 0:
                row = {"step": self.step, "seconds": round(self.seconds, 1)}
                report(self.log.add(row | self._means()))
                self._sums, self._summed = {}, 0
            if self.schedule.epoch_ends(self.step):
                self._end_epoch(report)
                self.seconds = before + time.monotonic() - start
            if time.monotonic() - saved > _SAVE_EVERY:
                self.save()
                saved = time.monotonic()
        self.save()
        return self.schedule.finished(self.step)

    def _means(self) -> dict[str, float]:
        """Means of the steps since the last line of the log; no numbers where all were left out."""
        names = [name for name in _TRAINING if name not in ("step", "seconds")]
        return {name: self._sums[name] / self._summed if self._summed else math.nan for name in names}

    def result(self) -> nn.Module:
        """Return the network to export, on the CPU: of the lowest validation loss where the recipe keeps that."""
        if self.best["model"] is not None:
            self.job.model.load_state_dict(self.best["model"])
        return self.average.cpu()

    def _end_epoch(self, report: Callable[[dict[str, float]], None]) -> None:
        """Validate where it is due, keep the best weights, and let the schedule move on."""
        loss, job = None, self.job
        if self.schedule.validates(self.step):
            device = self.accelerator.device
            found = validation_losses(self.model, job.val, job.lambdas, job.how, device, self.perceptual)
            loss = found["loss"]
            row = {"step": self.step, "epoch": self.schedule.epoch(self.step), "seconds": round(self.seconds, 1)}
            report(self.validation_log.add(row | found | {"rate": self.schedule.factor}))
            if job.how.keep == "best" and loss < self.best["loss"]:
                model = {name: value.detach().cpu().clone() for name, value in job.model.state_dict().items()}
                self.best = {"loss": loss, "epoch": row["epoch"], "model": model}
        self.schedule.after_epoch(loss)

    def _step(self) -> dict[str, float]:
        """Take one step; one whose gradient is no number changes nothing and gives nothing."""
        job, how = self.job, self.job.how
        self.schedule.before(self.step)
        drawn = (
            take(job.sets, how, self.step, job.seed)
            if how.by_epochs
            else draw(job.sets, how.batch, how.augment, self.step, job.seed)
        )
        x, y = (
            part.to(self.accelerator.device).contiguous(memory_format=torch.channels_last)
            for part in (drawn.x, drawn.y)
        )
        torch.manual_seed(job.seed * 1_000_003 + self.step)
        if hasattr(job.model, "phase"):
            job.model.phase(self.schedule.progress(self.step), how)  # type: ignore[operator]
        if hasattr(job.model, "meet"):
            job.model.meet(drawn.whole, drawn.captions)  # type: ignore[operator]
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bf16):
            out = convert_to_fp32(self.model(x, y, self.rates))
        items = losses_of(job.model, add_perceptual(out, x, y, self.perceptual), x, y, self.lambdas, how)
        loss = items["loss"].mean()
        for optimiser in self._optimisers():
            optimiser.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        parameters = [p for n, p in job.model.named_parameters() if not n.endswith("quantiles")]
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, how.clip or math.inf))
        if not math.isfinite(norm):
            return {}
        if self.aux is not None:
            job.model.aux_loss().backward()  # type: ignore[operator]
        for optimiser in self._optimisers():
            optimiser.step()
        self._update_average()
        values = {name: float(value.detach().mean()) for name, value in items.items()}
        return values | {"grad_norm": norm, "rate": self.schedule.factor}

    @torch.no_grad()
    def _update_average(self) -> None:
        if not self.job.how.ema:
            return
        # The average forgets its random start: its window grows with the steps taken.
        decay = min(self.job.how.ema, (1 + self.step) / (10 + self.step))
        pairs = zip(self.average.state_dict().values(), self.job.model.state_dict().values(), strict=True)
        for mean, value in pairs:
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)

    def _optimisers(self) -> list[Any]:
        return [*self.main, *([self.aux] if self.aux is not None else [])]
