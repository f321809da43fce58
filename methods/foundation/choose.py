"""From a codec's options to its foundation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from bench import recipe
from bench.errors import BenchError, MissingWeights
from methods.foundation.options import BLIP2, OWN_PART, STABLE_DIFFUSION, SYNTH
from methods.foundation.parts import Parts, Stored, Untrained
from methods.foundation.source import Source

SYNTH_FOLDER = Path(__file__).parents[1] / "synth_ldm" / "weights" / "base-small"
"""Where it is shipped."""

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def choose_dtype(name: str, device: str, preset: str) -> torch.dtype:
    """Resolve the option ``dtype``; ``auto`` is bfloat16 for the published sizes on a GPU, else float32.

    Raises:
        BenchError: There is no such type.
    """
    if name == "auto":
        return torch.bfloat16 if device.startswith("cuda") and preset != "small" else torch.float32
    if name not in DTYPES:
        raise BenchError(f"dtype={name} is none of auto, {', '.join(DTYPES)}.")
    return DTYPES[name]


def synth_folder() -> Path | None:
    """Folder of the trained ``synth-ldm``, shipped or the user's own; None where there is none yet."""
    own = recipe.own_folder() / "synth_ldm" / "base-small"
    return next((folder for folder in (SYNTH_FOLDER, own) if (folder / "vae" / "config.json").is_file()), None)


def choose(options: Mapping[str, Any], dtype: torch.dtype) -> Parts:
    """Open the foundation that a codec's options name.

    Raises:
        MissingWeights: It is not on this machine; the sentence says which command makes or gets it.
        BenchError: It is not whole, or random weights are asked for that no configuration is kept of.
    """
    place, apart = str(options["foundation"]), str(options["captioner"])
    if options["text"] not in ("caption", "none", "wrong"):
        raise BenchError(f"text={options['text']} is none of caption, none, wrong.")
    if options["random_init"]:
        known = {SYNTH: "synth-ldm", STABLE_DIFFUSION: "sd21"}
        if place not in known or apart not in (OWN_PART, BLIP2):
            raise BenchError(
                f"Random weights are made for {' and '.join(known)} with their captioners, not for {place}."
            )
        return Untrained(known[place], "blip2-opt-2.7b-coco" if apart == BLIP2 else None, dtype)
    captioner = None
    if apart != OWN_PART:
        flat = not (Path(apart).expanduser() / "captioner").is_dir()
        captioner = Source(apart, options["captioner_revision"], flat)
    if place != SYNTH:
        return Stored(Source(place, options["revision"]), captioner, dtype)
    folder = synth_folder()
    if folder is None:
        raise MissingWeights(
            "The foundation synth-ldm has no weights yet; train it with 'python -m bench train --method synth-ldm "
            "--publish', name a folder with foundation=FOLDER, or try the path with --random-init."
        )
    return Stored(Source(str(folder)), captioner, dtype)
