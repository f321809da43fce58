"""Where weights are looked for, what is refused, and downloads from a server on this machine."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.cli.fetch import command
from bench.errors import BenchError, MissingWeights, UnknownName
from bench.metrics import download, score_pairs, weights
from bench.metrics.registry import METRICS

from .conftest import pictures

CONTENT = bytes(range(256)) * 40


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Nothing on the test's output."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A loopback server with one good and one damaged file, and a table that points to it."""
    root = tmp_path / "www"
    root.mkdir()
    (root / "good.bin").write_bytes(CONTENT)
    (root / "bad.bin").write_bytes(CONTENT[:-1] + b"x")
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(root)))
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{http.server_address[1]}"
    digest, lines = hashlib.sha256(CONTENT).hexdigest(), []
    for name in ("good", "bad", "gone"):
        lines.append(
            f'[{name}]\ntitle="t"\nlicence="l"\n[[{name}.files]]\nnames=["{name}.bin", "{name}.alias"]\n'
            f'url="{address}/{name}.bin"\nsha256="{digest}"\nsize={len(CONTENT)}\n'
        )
    (tmp_path / "table.toml").write_text("\n".join(lines))
    monkeypatch.setattr(weights, "TABLE", tmp_path / "table.toml")
    yield address
    http.shutdown()
    http.server_close()


def test_the_shipped_table_is_complete() -> None:
    needed = {name for spec in METRICS.values() for name in (*spec.needs, *spec.labelled_needs)}
    assert needed == set(weights.table())
    for entry in weights.table().values():
        assert entry.licence
        shipped = [weights.SHIPPED / file.names[0] for file in entry.files]
        assert entry.hub or any(file.url.startswith("https://") for file in entry.files) or shipped[0].is_file()
        for file in entry.files:
            assert len(file.sha256) == 64
            assert file.size > 0
            # torchvision and pyiqa put the first eight digits of the hash into the name.
            stem = Path(file.names[0]).stem.rpartition("-")[2]
            assert len(stem) != 8 or file.sha256.startswith(stem)


def test_the_users_folder_comes_before_the_cache(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert weights.find("good") is None
    cached = weights.cache_dir() / "good.bin"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(CONTENT)
    assert weights.find("good") == cached
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "good.alias").write_bytes(CONTENT)
    monkeypatch.setenv("BENCH_WEIGHTS_DIR", str(mine))
    assert weights.find("good") == mine / "good.alias"


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"x", CONTENT[:-5]])
def test_another_sha256_or_size_is_refused(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    (tmp_path / "good.bin").write_bytes(content)
    monkeypatch.setenv("BENCH_WEIGHTS_DIR", str(tmp_path))
    with pytest.raises(BenchError, match=r"good\.bin is not the file .* 'bench fetch good'"):
        weights.find("good")
    assert weights.find("good", verify=False) == tmp_path / "good.bin"


def test_a_replaced_file_is_read_again(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS_DIR", str(tmp_path))
    (tmp_path / "good.bin").write_bytes(CONTENT)
    assert weights.find("good")
    (tmp_path / "good.bin").write_bytes(CONTENT[::-1])
    with pytest.raises(BenchError):
        weights.find("good")


def test_missing_weights_name_the_command() -> None:
    with pytest.raises(MissingWeights, match="lpips_vgg needs vgg16 .553 MB.: run 'bench fetch vgg16'"):
        score_pairs(pictures(1), pictures(1), ["lpips_vgg"])
    with pytest.raises(UnknownName):
        weights.find("vgg17")


def test_fetch_writes_checks_and_is_done_the_second_time(server: str) -> None:
    seen: list[int] = []
    path = download.fetch("good", progress=seen.append)
    assert path == weights.cache_dir() / "good.bin"
    assert path.read_bytes() == CONTENT
    assert sum(seen) == len(CONTENT)
    assert download.fetch("good", progress=seen.append) == path
    assert sum(seen) == len(CONTENT)


@pytest.mark.parametrize(("name", "message"), [("bad", "with sha256"), ("gone", "cannot be downloaded")])
def test_a_failed_download_leaves_nothing(server: str, name: str, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        download.fetch(name)
    assert not list(weights.cache_dir().iterdir())


def test_no_room_is_one_sentence(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    free = type("Usage", (), {"free": 100})()
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: free)
    with pytest.raises(BenchError, match="free some space"):
        download.fetch("good")


def test_offline_refuses_but_finds_what_is_here(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_OFFLINE", "1")
    with pytest.raises(BenchError, match="BENCH_OFFLINE"):
        download.fetch("good")
    weights.cache_dir().mkdir(parents=True)
    (weights.cache_dir() / "good.bin").write_bytes(CONTENT)
    assert download.fetch("good").is_file()


def test_the_command(server: str) -> None:
    listed = CliRunner().invoke(command, [])
    assert listed.exit_code == 0
    assert listed.output.count("missing") == 3
    done = CliRunner().invoke(command, ["good"])
    assert done.exit_code == 0
    assert str(weights.cache_dir() / "good.bin") in done.output
    everything = CliRunner().invoke(command, ["--all"])
    assert isinstance(everything.exception, BenchError)
    assert "bad.bin" in str(everything.exception)
    assert "gone.bin" in str(everything.exception)
    assert isinstance(CliRunner().invoke(command, ["goodd"]).exception, UnknownName)


def test_bad_input_ends_with_exit_code_two() -> None:
    run = subprocess.run([sys.executable, "-m", "bench", "fetch", "vgg17"], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "vgg17" in run.stderr
    assert "Traceback" not in run.stderr


def test_registry_and_weights_import_no_torch() -> None:
    modules = "bench.metrics, bench.metrics.weights, bench.cli.fetch, bench.cli.score"
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
