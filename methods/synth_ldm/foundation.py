"""What training and publishing need of the foundation: it is a folder in diffusers' layout, not a codec."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch

from bench.codec import CodecInfo
from bench.digests import digest_of
from bench.errors import BenchError
from methods.foundation.parts import CONFIGS, Stored
from methods.foundation.source import CONFIGS as CONFIG_NAMES
from methods.foundation.source import WEIGHTS, Source
from methods.layers.weights import sizes
from methods.synth_ldm.network import SynthLDMNetwork

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
"""``model_index.json``: which class reads which part; the captioner is a part that pipelines do not know."""


class SynthLDM:
    """Training's view of the foundation."""

    exports_folder = True

    @staticmethod
    def build(info: CodecInfo) -> SynthLDMNetwork:
        """Return the untrained network."""
        table, _ = sizes(info)
        with torch.random.fork_rng(devices=[]):
            return SynthLDMNetwork(**table)

    @staticmethod
    def export(model: SynthLDMNetwork, info: CodecInfo, rate: str | None, path: Path) -> str:
        """Write the foundation folder, float16, whole or not at all; returns its digest."""
        partial = path.with_name(path.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        for name in WEIGHTS:
            part = getattr(model, name)
            for key, value in model.configs().get(name, {}).items():
                part.register_to_config(**{key: value})
            held = {key: value.clone() for key, value in part.state_dict().items()}
            part.half().save_pretrained(partial / name, safe_serialization=True)
            part.float().load_state_dict(held)
        source = CONFIGS / "synth-ldm"
        shutil.copytree(source / "tokenizer", partial / "tokenizer")
        (partial / "scheduler").mkdir()
        shutil.copyfile(source / "scheduler.json", partial / "scheduler" / CONFIG_NAMES["scheduler"])
        (partial / "model_index.json").write_text(json.dumps(INDEX, indent=2) + "\n", encoding="utf-8")
        shutil.rmtree(path, ignore_errors=True)
        partial.rename(path)
        return digest_of(path)

    @staticmethod
    def warm(model: SynthLDMNetwork, path: Path) -> None:
        """Start from a foundation folder of the same sizes.

        Raises:
            BenchError: It is not whole, or of other sizes.
        """
        stored = Stored(Source(str(path)))
        for name in WEIGHTS:
            try:
                getattr(model, name).load_state_dict(stored.module(name).state_dict())
            except RuntimeError as error:
                raise BenchError(f"{path / name} is of another size than the recipe's part {name!r}.") from error
        model.deviation.fill_(1 / stored.config("vae")["scaling_factor"])
