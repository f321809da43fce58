"""The whole contract, on every variant of every registered codec."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.conformance import ConformanceSuite, Target, every_target
from bench.registry import import_target, methods


def _targets() -> list[Target]:
    """Targets of methods that can be described; one that cannot fails in ``test_every_method_can_be_described``."""
    found = []
    for name in methods:
        try:
            method = methods.get(name)
        except Exception:
            continue
        found += [Target(f"{name}:{variant}") for variant in method.variants if "small" in method.presets_of(variant)]
    return found


class TestEveryCodec(ConformanceSuite):
    """A codec that has no weights yet is tried with seeded, untrained ones."""

    @pytest.fixture(scope="class", params=_targets(), ids=str)
    def target(self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Target:
        target: Target = request.param
        if target.info.untrained and "random_init" in target.info.options:
            return replace(target, options={"random_init": True, "steps": 2})
        return replace(target, weights=str(stand_in(target, tmp_path_factory))) if target.info.untrained else target


def stand_in(target: Target, folders: pytest.TempPathFactory) -> Path:
    """Weights file of a seeded, untrained network."""
    import torch

    codec: Any = import_target(methods.get(target.info.name).target)
    path = folders.mktemp("untrained") / "weights.safetensors"
    torch.manual_seed(0)
    codec.export(codec.build(target.info), target.info, None, path)
    return path


def test_every_method_can_be_described() -> None:
    assert {str(target) for target in every_target()} == {str(target) for target in _targets()}


def test_container_identifiers_are_unique_and_set() -> None:
    """Plug-ins carry 0; everything that this distribution registers has a number of its own."""
    infos = [
        method.describe(variant, preset)
        for name in methods
        if methods.origin(name) == "dic-bench"
        for method in [methods.get(name)]
        for variant in method.variants
        for preset in method.presets_of(variant)
    ]
    numbers = [info.codec_id for info in infos]
    assert 0 not in numbers and len(set(numbers)) == len(numbers)
    assert {info.name for info in infos} >= {"jpeg", "copy-y", "balle2018", "ndic"}


def test_describing_codecs_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from bench.conformance import every_target\n"
        "[target.info for target in every_target()]\n"
        "print([m for m in ('torch', 'compressai', 'cv2', 'PIL', 'numpy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
