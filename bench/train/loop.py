"""The training loop: one network from one recipe, resumable at any step."""

from __future__ import annotations

import copy
import csv
import math
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bench.errors import BenchError
from bench.recipe import Training
from bench.store.atomic import replacing
from bench.train.batches import Pairs, draw
from bench.train.optim import optimisers

_SAVE_EVERY = 60.0
"""Seconds of training between two saved states: what a killed run loses at most."""

_COLUMNS = ("step", "seconds", "loss", "bpp", "mse", "grad_norm", "rate")


@dataclass
class Job:
    """One training run.

    Attributes:
        model: The network; ``forward(x, y, rate)`` gives ``recon`` and ``bits``, and perhaps ``recon_y``, ``bits_y``
            and ``bits_common``. One with a loss of its own has ``item_losses``, called like the function below; one
            that is trained in phases has ``phase(progress, how)``, called before each step.
        how: The recipe's training table.
        lambdas: λ of each rate point that the weights cover, or its target in bits per pixel.
        sets: Sets of training pairs, drawn from evenly.
        folder: Where the state and the log go.
        device: ``cpu`` or ``cuda``.
        seed: Seed of data and noise.
    """

    model: nn.Module
    how: Training
    lambdas: Sequence[float]
    sets: Sequence[Pairs]
    folder: Path
    device: str = "cpu"
    seed: int = 0


def item_losses(out: dict[str, Tensor], x: Tensor, y: Tensor, lambdas: Tensor, how: Training) -> dict[str, Tensor]:
    """Loss, bits per pixel and mean squared error of each item, ``(N,)``: λ·255²·D + R on NDIC's scale."""
    pixels = x.shape[2] * x.shape[3]
    mse = (out["recon"].float() - x).square().flatten(1).mean(1)
    bpp = out["bits"] / pixels
    loss = lambdas * 255**2 * mse + bpp
    if "recon_y" in out:
        mse_y = (out["recon_y"].float() - y).square().flatten(1).mean(1)
        own = lambdas * 255**2 * mse_y + out["bits_y"] / pixels
        loss = loss + how.alpha * own + how.beta * out["bits_common"] / pixels
    if how.loss == "sqrt":
        weight = lambdas.rsqrt()
        loss = loss * weight / weight.mean()
    return {"loss": loss, "bpp": bpp, "mse": mse}


def bf16_gains(device: str) -> bool:
    """Whether bfloat16 arithmetic is faster than float32 on the device."""
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported())
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # not in the oldest torch that is allowed
    return probe is not None and bool(probe())


class Trainer:
    """Runs a job step by step; ``run`` may be called again after ``restore``."""

    def __init__(self, job: Job) -> None:
        from accelerate import Accelerator

        self.job = job
        torch.manual_seed(job.seed)
        precision = "bf16" if bf16_gains(job.device) else "no"
        self.accelerator = Accelerator(mixed_precision=precision, cpu=job.device == "cpu")
        model = job.model.to(memory_format=torch.channels_last)
        self.main, self.aux = optimisers(model, job.how)
        self.model, *self.main = self.accelerator.prepare(model, *self.main)
        self.average = copy.deepcopy(job.model) if job.how.ema else job.model
        self.step, self.seconds = 0, 0.0
        self._sums: dict[str, float] = {}
        self._summed = 0
        rates = torch.arange(job.how.batch) % len(job.lambdas)
        self.rates = rates.to(self.accelerator.device)
        self.lambdas = torch.tensor(job.lambdas)[rates].to(self.accelerator.device)

    @property
    def state_path(self) -> Path:
        """Where the resumable state is kept."""
        return self.job.folder / "state.pt"

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
        }
        with replacing(self.state_path) as file:
            torch.save(state, file)

    def run(self, seconds: float | None, report: Callable[[dict[str, float]], None], every: int = 100) -> bool:
        """Train until the recipe's steps are done or ``seconds`` have passed.

        Args:
            seconds: Time budget of this call; None for no limit.
            report: Called every ``every`` steps with the log's columns.
            every: Steps between log lines.

        Returns:
            Whether all steps are done.
        """
        start, before = time.monotonic(), self.seconds
        saved = start
        self.model.train()
        self._cut_log()
        while self.step < self.job.how.steps:
            if seconds is not None and time.monotonic() - start > seconds:
                break
            for name, value in self._step().items():
                self._sums[name] = self._sums.get(name, 0.0) + value
            self._summed += 1
            self.step += 1
            self.seconds = before + time.monotonic() - start
            if self.step % every == 0:
                row = {"step": self.step, "seconds": round(self.seconds, 1)}
                self._log(row | {name: value / self._summed for name, value in self._sums.items()}, report)
                self._sums, self._summed = {}, 0
            if time.monotonic() - saved > _SAVE_EVERY:
                self.save()
                saved = time.monotonic()
        self.save()
        return self.step >= self.job.how.steps

    def _step(self) -> dict[str, float]:
        job, how = self.job, self.job.how
        factor = self._schedule()
        for optimiser in self.main:
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * factor
        x, y = (
            part.to(self.accelerator.device).contiguous(memory_format=torch.channels_last)
            for part in draw(job.sets, how.batch, how.augment, self.step, job.seed)
        )
        torch.manual_seed(job.seed * 1_000_003 + self.step)
        if hasattr(job.model, "phase"):
            job.model.phase(self.step / how.steps, how)  # type: ignore[operator]
        with self.accelerator.autocast():
            out = self.model(x, y, self.rates)
        items = getattr(job.model, "item_losses", item_losses)(out, x, y, self.lambdas, how)
        loss = items["loss"].mean()
        for optimiser in self._optimisers():
            optimiser.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        parameters = [p for n, p in job.model.named_parameters() if not n.endswith("quantiles")]
        norm = torch.nn.utils.clip_grad_norm_(parameters, how.clip or math.inf)
        if self.aux is not None:
            job.model.aux_loss().backward()  # type: ignore[operator]
        for optimiser in self._optimisers():
            optimiser.step()
        self._update_average()
        values = {name: float(value.detach().mean()) for name, value in items.items()}
        return values | {"grad_norm": float(norm), "rate": factor}

    def _schedule(self) -> float:
        how = self.job.how
        warm = min(1.0, (self.step + 1) / max(1, how.warmup))
        if how.schedule == "cosine":
            return warm * (0.005 + 0.995 * 0.5 * (1 + math.cos(math.pi * self.step / how.steps)))
        # The published plateau rule ends at a thousandth of the rate; by steps, so that a resumed run repeats it.
        return float(max(1e-3, 0.1 ** int(4 * self.step / how.steps)))

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

    def _cut_log(self) -> None:
        """Drop the lines of steps that a killed run logged after its last saved state: they are taken again."""
        path = self.job.folder / "log.csv"
        if path.is_file():
            head, *lines = path.read_text().splitlines()
            kept = [line for line in lines if line and float(line.split(",")[0]) <= self.step]
            if len(kept) < len(lines):
                path.write_text("\n".join([head, *kept]) + "\n")

    def _log(self, row: dict[str, float], report: Callable[[dict[str, float]], None]) -> None:
        self.job.folder.mkdir(parents=True, exist_ok=True)
        path = self.job.folder / "log.csv"
        fresh = not path.is_file()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, _COLUMNS)
            if fresh:
                writer.writeheader()
            writer.writerow({name: f"{row[name]:.6g}" for name in _COLUMNS})
        report(row)
