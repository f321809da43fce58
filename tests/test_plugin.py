"""The example plug-in, installed as a user would install it, measured, and found on the leaderboard."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.data.embedded import CHECK8

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "dic-bench-downscale"


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that pip installed the plug-in into, from a copy so that no build product stays in the tree."""
    pytest.importorskip("setuptools", reason="building the plug-in offline needs setuptools")
    place = tmp_path_factory.mktemp("plugin")
    source = shutil.copytree(EXAMPLE, place / "source", ignore=shutil.ignore_patterns("build", "*.egg-info"))
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(place / "site"), str(source)], check=True, capture_output=True, timeout=300)
    return place / "site"


def bench(plugin: Path | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m bench`` with the plug-in importable, or without it."""
    inherited = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    root = str(EXAMPLE.parents[1])
    paths = [*([str(plugin)] if plugin else []), root, *inherited]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200"}
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def store(plugin: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the plug-in's two variants and of one shipped codec on eight embedded pairs."""
    out = tmp_path_factory.mktemp("runs")
    done = bench(
        plugin, "run", "--method", "downscale,downscale:blind,jpeg", "--dataset", "synthdrive:check8", "--controls",
        "--metrics", "psnr,ms_ssim_db", "--device", "cpu", "--out", str(out),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out


def test_without_installation_the_name_is_unknown() -> None:
    done = bench(None, "run", "--method", "downscale", "--dataset", "synthdrive:check8")
    assert done.returncode == 2
    assert "downscale" in done.stderr
    assert "Traceback" not in done.stderr


def test_list_names_the_plugin(plugin: Path) -> None:
    done = bench(plugin, "list", "--methods")
    assert done.returncode == 0, done.stderr
    assert "Block means, sharpened by the side view" in done.stdout


def test_every_rate_point_has_rows_with_real_bits(store: Path) -> None:
    from bench import results

    rows = results.load(store)
    own = rows[(rows.method == "downscale") & (rows.variant == "side") & (rows.control == "none")]
    assert sorted(own.rate.unique()) == ["r1", "r2", "r3", "r4", "r5", "r6"]
    assert len(own) == 6 * 8
    assert (own.status == "ok").all()
    means = own.groupby("rate").bits_file.mean()
    assert means.is_monotonic_increasing
    # A plug-in's container carries its name: one byte of length and the text on top of a shipped codec's 8 bytes.
    assert set(own.bits_file - own.bits_payload) == {8 * (8 + len("downscale:side/small") + 1)}


def test_side_view_helps_and_a_wrong_one_hurts(store: Path) -> None:
    from bench import results

    rows = results.load(store)
    psnr = rows[rows.method == "downscale"].groupby(["variant", "control"]).psnr.mean()
    assert psnr["side", "none"] > psnr["blind", "none"] + 0.2
    assert psnr["side", "wrong-y"] < psnr["side", "none"] - 0.2


def test_leaderboard_holds_the_plugin(plugin: Path, store: Path, tmp_path: Path) -> None:
    done = bench(plugin, "report", "--store", str(store), "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    board = (tmp_path / "synthdrive-check8" / "leaderboard.md").read_text(encoding="utf-8")
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in board.splitlines() if line.startswith("|")]
    own = [row for row in table if "downscale:side" in row]
    points = [row for row in own if row[1] in {f"r{i}" for i in range(1, 7)}]
    assert len(points) == 6 + 3 * 6  # the rate points, and these with wrong y, blank y and wrong bits
    ranking = dict(zip(table[0], own[0], strict=True))
    assert ranking["notes"] == "side view"
    assert float(ranking["BD-rate to own no-y form %"].split()[0].replace("−", "-")) < -10
    assert float(ranking["SI gain psnr"].split()[0]) > 0.2
    assert (tmp_path / "synthdrive-check8" / "rd.png").stat().st_size > 5000


def test_one_picture_through_a_file(plugin: Path, tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    left = CHECK8 / "0-left.png"
    coded, back = tmp_path / "x.dic", tmp_path / "x.png"
    done = bench(plugin, "encode", str(left), "--method", "downscale", "--rate", "r6", "--out", str(coded))
    assert done.returncode == 0, done.stderr
    done = bench(plugin, "decode", str(coded), "--side", str(left), "--out", str(back))
    assert done.returncode == 0, done.stderr
    x, recon = (np.asarray(Image.open(path).convert("RGB"), np.float64) for path in (left, back))
    assert x.shape == recon.shape
    assert 10 * np.log10(255**2 / ((x - recon) ** 2).mean()) > 30  # its own picture as side view: nearly all detail
    coded.write_bytes(coded.read_bytes()[:-3])
    done = bench(plugin, "decode", str(coded), "--side", str(left), "--out", str(back))
    assert done.returncode == 2
    assert "damaged" in done.stderr


def test_first_snippet_of_the_guide_runs(tmp_path: Path) -> None:
    guide = (EXAMPLE.parents[1] / "docs" / "adding-a-codec.md").read_text(encoding="utf-8")
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "mycodec.py").write_text(guide.partition("```python\n")[2].partition("```")[0], encoding="utf-8")
    done = bench(
        tmp_path, "run", "--method", "package.mycodec:Mean", "--dataset", "synthdrive:check8", "--metrics", "psnr",
        "--device", "cpu", "--out", str(tmp_path / "runs"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    row = next(line.split() for line in done.stdout.splitlines() if line.startswith("mean "))
    assert row[2] == "ok"
    assert float(row[3]) == pytest.approx(8 * (3 + 8 + 1 + len("mean:base/small")) / (128 * 256), abs=1e-4)


def test_plugin_passes_the_conformance_kit(plugin: Path) -> None:
    tests = EXAMPLE / "tests"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(plugin), str(EXAMPLE.parents[1])])}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(tests)]
    done = subprocess.run(
        [*command, str(tests)], env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "failed" not in done.stdout
    assert int(done.stdout.rpartition(" passed")[0].split()[-1]) >= 20
