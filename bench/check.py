"""The regression gate: every shipped codec on eight fixed pairs against committed goldens."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench import container
from bench.codec import CodecInfo
from bench.digests import digest_of
from bench.errors import BenchError, NotInstalled
from bench.loading import codec_info, load_codec
from bench.protocol import NAME, item_seed
from bench.registry import methods
from bench.store.atomic import write_json

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "check.json"
PAIRS = "synthdrive:check8"
METRICS = ("psnr", "ms_ssim", "ssim", "lpips_squeeze", "beta", "rho")

EXACT = {"psnr": 1e-4, "ms_ssim": 1e-5, "ssim": 1e-5, "lpips_squeeze": 1e-4, "beta": 1e-5, "rho": 1e-5}
"""Tolerances where the goldens come from the same kind of processor and the same torch."""

LOOSE = {"psnr": 1e-2, "ms_ssim": 2e-4, "ssim": 2e-4, "lpips_squeeze": 1e-3, "beta": 1e-4, "rho": 1e-4}
"""Tolerances elsewhere: the synthesis runs in float32, where a pixel may round to the neighbouring grey level."""

SIZE_TOLERANCE = 0.002

Golden = dict[str, Any]


def fingerprint() -> str:
    """What the last bits of this machine's arithmetic depend on."""
    import torch

    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()} torch {torch.__version__.split('+')[0]}"


def codecs() -> Iterator[CodecInfo]:
    """Every codec of this distribution that has a small preset, in all variants."""
    for name in methods:
        if methods.origin(name) != "dic-bench":
            continue
        for variant in methods.get(name).variants:
            try:
                info = codec_info(name, "small", variant)
            except BenchError:
                continue  # a variant without a small preset ships no weights
            yield info


def units() -> Iterator[tuple[CodecInfo, str]]:
    """Every codec with weights, or without networks, each at its second and its last but one rate point."""
    for info in codecs():
        for index in sorted({min(1, len(info.rates) - 1), max(len(info.rates) - 2, 0)}):
            if not info.untrained:
                yield info, info.rates[index].name


def measure(info: CodecInfo, rate: str, engine: Any, pairs: Any) -> Golden:
    """Code the pairs at one rate point; returns what a golden holds."""
    codec = load_codec(info.full_name, rate=rate).prepare("cpu")
    x, y = pairs.batch(range(len(pairs)))
    height, width = x.shape[-2:]
    payloads = codec.encode(x, y if info.encoder_sees_y else None)
    files = [container.pack(info, codec.rate, payload, height, width) for payload in payloads]
    noise = [item_seed(pairs.dataset, item, 0) for item in pairs.ids] if info.stochastic else None
    recon = codec.decode([container.unpack(data, info).payload for data in files], y, noise)
    engine.reset()
    engine.update(recon, x, pairs.ids)
    items, _ = engine.finish()
    measured = {m: [round(float(v), 6) for v in items[m]] for m in METRICS if engine.statuses.get(m) == "ok"}
    return {
        "revision": info.revision,
        "encoder": codec.encoder_version(),
        "weights": digest_of(codec.weights) if codec.weights is not None else "",
        "bytes": [len(data) for data in files],
        "sha256": [hashlib.sha256(data).hexdigest()[:16] for data in files],
        "metrics": measured,
    }


def compare(unit: str, golden: Golden, now: Golden, same_machine: bool) -> list[str]:
    """Return one line for each way in which a unit left its golden; none where it did not."""
    if golden["encoder"] != now["encoder"]:
        return []
    moved = []
    if golden["weights"] != now["weights"]:
        moved.append(f"{unit}: other weights, sha256 {now['weights'][:12]}…, golden {golden['weights'][:12]}…")
    if same_machine and golden["sha256"] != now["sha256"]:
        count = sum(a != b for a, b in zip(golden["sha256"], now["sha256"], strict=True))
        moved.append(f"{unit}: the bytes of {count} of {len(now['sha256'])} items changed")
    for item, (a, b) in enumerate(zip(golden["bytes"], now["bytes"], strict=True)):
        if abs(a - b) > SIZE_TOLERANCE * a:
            moved.append(f"{unit}: item {item} takes {b} bytes, golden {a}")
    tolerances = EXACT if same_machine else LOOSE
    for metric, values in now["metrics"].items():
        for item, (a, b) in enumerate(zip(golden["metrics"].get(metric, []), values, strict=False)):
            if not abs(a - b) <= tolerances[metric]:
                moved.append(f"{unit}: item {item} has {metric} {b:.6g}, golden {a:.6g} (± {tolerances[metric]:g})")
                break
    if moved and (golden["revision"], golden["weights"]) == (now["revision"], now["weights"]):
        moved.append(f"{unit}: behaviour moved while revision stayed {now['revision']}; raise it if this is meant")
    return moved


def run(report: Callable[[str], None]) -> tuple[Golden, list[str], list[str]]:
    """Measure every unit and compare it.

    Args:
        report: Called with one line a unit.

    Returns:
        What was measured, the drifts, and what could not be compared and why.
    """
    from bench.data import open_pairs
    from bench.metrics.engine import Engine
    from bench.metrics.threads import one_thread

    with one_thread():
        pairs = open_pairs(PAIRS)
        engine = Engine(METRICS)
        stored = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.is_file() else {}
        now: Golden = {"protocol": NAME, "fingerprint": fingerprint(), "manifest": pairs.manifest, "units": {}}
        drifts = [
            f"{key} is {now[key]}, golden {stored[key]}"
            for key in ("protocol", "manifest")
            if key in stored and stored[key] != now[key]
        ]
        notes = [f"{m} was not compared: {engine.reasons[m]}" for m, s in engine.statuses.items() if s != "ok"]
        notes += [f"{i.full_name} was not compared: it has no weights yet" for i in codecs() if i.untrained]
        same_machine = stored.get("fingerprint") == now["fingerprint"]
        for info, rate in units():
            unit = f"{info.full_name} {rate}"
            golden = stored.get("units", {}).get(unit)
            try:
                entry = measure(info, rate, engine, pairs)
            except NotInstalled as error:
                notes.append(f"{unit} was not compared: {error}")
                continue
            except BenchError as error:
                drifts.append(f"{unit}: {error}")
                continue
            now["units"][unit] = entry
            moved = compare(unit, golden, entry, same_machine) if golden else [f"{unit}: has no golden"]
            unknown = sorted(set(entry["metrics"]) - set(golden["metrics"])) if golden else []
            if unknown:
                notes.append(f"{unit} has no golden of {', '.join(unknown)}")
            if golden and golden["encoder"] != entry["encoder"]:
                notes.append(f"{unit} was not compared: {entry['encoder']} here, golden by {golden['encoder']}")
            drifts += moved
            report(f"{unit}: {'drift' if moved else 'ok'}")
        shipped = {f"{info.full_name} {rate}" for info, rate in units()}
        gone = sorted(set(stored.get("units", {})) - shipped)
        return now, drifts + [f"{unit}: in the goldens, but no longer shipped" for unit in gone], notes


def write(now: Golden) -> None:
    """Write what was measured as the new goldens; of a codec that is not installed here, the old ones stay.

    Raises:
        BenchError: A metric or a codec could not be measured here, so the goldens would lose it.
    """
    lost = sorted({m for entry in now["units"].values() for m in METRICS if m not in entry["metrics"]})
    if lost:
        raise BenchError(f"The goldens need {', '.join(lost)}, not computed here; 'bench fetch' gets the weights.")
    stored = json.loads(GOLDEN.read_text(encoding="utf-8")) if GOLDEN.is_file() else {}
    kept: Golden = {}
    for info, rate in units():
        unit = f"{info.full_name} {rate}"
        if unit in now["units"]:
            continue
        if all(find_spec(name) for name in info.requires):
            raise BenchError(f"{unit} could not be measured, so the goldens stay as they are; mend it first.")
        if unit in stored.get("units", {}):
            kept[unit] = stored["units"][unit]
    write_json(GOLDEN, {**now, "units": {**kept, **now["units"]}})
