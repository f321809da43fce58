"""Fixtures that every room's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pairs and metric weights beside the checkout; tests that need it skip without it."""
    if not (SHARED / "data" / "kitti-mini").is_dir():
        pytest.skip(f"real pairs and weights are not beside this checkout (looked for {SHARED})")
    return SHARED
