"""What the side view contributes: each codec with its own y, another scene's, a grey one, and other bits."""

from __future__ import annotations

from pathlib import Path

from bench.metrics.registry import METRICS
from bench.report.board import Board, Entrant
from bench.report.plots.canvas import curve, end_labels, figure, legend, look, metric_title, rate_axis, save
from bench.report.ranking import shown_metrics

WORDS = {"none": "own y", "wrong-y": "another scene's y", "blank-y": "grey y", "wrong-x": "another picture's bits"}
DASH = {"none": "-", "wrong-y": "--", "blank-y": ":", "wrong-x": "-."}
MARK = {"none": "o", "wrong-y": "X", "blank-y": "s", "wrong-x": "v"}
MOST = 6


def draw_controls(board: Board, stem: Path) -> list[Path]:
    """One column a codec that has controls, one row a metric; dotted horizontals are the codecs that send nothing.

    Returns:
        The files written; none where no codec has controls.
    """
    entrants = [e for e in board.entrants if set(e.points) - {"none"} and e.plain and not e.sends_nothing][:MOST]
    metrics = two_metrics(board)
    if not entrants or not metrics:
        return []
    idle = [e for e in board.entrants if e.sends_nothing and e.plain]
    with figure(len(entrants), len(metrics), 4.6 if len(entrants) < 3 else 4.0) as (made, panels):
        for row, metric in enumerate(metrics):
            for column, entrant in enumerate(entrants):
                axes = panels[row * len(entrants) + column]
                axes.set_title(entrant.label if row == 0 else "")
                axes.set_ylabel(metric_title(metric) if column == 0 else "")
                scale, labels = METRICS[metric].scale, []
                for other in idle:
                    if metric in other.plain[0].values:
                        level = other.plain[0].values[metric] * scale
                        axes.axhline(level, color="#8a8f96", linestyle=(0, (1, 3)), linewidth=1.0)
                        labels.append((_right(entrant), level, other.label, "#6d6d6d"))
                for control in [name for name in WORDS if name in entrant.points]:
                    points = [p for p in entrant.points[control] if metric in p.values]
                    if not points:
                        continue
                    xs, ys = [p.bpp for p in points], [p.values[metric] * scale for p in points]
                    curve(axes, xs, ys, entrant, linestyle=DASH[control], marker=MARK[control], label=WORDS[control],
                          fillstyle="full" if control == "none" else "none")  # fmt: skip
                    labels.append((xs[-1], ys[-1], WORDS[control], look(entrant).hex))
                rate_axis(axes)
                end_labels(axes, labels)
        if len(entrants) > 3:
            legend(made, panels, list(WORDS.values()))
        return save(made, board, "Side-information controls", stem)


def two_metrics(board: Board) -> list[str]:
    """PSNR and a perceptual distance, as far as the board has them."""
    shown = shown_metrics(board)
    lpips = [name for name in ("lpips_alex", "lpips_vgg", "lpips_squeeze") if name in shown]
    return [name for name in ("psnr", *lpips[-1:]) if name in shown]


def _right(entrant: Entrant) -> float:
    return max(p.bpp for own in entrant.points.values() for p in own)
