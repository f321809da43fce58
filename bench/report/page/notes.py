"""What a reader must know of a board before believing its figures, as plain sentences."""

from __future__ import annotations

from bench.report.board import Board
from bench.report.markdown import sentences


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
    lines = [line.removeprefix("- ").replace("`", "") for line in sentences(board)]
    lines += [f"{e.label} has no place: {e.barred}." for e in board.entrants if e.barred and e.plain]
    if board.unsealed:
        lines.append(f"{board.unsealed} units carry no digests: an edit in them would not be noticed.")
    return lines
