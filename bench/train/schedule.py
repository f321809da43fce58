"""When the learning rate falls and when training ends: cosine and hold by steps, torch's schedulers by epochs."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import torch
from torch.optim.lr_scheduler import LRScheduler, MultiStepLR, ReduceLROnPlateau, StepLR

from bench.errors import BenchError
from bench.training import Training


class Schedule:
    """Sets the optimisers' rates; one epoch is one pass over the pairs, its last incomplete batch left out.

    Args:
        how: The recipe's training table.
        optimisers: Optimisers of the network's loss, each group with its ``peak`` rate.
        pairs: Number of training pairs.

    Attributes:
        epoch_steps: Steps an epoch; 0 where the schedule counts none.

    Raises:
        BenchError: There are fewer pairs than one batch takes.
    """

    def __init__(self, how: Training, optimisers: Sequence[torch.optim.Optimizer], pairs: int) -> None:
        self.how, self.optimisers = how, optimisers
        self.epoch_steps = pairs // how.batch if how.by_epochs else 0
        if how.by_epochs and not self.epoch_steps:
            raise BenchError(f"The recipe's batch takes {how.batch} pairs and --data has {pairs}; name a larger set.")
        self.schedulers = [_scheduler(how, optimiser) for optimiser in optimisers] if how.by_epochs else []

    def before(self, step: int) -> None:
        """Set the rates of one step, where they change by the step."""
        if self.how.by_epochs:
            return
        how = self.how
        starts = [0, *(round(share * how.steps) for share in how.restarts), how.steps]
        stage = bisect_right(starts, step, hi=len(starts) - 1) - 1
        taken, length = step - starts[stage], starts[stage + 1] - starts[stage]
        warm = min(1.0, (taken + 1) / max(1, how.warmup))
        if how.schedule == "hold":
            factor = warm * max(how.least, how.factor ** max(0, (step - how.hold) // how.every))
        else:
            factor = warm * (0.005 + 0.995 * 0.5 * (1 + math.cos(math.pi * taken / length)))
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * factor

    @property
    def factor(self) -> float:
        """The present rate as a part of the peak rate."""
        group = self.optimisers[0].param_groups[0]
        return float(group["lr"] / group["peak"])

    def epoch(self, step: int) -> int:
        """Epochs that are complete after ``step`` steps."""
        return step // self.epoch_steps if self.epoch_steps else 0

    def progress(self, step: int) -> float:
        """How far ``step`` is towards the latest end, from 0 to 1."""
        ends = [self.how.steps] * bool(self.how.steps) + [self.how.epochs * self.epoch_steps] * bool(self.how.epochs)
        return min(1.0, step / min(ends))

    def epoch_ends(self, step: int) -> bool:
        """Whether an epoch is complete after exactly ``step`` steps."""
        return bool(self.epoch_steps) and step % self.epoch_steps == 0

    def validates(self, step: int) -> bool:
        """Whether the validation loss is wanted after ``step`` steps."""
        return self.how.validates and self.epoch_ends(step) and self.epoch(step) % self.how.validate == 0

    def after_epoch(self, loss: float | None) -> None:
        """Move on by an epoch; ``loss`` is the validation loss where it was measured."""
        for scheduler in self.schedulers:
            if not isinstance(scheduler, ReduceLROnPlateau):
                scheduler.step()
            elif loss is not None:
                scheduler.step(loss)

    def finished(self, step: int) -> bool:
        """Whether training ends after ``step`` steps."""
        how = self.how
        if (how.steps and step >= how.steps) or (how.epochs and self.epoch(step) >= how.epochs):
            return True
        rates = [group["lr"] for optimiser in self.optimisers for group in optimiser.param_groups]
        return how.schedule == "plateau" and max(rates) <= how.floor * (1 + 1e-6)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs: plain numbers and lists."""
        states = [s.state_dict() for s in self.schedulers]
        kept = [{k: v for k, v in state.items() if k != "milestones"} for state in states]  # a Counter, and constant
        return {"epoch_steps": self.epoch_steps, "schedulers": kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state_dict`; the optimisers' rates come with their own states.

        Raises:
            BenchError: The run was begun on another number of pairs.
            ValueError: The state is of another schedule.
        """
        if state["epoch_steps"] != self.epoch_steps:
            raise BenchError(
                f"This training was begun with epochs of {state['epoch_steps']} steps and --data now makes "
                f"{self.epoch_steps}; name the sets it was begun with, or another --out."
            )
        for scheduler, saved in zip(self.schedulers, state["schedulers"], strict=True):
            scheduler.load_state_dict(saved)


def _scheduler(how: Training, optimiser: torch.optim.Optimizer) -> LRScheduler:
    if how.schedule == "plateau":
        return ReduceLROnPlateau(optimiser, factor=how.factor, patience=how.patience, min_lr=how.floor)
    if how.schedule == "multistep":
        return MultiStepLR(optimiser, list(how.milestones), how.factor)
    return StepLR(optimiser, how.every, how.factor)
