"""The KITTI rule, on real frames in KITTI's layout."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.data import kitti
from bench.data import manifest as manifests
from bench.data.catalog import make
from bench.data.names import parse
from bench.data.pairs import load
from bench.data.picture import fit_kitti
from bench.data.plan import prepare
from bench.data.sources import gather
from bench.errors import BenchError, MissingData

from .conftest import picture, save

ONE = {("kitti2015", "testing"): 1, ("kitti2012", "training"): 1, ("kitti2015", "training"): 1}


def _layout(root: Path, shared: Path, names: tuple[str, str] = ("data_scene_flow", "data_stereo_flow")) -> Path:
    """Lay the real frames out as the archives do: scene 0 of each part, both frames."""
    raw = shared / "data" / "kitti-raw-layout"
    for part, frame, source in (
        ("testing", "10", "testing"),
        ("testing", "11", "testing"),
        ("training", "10", "training"),
        ("training", "11", "testing"),
    ):
        for side in ("image_2", "image_3"):
            found = raw / "data_scene_flow" / source / side / f"000001_{'10' if source == 'training' else frame}.png"
            target = root / names[0] / part / side / f"000000_{frame}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(found.read_bytes())
    for frame in ("10", "11"):
        for side in ("colored_0", "colored_1"):
            found = raw / "data_stereo_flow" / "training" / side / "000000_10.png"
            target = root / names[1] / "training" / side / f"000000_{frame}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(found.read_bytes())
    return root


def test_real_frames_give_the_listed_pixels(tmp_path: Path, shared: Path) -> None:
    """Crop and resize agree, byte for byte, with pictures that were prepared elsewhere by the protocol."""
    from bench.data import mini

    rows = {r["file"]: r for r in mini.frames()}
    root = _layout(tmp_path, shared)
    for path, file, side in (
        (root / "data_scene_flow/training/image_2/000000_10.png", "kitti2015_train_000001_10.png", "left"),
        (root / "data_scene_flow/testing/image_3/000000_10.png", "kitti2015_ftest_000001_10.png", "right"),
        (root / "data_scene_flow/testing/image_2/000000_11.png", "kitti2015_ftest_000001_11.png", "left"),
        (root / "data_stereo_flow/training/colored_1/000000_10.png", "kitti2012_train_000000_10.png", "right"),
    ):
        small = np.asarray(fit_kitti(Image.open(path), path.name)).transpose(2, 0, 1)
        assert manifests.pixel_hash(small) == rows[file][f"{side}_pixels"]


def test_order_of_the_published_lists(tmp_path: Path, shared: Path) -> None:
    root = _layout(tmp_path, shared)
    train = kitti.plan([root], "train", ONE)
    assert [i.id for i in train.items] == [
        "kitti2015-training-000000_10-lr",
        "kitti2015-training-000000_11-lr",
        "kitti2015-training-000000_10-rl",
        "kitti2015-training-000000_11-rl",
        "kitti2012-training-000000_10-lr",
        "kitti2012-training-000000_11-lr",
        "kitti2012-training-000000_10-rl",
        "kitti2012-training-000000_11-rl",
    ]
    assert {i.scene for i in train.items} == {"kitti2015-training-000000", "kitti2012-training-000000"}
    left, right = train.items[0], train.items[2]
    assert (left.x, left.y) == (right.y, right.x)
    assert [i.id for i in kitti.plan([root], "val", ONE).items] == [
        "kitti2015-testing-000000_11-lr",
        "kitti2015-testing-000000_11-rl",
    ]
    assert [i.id for i in kitti.plan([root], "test", ONE).items] == [
        "kitti2015-testing-000000_10-lr",
        "kitti2015-testing-000000_10-rl",
    ]


def test_zip_multiview_and_tree_give_the_same_manifest(tmp_path: Path, shared: Path) -> None:
    tree = _layout(tmp_path / "tree", shared)
    zips = tmp_path / "zips"
    zips.mkdir()
    for old, new, rename in (
        ("data_scene_flow", "data_scene_flow_multiview", {}),
        ("data_stereo_flow", "data_stereo_flow_multiview", {"colored_0": "image_2", "colored_1": "image_3"}),
    ):
        with zipfile.ZipFile(zips / f"{new}.zip", "w") as archive:
            for path in sorted((tree / old).rglob("*.png")):
                parts = [rename.get(p, p) for p in path.relative_to(tree / old).parts]
                archive.write(path, "/".join(parts))
    digests = []
    for places in ([tree], [zips], [zips / "data_scene_flow_multiview.zip", tree / "data_stereo_flow"]):
        target = tmp_path / f"out{len(digests)}"
        digests.append(prepare(parse("kitti:train"), kitti.plan(places, "train", ONE), target, fit_kitti).digest())
        pairs = load(parse("kitti:train"), target)
        assert len(pairs) == 8
        assert pairs.wrong_side()[0] in (4, 5)
    assert len(set(digests)) == 1


def test_damage_inside_an_archive_names_file_and_archive(tmp_path: Path) -> None:
    path = tmp_path / "data_scene_flow.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("testing/image_2/000000_10.png", bytes(range(256)) * 9)
    data = bytearray(path.read_bytes())
    start = data.index(b".png") + 4
    data[start : start + 8] = b"\xff" * 8  # a block type that deflate does not have
    path.write_bytes(bytes(data))
    source = gather([tmp_path], ("data_scene_flow",), 3)["testing/image_2/000000_10.png"]
    with pytest.raises(BenchError, match=r"000000_10.png in .*data_scene_flow.zip is damaged"):
        source.read()


def test_rule_counts() -> None:
    both = {part: sum(n for (_, p), n in kitti.SCENES.items() if p == part) for part in ("training", "testing")}
    assert (both["training"] * 4, both["testing"] * 2) == (1576, 790)


def test_missing_files_are_named(tmp_path: Path) -> None:
    for side in ("image_2", "image_3"):
        save(tmp_path / "data_scene_flow" / "testing" / side / "000000_10.png", picture(376, 1242, 1))
    save(tmp_path / "data_scene_flow" / "testing" / "image_2" / "000001_10.png", picture(376, 1242, 2))
    with pytest.raises(MissingData, match=r"lacks 1 files.*data_scene_flow/testing/image_3/000001_10.png"):
        kitti.plan([tmp_path], "test", {("kitti2015", "testing"): 2})
    with pytest.raises(MissingData, match=r"needs data_stereo_flow.zip"):
        kitti.plan([tmp_path], "test", {("kitti2012", "testing"): 1})
    with pytest.raises(MissingData, match="399 files|388 files|397 files"):
        make(parse("kitti:test"), [tmp_path, _empty_stereo(tmp_path)], quiet=True)
    assert not (tmp_path / "prepared").exists()


def _empty_stereo(tmp_path: Path) -> Path:
    """Return a 2012 archive with all its testing frames, as one-byte files: lists are checked before pictures."""
    root = tmp_path / "data_stereo_flow"
    for side in ("colored_0", "colored_1"):
        (root / "testing" / side).mkdir(parents=True)
        for k in range(195):
            (root / "testing" / side / f"{k:06d}_10.png").write_bytes(b"x")
    return root


@pytest.mark.parametrize(
    ("size", "corner"),
    [((375, 1242), (2, 251)), ((376, 1241), (3, 250)), ((374, 1238), (2, 249)), ((370, 1224), (0, 242))],
)
def test_crop_rounds_half_to_even(size: tuple[int, int], corner: tuple[int, int]) -> None:
    frame = picture(*size, 3)
    top, left = corner
    want = frame.crop((left, top, left + 740, top + 370)).resize((256, 128), Image.Resampling.BILINEAR)
    assert np.array_equal(np.asarray(fit_kitti(frame, "f")), np.asarray(want))


def test_too_small_frame(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="measures 300x1242, less than"):
        fit_kitti(picture(300, 1242, 0), "000000_10.png")
