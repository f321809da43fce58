"""Drawing in a process beside this one: matplotlib holds the interpreter's lock, and the next board waits to be judged.

The process is handed a pickle of what ``draw_board`` is called with and gives back a pickle of what that returns. It is
started as a module, not through ``multiprocessing``, which would run a caller's own script a second time.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.report.plots.draw import draw_board
from bench.report.published.table import PublishedPoint
from bench.report.verdict import Verdict

Plots = dict[str, list[Path]]


class _Beside:
    """One board that another process draws."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments
        with tempfile.TemporaryFile() as file:
            pickle.dump(arguments, file)
            file.seek(0)
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__], stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )  # fmt: skip

    @property
    def busy(self) -> bool:
        return self._process.poll() is None

    def result(self) -> Plots:
        """Wait for the plots; what failed there is drawn here, where it says why."""
        answer = self._process.communicate()[0]
        if self._process.returncode != 0:
            return draw_board(*self._arguments)
        plots: Plots = pickle.loads(answer)
        return plots


def draw_boards(
    verdicts: Iterable[tuple[Verdict, Path]], total: int, published: Sequence[PublishedPoint]
) -> list[tuple[Verdict, Plots]]:
    """Draw boards as they are judged; see ``draw_board``.

    Args:
        verdicts: Boards with their folders; where this is a generator, the next board is judged during the drawing.
        total: How many there will be; the last one is drawn here, for nothing is left to do meanwhile.
        published: Points read from papers.

    Returns:
        The boards in the order given, with their plots.
    """
    jobs: list[tuple[Verdict, Plots | _Beside]] = []
    beside: _Beside | None = None
    for number, (verdict, folder) in enumerate(verdicts, 1):
        if number < total and (beside is None or not beside.busy):
            beside = _Beside(verdict, folder, published)
            jobs.append((verdict, beside))
        else:
            jobs.append((verdict, draw_board(verdict, folder, published)))
    return [(verdict, job.result() if isinstance(job, _Beside) else job) for verdict, job in jobs]


if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps(draw_board(*pickle.load(sys.stdin.buffer))))
