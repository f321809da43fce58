"""Registry: lazy targets, near names, collisions, entry points."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import registry
from bench.errors import BenchError, UnknownName
from bench.registry import Registry, import_target


def test_target_is_imported_only_when_asked_for() -> None:
    things: Registry[object] = Registry("thing")
    things.add("broken", "no_such_module_anywhere:X")
    things.add("path", "pathlib:Path")
    assert list(things) == ["broken", "path"]
    assert things.get("path").__name__ == "Path"  # type: ignore[attr-defined]
    with pytest.raises(BenchError, match="no_such_module_anywhere"):
        things.get("broken")


def test_miss_suggests_a_near_name() -> None:
    with pytest.raises(UnknownName, match=r"no method 'dsinn'; did you mean dsin\?"):
        registry.methods.get("dsinn")
    with pytest.raises(UnknownName, match="known: atn, avif, balle2017, balle2018"):
        registry.methods.get("zzzzzzzzzz")


def test_second_holder_of_a_name_is_refused_and_both_are_named() -> None:
    things: Registry[object] = Registry("thing")
    things.add("a", "pathlib:Path")
    things.add("a", "pathlib:Path")  # the same target again changes nothing
    with pytest.raises(BenchError, match=r"pathlib:Path \(from dic-bench\) and os:sep \(from other\)"):
        things.add("a", "os:sep", "other")


@pytest.mark.parametrize(
    ("target", "words"),
    [("pathlib", "not of the form"), (":Path", "not of the form"), ("pathlib:Nothing", "has no 'Nothing'")],
)
def test_malformed_targets(target: str, words: str) -> None:
    with pytest.raises(BenchError, match=words):
        import_target(target)


def test_a_module_that_fails_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "module_that_fails.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BenchError, match="module_that_fails:X' cannot be imported: ZeroDivisionError"):
        import_target("module_that_fails:X")


def points(monkeypatch: pytest.MonkeyPatch, **targets: str) -> Registry[object]:
    """A registry whose entry-point group holds the given names."""
    found = [EntryPoint(name, value, "g") for name, value in targets.items()]
    for point in found:
        point.__dict__["dist"] = SimpleNamespace(name="some-plugin")
    monkeypatch.setattr(registry, "entry_points", lambda group: found if group == "g" else [])
    return Registry("thing", group="g")


def test_entry_points_are_found_with_their_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    things = points(monkeypatch, plug="pathlib:Path")
    things.add("own", "os:sep")
    assert "plug" in things
    assert things.origin("plug") == "some-plugin"
    assert things.origin("own") == "dic-bench"


def test_plugin_cannot_take_a_name_that_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    things = points(monkeypatch, own="pathlib:Path")
    things.add("own", "os:sep")
    with pytest.raises(BenchError, match=r"from some-plugin"):
        list(things)


def test_describing_every_codec_imports_no_torch() -> None:
    code = (
        "import sys, bench\n"
        "from bench.registry import methods\n"
        "for name in methods:\n"
        "    method = methods.get(name)\n"
        "    for variant in method.variants:\n"
        "        for preset in method.presets_of(variant):\n"
        "            info = method.describe(variant, preset)\n"
        "            assert (info.name, info.variant, info.preset) == (name, variant, preset), info\n"
        "            assert [p.index for p in info.rates] == list(range(len(info.rates))), info\n"
        "            assert [p.name for p in info.rates] == [f'r{i + 1}' for i in range(len(info.rates))], info\n"
        "heavy = {'torch', 'compressai', 'pandas', 'PIL', 'cv2'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_codec_ids_are_unique() -> None:
    seen: dict[int, str] = {}
    for name in registry.methods:
        method = registry.methods.get(name)
        for variant in method.variants:
            for preset in method.presets_of(variant):
                info = method.describe(variant, preset)
                if info.codec_id:
                    assert info.codec_id not in seen, (info.full_name, seen[info.codec_id])
                    seen[info.codec_id] = info.full_name
    assert len(seen) >= 10
