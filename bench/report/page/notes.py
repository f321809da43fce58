"""What a reader must know of a board before believing its figures, as plain sentences."""

from __future__ import annotations

from bench.metrics.registry import METRICS
from bench.report.board import Board
from bench.report.markdown import extras
from bench.report.ranking import HIDDEN, shown_metrics


def warnings(board: Board) -> list[str]:
    """Sentences that stand at the head of the board."""
    lines = []
    if board.partial:
        lines.append(f"Partial: {board.n} items under --limit. Nothing here is ranked.")
    if board.dataset.startswith("synthdrive"):
        lines.append("Rendered, not photographed: no evidence about real photographs.")
    if board.dataset.startswith("kitti") and board.split == "val":
        lines.append("KITTI's val and test show the same scenes 0.1 s apart: val is not an independent set.")
    return lines


def notes(board: Board) -> list[str]:
    """Sentences below: warnings of metrics, metrics without values, notes of the board."""
    shown = shown_metrics(board)
    lines = [f"{METRICS[name].title} ({name}): {METRICS[name].flag}." for name in shown if METRICS[name].flag]
    lines += [
        f"{name} has no value: {', '.join(sorted(statuses - {'ok'}))}"
        + (f" (bench fetch {' '.join(METRICS[name].needs)})." if "no-weights" in statuses else ".")
        for name, statuses in sorted(board.metric_statuses.items())
        if name in METRICS and name not in shown and name not in HIDDEN
    ]
    lines += [line.removeprefix("- ").replace("`", "") for line in extras(board)]
    lines += board.notes
    lines += [f"{e.label} has no place: {e.barred}." for e in board.entrants if e.barred and e.plain]
    if board.unsealed:
        lines.append(f"{board.unsealed} units carry no digests: an edit in them would not be noticed.")
    return lines
