"""Template, style, scripts and data into one file that asks nothing of the network."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

SCRIPTS = ("core.js", "drawer.js", "plot.js", "board.js", "viewer.js", "extremes.js", "notes.js", "main.js")
"""In the order in which they run."""


def make_page(data: Mapping[str, Any], shots: Mapping[str, Any]) -> str:
    """The page.

    Args:
        data: What ``bench.report.page.data.page_data`` gives.
        shots: What ``bench.report.page.pictures.make_albums`` gives.
    """
    assets = files("bench.report.page") / "assets"
    parts = {
        "css": (assets / "page.css").read_text(encoding="utf-8").strip(),
        "js": "\n".join((assets / name).read_text(encoding="utf-8").strip() for name in SCRIPTS),
        "data": packed(data),
        "pictures": packed(shots),
    }
    template = (assets / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found.group(1)], template)


def packed(value: Any) -> str:
    """JSON as gzip in base64: a third of the bytes, nothing in it can end a script element, and no NaN gets in."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def read_packed(page: str, name: str) -> Any:
    """What ``packed`` put under an element's id; None where the page has none that can be read."""
    found = re.search(rf'<script type="application/gzip" id="{name}">(.*?)</script>', page, re.DOTALL)
    try:
        return json.loads(gzip.decompress(base64.b64decode(found.group(1)))) if found else None
    except (EOFError, OSError, ValueError, zlib.error):
        return None


def rounded(value: float | None, digits: int = 6) -> float | None:
    """A number of six significant digits; None for NaN and infinities."""
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return None
    return float(f"{value:.{digits}g}")


def texts(values: Sequence[object]) -> list[str]:
    """Values as text, for table rows."""
    return [str(value) for value in values]
