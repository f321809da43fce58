"""Dataset names."""

from __future__ import annotations

import pytest

from bench.data.names import count_of, parse
from bench.errors import BenchError, UnknownName


@pytest.mark.parametrize(
    ("text", "split", "want"),
    [
        ("synthdrive", None, ("synthdrive", "test", "test")),
        ("synthdrive:test32", None, ("synthdrive", "test", "test32")),
        ("synthdrive", "test32", ("synthdrive", "test", "test32")),
        ("synthdrive:test32", "test", ("synthdrive", "test", "test32")),
        ("synthdrive:check8", None, ("synthdrive", "val", "check8")),
        ("synthdrive:train12", None, ("synthdrive", "train", "train12")),
        ("kitti:val", None, ("kitti", "val", "val")),
    ],
)
def test_parse(text: str, split: str | None, want: tuple[str, str, str]) -> None:
    name = parse(text, split)
    assert (name.dataset, name.split, name.subset) == want


def test_train_count() -> None:
    assert count_of("train12") == 12
    assert count_of("test32") is None


def test_unknown_names_say_what_was_meant() -> None:
    with pytest.raises(UnknownName, match="did you mean 'kitti'"):
        parse("kiti")
    with pytest.raises(UnknownName, match="no split 'tets'.*test32"):
        parse("synthdrive:tets")
    with pytest.raises(BenchError, match="contradict"):
        parse("kitti:test", "val")
    with pytest.raises(BenchError, match="folder:LEFT:RIGHT"):
        parse("folder:only")


def test_folder_slug_is_stable_and_safe() -> None:
    a, b = parse("folder:/a/left:/a/right"), parse("folder:/a/../a/left:/a/right/")
    assert a.slug == b.slug != parse("folder:/a/right:/a/left").slug
    assert a.slug.replace("-", "").isalnum()
