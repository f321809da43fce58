"""The project's own metadata agrees with its source."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
MODULES = {
    "clean-fid": "cleanfid", "opencv-python-headless": "cv2", "pillow": "PIL", "pillow-heif": "pillow_heif",
    "pytorch-msssim": "pytorch_msssim", "scikit-image": "skimage",
}  # fmt: skip
"""Distributions whose module has another name."""


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"])


def imported() -> set[str]:
    """Top-level names of everything that bench/ and methods/ import, at any depth of the code."""
    found: set[str] = set()
    for path in [*(ROOT / "bench").rglob("*.py"), *(ROOT / "methods").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found


def test_every_dependency_is_imported_and_every_import_declared(project: dict[str, Any]) -> None:
    extras = project["optional-dependencies"]
    names = [[Requirement(text).name for text in part] for part in (project["dependencies"], extras["dev"])]
    optional = [Requirement(text).name for text in [*extras["heic"], *extras["ray"]]]
    needed, tools = ({MODULES.get(name, name.replace("-", "_")) for name in part} for part in names)
    needed |= {MODULES.get(name, name) for name in optional}
    used = imported() - set(sys.stdlib_module_names) - {"bench", "methods"}
    # torchvision is what lpips, pyiqa and clean-fid run on; it is named because it must match torch.
    assert needed - used <= {"torchvision"}, "declared, but nothing imports it"
    assert used - needed - tools == {"tomllib"} - set(sys.stdlib_module_names), "imported, but not declared"


def test_constraints_pin_every_dependency_within_its_bounds(project: dict[str, Any]) -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    exact = {canonicalize_name(pin.name): next(iter(pin.specifier)) for pin in pins}
    assert all(spec.operator == "==" for spec in exact.values())
    for text in [*project["dependencies"], *project["optional-dependencies"]["heic"]]:
        wanted = Requirement(text)
        if wanted.marker is None:
            assert wanted.specifier.contains(exact[canonicalize_name(wanted.name)].version), text
    assert exact["opencv-python"].version == exact["opencv-python-headless"].version
    assert not [line for line in lines if "://" in line]


def test_datasets_folder_is_no_package() -> None:
    # A package of that name would hide the one that pyiqa and accelerate import.
    assert not list((ROOT / "datasets").rglob("*.py"))


def test_one_file_imports_the_noncommercial_package() -> None:
    pattern = re.compile(r"^\s*(?:import|from) pyiqa\b", re.MULTILINE)
    found = [p.name for p in (ROOT / "bench").rglob("*.py") if pattern.search(p.read_text(encoding="utf-8"))]
    assert found == ["pyiqa_adapter.py"]


def test_links_between_documents_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "methods").rglob("README.md")]
    pages += [*(ROOT / "examples").rglob("*.md"), *(ROOT / "datasets").glob("*.md")]
    assert len(pages) >= 8
    broken = []
    for page in pages:
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in link and not (page.parent / link).exists():
                broken.append(f"{page.relative_to(ROOT)}: {link}")
    assert broken == []


def test_every_result_column_is_documented() -> None:
    from bench.metrics.registry import METRICS
    from bench.store.schema import ITEM, SET

    page = (ROOT / "docs" / "reading-results.md").read_text(encoding="utf-8")
    names = [*(column.name for column in (*ITEM, *SET)), *METRICS]
    assert [name for name in names if f"`{name}`" not in page] == []


def test_every_metric_is_in_the_protocol() -> None:
    from bench.metrics.registry import METRICS

    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    assert [name for name in METRICS if f"`{name}`" not in page] == []


def test_readme_begins_with_the_two_commands_and_tells_the_licences() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    first = "\n".join(readme.splitlines()[:24])
    assert "make demo" in first
    assert "make test" in first
    for words in ("PolyForm Noncommercial", "libx265", "non-commercial use only", "CC BY-NC-SA 3.0"):
        assert words in readme
