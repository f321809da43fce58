"""``report.html``: one self-contained file with curves, leaderboard, pictures and provenance."""

from bench.report.page.assemble import make_page

__all__ = ["make_page"]
