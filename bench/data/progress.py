"""A progress bar on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.data.plan import Progress


@contextmanager
def bar(title: str) -> Iterator[Progress]:
    """Show a bar while the block runs; the block calls what it is given with (done, total)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Rich

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Rich(*columns, console=Console(stderr=True)) as shown:
        task = shown.add_task(title, total=None)
        try:
            yield lambda done, total: shown.update(task, completed=done, total=total)
        except BaseException:
            shown.live.transient = True  # what failed leaves its sentence alone on stderr
            raise
