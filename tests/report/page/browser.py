"""A page opened in headless Chromium, with a script run in it: no driver, no port, a profile of its own."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--virtual-time-budget=8000",
)


class Seen(NamedTuple):
    """What the script returned, and what the console said."""

    result: Any
    console: list[str]


def find() -> str:
    """The browser's program; skips the test where there is none."""
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        pytest.skip("Chromium is not installed")
    return found


def run(
    page: Path, script: str = "return null", size: tuple[int, int] = (1280, 1600), shot: Path | None = None
) -> Seen:
    """Open a copy of a page in which an async function body runs once everything is drawn.

    Args:
        page: The file.
        script: Body of an async function; what it returns comes back.
        size: Width and height of the window.
        shot: Where a screenshot goes, taken when the script has run.
    """
    program = find()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "page.html"
        tail = (
            "<script>(async () => { const ready = () => document.documentElement.dataset.ready; let out; try { while "
            "(!ready()) await new Promise((r) => setTimeout(r, 10)); out = await (async () => {" + script + "})(); } "
            "catch (e) { out = {failed: String(e)}; } const p = document.createElement('template'); p.id = 'seen'; "
            "p.setAttribute('data-seen', JSON.stringify(out === undefined ? null : out)); document.body.append(p); "
            "})();</script>"
        )
        copy.write_text(page.read_text(encoding="utf-8").replace("</body>", tail + "</body>"), encoding="utf-8")
        what = [f"--screenshot={shot}"] if shot else ["--dump-dom"]
        done = subprocess.run(
            [
                program,
                *FLAGS,
                f"--user-data-dir={folder}/profile",
                f"--window-size={size[0]},{size[1]}",
                *what,
                copy.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=240,
            check=True,
        )
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    found = re.search(r'id="seen" data-seen="(.*?)"', done.stdout, re.DOTALL)
    return Seen(json.loads(html.unescape(found.group(1))) if found else None, console)
