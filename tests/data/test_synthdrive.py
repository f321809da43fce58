"""The renderer, and its splits against the committed hashes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.data import embedded, open_pairs
from bench.data.catalog import EXPECTED, check, make, place
from bench.data.manifest import pixel_hash
from bench.data.names import parse
from bench.data.synthdrive import CLASSES, Rendered, render
from bench.errors import BenchError


@pytest.fixture(scope="module")
def some() -> Rendered:
    return render([3, 7, 5])


def test_shapes_and_ranges(some: Rendered) -> None:
    assert some.left.shape == some.right.shape == (3, 3, 128, 256)
    assert some.left.dtype == some.labels.dtype == torch.uint8
    assert some.disparity.dtype == torch.float32
    assert int(some.labels.max()) < len(CLASSES)
    assert float(some.disparity.min()) >= 0.0
    assert float(some.disparity.max()) < 128.0
    assert ((some.disparity == 0) == (some.labels == 0)).float().mean() > 0.999  # only the sky is infinitely far
    assert all(c.endswith(".") and c[0] == "A" for c in some.captions)


def test_a_seed_gives_one_pair_in_any_company(some: Rendered) -> None:
    alone = render([5])
    assert torch.equal(alone.left[0], some.left[2])
    assert torch.equal(alone.right[0], some.right[2])
    assert not torch.equal(some.left[0], some.left[1])


def test_views_agree_where_disparity_says(some: Rendered) -> None:
    """The right view moved by the disparity is the left one, but for occlusions: far above the unmoved one."""
    columns = torch.arange(256.0)
    for k in range(3):
        left, right, shift = some.left[k].float(), some.right[k].float(), some.disparity[k]
        at = (columns[None] - shift).clamp(0, 254)
        low, part = at.floor().long(), at - at.floor()
        take = [torch.gather(right, 2, (low + s)[None].expand(3, -1, -1)) for s in (0, 1)]
        moved = take[0] * (1 - part) + take[1] * part
        seen = torch.gather(some.disparity_right[k], 1, at.round().long())
        visible = ((seen - shift).abs() < 0.3) & (columns[None] - shift > 0)
        close, still = ((moved - left) ** 2).mean(0)[visible].mean(), ((right - left) ** 2).mean()
        assert 0.75 < visible.float().mean() < 0.995
        assert 10 * torch.log10(still / close) > 9.0
        assert (moved - left).abs().mean(0)[visible].median() < 3.0  # sensor noise and exposure, in grey levels


def test_looks_like_photographs(some: Rendered) -> None:
    """PNG and WebP sizes lie near KITTI's at this size (58 kB; 0.20 bpp at WebP's lowest setting)."""
    png, webp = [], []
    for view in some.left:
        image = Image.fromarray(view.permute(1, 2, 0).numpy())
        for kind, sizes, options in (("PNG", png, {}), ("WEBP", webp, {"quality": 0})):
            out = io.BytesIO()
            image.save(out, kind, **options)
            sizes.append(len(out.getvalue()))
    assert 36e3 < np.mean(png) < 65e3
    assert 0.08 < np.mean(webp) * 8 / 32768 < 0.25


def test_first_test_pair_matches_the_committed_hash() -> None:
    done = render(embedded.seeds("test", 1))
    have = [pixel_hash(done.left[0].numpy()), pixel_hash(done.right[0].numpy())]
    assert have == embedded.known()["test"][0]


@pytest.mark.parametrize(
    "isa", [{"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}, {"ATEN_CPU_CAPABILITY": "default"}]
)
def test_other_instruction_sets_give_the_same_pixels(tmp_path: Path, isa: dict[str, str]) -> None:
    seeds = embedded.seeds("val", 2)
    out = tmp_path / "o.npz"
    root = str(Path(__file__).parents[2])
    subprocess.run(
        [sys.executable, "-m", "bench.data.synthdrive", str(out), "float64", str(seeds.start), str(len(seeds))],
        env={**os.environ, **isa, "PYTHONPATH": root},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    done = np.load(out)
    have = [[pixel_hash(done[s][k]) for s in ("left", "right")] for k in range(2)]
    assert have == embedded.known()["val"][:2]


def test_committed_hashes_are_whole() -> None:
    known = embedded.known()
    assert {s: len(v) for s, v in known.items()} == {"val": 64, "test": 256}
    assert len({h for v in known.values() for pair in v for h in pair}) == 2 * 320


def test_check8_needs_no_rendering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_render", lambda *_: pytest.fail("rendered"))
    pairs = open_pairs("synthdrive:check8")
    assert (len(pairs), pairs.split, pairs.subset, pairs.partial) == (8, "val", "check8", False)
    assert check(parse("synthdrive:check8")) == []
    assert [i[-2:] for i in pairs.ids] == ["lr", "rl"] * 4
    x, y = pairs.batch([0, 1])
    labels = pairs.labels([0, 1])
    assert labels is not None
    assert labels.shape == (2, 128, 256)
    fresh = render(embedded.seeds("val", 2))
    assert torch.equal(x[1], fresh.right[1])
    assert torch.equal(y[1], fresh.left[1])
    assert torch.equal(labels[1], fresh.labels_right[1])
    assert pairs.captions([0, 1]) == fresh.captions


def test_train_split_is_rendered_once_and_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = open_pairs("synthdrive:train3")
    assert [len(pairs), pairs.split] == [3, "train"]
    monkeypatch.setattr(embedded, "_render", lambda *_: pytest.fail("rendered again"))
    again = open_pairs("synthdrive", "train3")
    assert again.manifest == pairs.manifest
    shift = again.disparity([1])
    assert shift is not None
    assert shift.shape == (1, 128, 256)
    fresh = render([1], dtype=torch.float32)
    assert float((shift[0] - fresh.disparity_right[0]).abs().max()) <= 1 / 256
    x, _ = again.batch([1])
    assert float((x[0].float() - fresh.right[0].float()).abs().max()) <= 1


def test_seeds_of_splits_never_meet() -> None:
    ranges = [set(embedded.seeds(s, 300)) for s in ("train", "val", "test")]
    assert not (ranges[0] & ranges[1] or ranges[0] & ranges[2] or ranges[1] & ranges[2])
    with pytest.raises(BenchError, match="10,000,000"):
        embedded.seeds("train", 10_000_001)


def test_another_machine_s_pixels_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that differs from its committed hash warns and gives the set a manifest of its own."""
    monkeypatch.setitem(embedded.COUNTS, "test32", 1)
    monkeypatch.setitem(EXPECTED, ("synthdrive", "test32"), 1)
    name, true = parse("synthdrive:test32"), embedded.known()["test"][0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told = make(name, [], quiet=True)
    assert check(name) == []
    monkeypatch.setattr(embedded, "known", lambda: {"test": [["0" * 64, true[1]]]})
    with pytest.warns(UserWarning, match="1 of 2 pictures differ"):
        embedded._compare(name, told)
    assert check(name) == ["test-00000-left: not the committed picture."]
    pixels = np.load(place(name) / "pictures.npy")
    pixels[0, 0, 0, 0] ^= 1
    assert embedded._manifest(name, pixels, ["A."]).digest() != told.digest()


def test_failed_rendering_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "seeds", lambda *_: range(-1, 0))
    with pytest.raises(BenchError, match="rendering process ended"):
        open_pairs("synthdrive:train1")
    assert not list(place(parse("synthdrive:train1")).parent.glob("*"))
    assert not list(place(parse("synthdrive:train1")).parent.glob(".*"))
