"""Perception and distortion: a perceptual distance over PSNR, and β over ρ.

The second panel is the plane of the SPDIC theory: with x̂ of spread βσ that correlates with x by ρ, the error is
((β − ρ)² + 1 − ρ²)σ². β = ρ gives the least error, β = 1 the detail of the original.
"""

from __future__ import annotations

from pathlib import Path

from bench.metrics.registry import METRICS
from bench.report.board import Board
from bench.report.plots.canvas import Label, beside_marks, curve, end_labels, figure, legend, look, metric_title, save
from bench.report.plots.controls import two_metrics


def draw_plane(board: Board, stem: Path) -> list[Path]:
    """Draw the planes that the board has metrics for.

    Returns:
        The files written; none without any.
    """
    planes = []
    metrics = two_metrics(board)
    if len(metrics) == 2:
        planes.append((metrics[0], metrics[1]))
    if _both(board, "rho", "beta"):
        planes.append(("rho", "beta"))
    if not planes:
        return []
    with figure(len(planes), 1, 6.2, 4.4) as (made, panels):
        for axes, (across, up) in zip(panels, planes, strict=True):
            labels, marks = list[Label](), list[Label]()
            for entrant in board.entrants:
                points = [p for p in entrant.plain if across in p.values and up in p.values]
                if not points:
                    continue
                xs = [p.values[across] * METRICS[across].scale for p in points]
                ys = [p.values[up] * METRICS[up].scale for p in points]
                curve(axes, xs, ys, entrant)
                (marks if entrant.sends_nothing else labels).append((xs[-1], ys[-1], entrant.label, look(entrant).hex))
            axes.set_xlabel(metric_title(across))
            axes.set_ylabel(metric_title(up))
            if up == "beta":
                _theory(axes)
                axes.set_title("Detail kept (β) and detail right (ρ)")
            else:
                if METRICS[up].higher_is_better is False:
                    axes.invert_yaxis()
                axes.set_title("Perception and distortion; the upper right is better")
            end_labels(axes, labels)
            beside_marks(axes, marks)
        legend(made, panels, [entrant.label for entrant in board.entrants])
        return save(made, board, "Perception and distortion, each curve from low to high rate", stem)


def _both(board: Board, one: str, two: str) -> bool:
    return any(one in p.values and two in p.values for e in board.entrants for p in e.plain)


def _theory(axes: object) -> None:
    """Lines β = 1 and β = ρ, and curves of equal error."""
    import numpy as np
    from matplotlib.axes import Axes

    assert isinstance(axes, Axes)
    left, right = axes.get_xlim()
    low, high = axes.get_ylim()
    left, right, low, high = max(0.0, left), 1.0, max(0.0, low - 0.05), max(high, 1.1)
    rho, beta = np.meshgrid(np.linspace(left, right, 120), np.linspace(low, high, 120))
    error = (beta - rho) ** 2 + 1 - rho**2
    lines = axes.contour(rho, beta, error, levels=[0.2, 0.4, 0.6, 0.8, 1.0, 1.2], colors="#b9bec5", linewidths=0.6)
    axes.clabel(lines, fmt=lambda value: f"{value:.1f}σ²", fontsize=6.5)
    axes.axhline(1.0, color="#4b5058", linewidth=0.9, linestyle="--")
    axes.plot([left, right], [left, right], color="#4b5058", linewidth=0.9, linestyle=":")
    axes.text(left + 0.01, 1.008, "β = 1: as much detail as the original", fontsize=7, va="bottom", color="#4b5058")
    at = max(left, low) + 0.02
    axes.text(at + 0.01, at, "β = ρ: least error", fontsize=7, rotation=0, va="top", color="#4b5058")
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)
