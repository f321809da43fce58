"""Plots as PNG and SVG: the same bytes every time, the same look for a codec everywhere."""

from bench.report.plots.beside import draw_boards
from bench.report.plots.draw import draw_board

__all__ = ["draw_board", "draw_boards"]
