"""Open, prepare, verify and list datasets by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

from bench.data import cityscapes, embedded, folder, kitti, mini
from bench.data import manifest as manifests
from bench.data.manifest import Manifest
from bench.data.names import SPLITS, SUBSETS, Name, parse
from bench.data.pairs import PairSet, load, verify
from bench.data.picture import fit_kitti, fit_prepared, fit_whole
from bench.data.places import data_root
from bench.data.plan import Plan, Progress, prepare
from bench.data.progress import bar
from bench.errors import BenchError, MissingData

EXPECTED = {
    **{("kitti", s): n for s, n in (("train", 1576), ("val", 790), ("test", 790))},
    **{("cityscapes", s): n for s, n in cityscapes.COUNTS.items()},
    **{("kitti-mini", s): n for s, n in mini.COUNTS.items()},
    **{("synthdrive", s): n for s, n in embedded.COUNTS.items()},
}
"""Pairs of every split and subset."""


def place(name: Name) -> Path:
    """Return the folder that holds, or will hold, a prepared split."""
    return embedded.folder(name) if name.dataset == "synthdrive" else data_root() / name.slug / name.subset


def open_pairs(dataset: str, split: str | None = None, limit: int | None = None) -> PairSet:
    """Open a dataset's pairs; ``synthdrive`` and ``folder:`` are prepared on first use.

    Args:
        dataset: ``synthdrive``, ``kitti-mini``, ``kitti``, ``cityscapes`` or ``folder:LEFT:RIGHT``; a split or a named
            subset may follow a colon (``synthdrive:test32``).
        split: Split or subset, where the name holds none; ``test`` by default.
        limit: Only the N items of smallest sha256(id), in the dataset's order; such a set is partial.

    Raises:
        UnknownName: No such dataset or split.
        MissingData: It is not prepared on this machine; the message names the command.
        BenchError: What is prepared is damaged, or the folders' pictures are unfit.
    """
    name = parse(dataset, split)
    if name.subset == "check8":
        return PairSet(name, *embedded.check8(name), limit)
    target = place(name)
    ready = (target / manifests.FILE).is_file()
    if name.dataset == "folder":
        ready = folder.fresh(name, target)
    if not ready and name.dataset in ("synthdrive", "folder"):
        make(name, ())
    elif not ready:
        raise MissingData(
            f"{name.full} is not prepared on this machine; run `{command(name)}` (datasets/"
            f"{name.dataset}.md says where its files come from)."
        )
    return load(name, target, limit)


def command(name: Name) -> str:
    """Return the command that prepares a split."""
    source = "" if name.dataset in ("synthdrive", "folder") else " --from DIR"
    return f"python -m bench data prepare {name.dataset} --split {name.subset}{source}"


def make(name: Name, places: Sequence[Path], quiet: bool = False) -> Manifest:
    """Prepare one split, with a progress bar on stderr.

    Args:
        name: What to prepare.
        places: Where its original files lie; none for ``synthdrive`` and ``folder:``.
        quiet: No progress bar.

    Raises:
        BenchError: Files are missing, unfit or unequal, or the disk is full; nothing is left half-written.
    """
    target = place(name)
    if name.dataset not in ("synthdrive", "folder") and not places:
        raise BenchError(f"{name.dataset} needs --from, the folder or zip files that hold its pictures.")
    with nullcontext(None) if quiet else bar(f"preparing {name.slug}:{name.subset}") as progress:
        _MAKERS[name.dataset](name, places, target, progress)
    return manifests.read(target)


def _kitti(name: Name, places: Sequence[Path], target: Path, progress: Progress | None) -> None:
    prepare(name, _counted(name, kitti.plan(places, name.split)), target, fit_kitti, progress=progress)


def _cityscapes(name: Name, places: Sequence[Path], target: Path, progress: Progress | None) -> None:
    prepare(name, _counted(name, cityscapes.plan(places, name.split)), target, fit_whole, progress=progress)


def _mini(name: Name, places: Sequence[Path], target: Path, progress: Progress | None) -> None:
    if len(places) != 1:
        raise BenchError("kitti-mini comes from one folder; give --from once.")
    plan, known = mini.plan(places[0], name.split)
    prepare(name, _counted(name, plan), target, fit_prepared, known=known, progress=progress)


def _synthdrive(name: Name, places: Sequence[Path], target: Path, progress: Progress | None) -> None:
    if places:
        raise BenchError("synthdrive is rendered here and needs no --from; leave it out.")
    if name.subset != "check8":
        embedded.build(name, target, progress)


def _folder(name: Name, places: Sequence[Path], target: Path, progress: Progress | None) -> None:
    if places:
        raise BenchError("folder:LEFT:RIGHT names its folders itself and needs no --from; leave it out.")
    folder.build(name, target, progress)


_MAKERS: dict[str, Callable[[Name, Sequence[Path], Path, Progress | None], None]] = {
    "kitti": _kitti,
    "cityscapes": _cityscapes,
    "kitti-mini": _mini,
    "synthdrive": _synthdrive,
    "folder": _folder,
}


def _counted(name: Name, plan: Plan) -> Plan:
    want = EXPECTED[name.dataset, name.subset]
    if len(plan.items) != want:
        raise BenchError(f"{name.full} comes to {len(plan.items)} pairs in place of {want}; check the archives.")
    return plan


def check(name: Name) -> list[str]:
    """Hash a prepared split's pixels again; return one line a difference.

    Raises:
        MissingData: It is not prepared.
    """
    if name.subset == "check8":
        pictures = embedded.check8(name)[0].pictures
        want = [h for pair in embedded.known()["val"] for h in pair]
        both = zip(pictures, want, strict=False)
        return [f"{p.source}: not the committed picture." for p, h in both if p.pixels != h]
    target = place(name)
    if not (target / manifests.FILE).is_file():
        raise MissingData(f"{name.full} is not prepared on this machine; run `{command(name)}`.")
    lines = verify(target)
    told = manifests.read(target)
    want_count = EXPECTED.get((name.dataset, name.subset))
    if want_count is not None and len(told.items) != want_count:
        lines.append(f"{name.full} holds {len(told.items)} pairs in place of {want_count}.")
    if name.dataset == "synthdrive":
        listed = [h for pair in embedded.known().get(name.split, []) for h in pair]
        both = zip(told.pictures, listed, strict=False)
        lines += [f"{p.source}: not the committed picture." for p, h in both if p.pixels != h]
    if name.dataset == "kitti-mini":
        known = {f"{r['split']}/{s}/{r['file']}": r[f"{s}_pixels"] for r in mini.frames() for s in ("left", "right")}
        lines += [f"{p.source}: not the listed picture." for p in told.pictures if known.get(p.source) != p.pixels]
    return lines


def available() -> list[tuple[str, str, str]]:
    """Return (dataset, split or subset, status) of everything known.

    Status: ``ok`` (prepared, or committed), ``on first use`` (rendered when it is opened), ``no-data``.
    """
    out = []
    for dataset, splits in SPLITS.items():
        for subset in (*splits, *SUBSETS.get(dataset, {})):
            name = parse(dataset, subset)
            ready = subset == "check8" or (place(name) / manifests.FILE).is_file()
            missing = "on first use" if dataset == "synthdrive" else "no-data"
            out.append((dataset, subset, "ok" if ready else missing))
    return out
