"""The progress bar of `bench run`, on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.run.plan import Plan


class UnitProgress:
    """A progress bar on stderr with item counts and the time left."""

    def __init__(self, plan: Plan) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        from bench.run.execute import work_size

        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("items"),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=Console(stderr=True),
        )  # fmt: skip
        self.task = self.bar.add_task("", total=work_size(plan))

    def __enter__(self) -> UnitProgress:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def step(self, text: str) -> None:
        """A stage of a unit begins."""
        self.bar.update(self.task, description=text)

    def advance(self, items: int) -> None:
        """Items are done."""
        self.bar.advance(self.task, items)
