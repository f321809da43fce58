"""The loader of frozen parts: what it finds, what it makes at random, and what it says of what it cannot use."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.errors import BenchError, MissingWeights
from methods.foundation import choose as choosing
from methods.foundation.captions import CaptionCache, Captioner, content
from methods.foundation.choose import choose, choose_dtype
from methods.foundation.options import BLIP2, STABLE_DIFFUSION, foundation_options
from methods.foundation.parts import Parts, Untrained
from methods.foundation.sampling import Draws, indices, sample
from methods.foundation.schedule import schedule_of
from methods.foundation.text import UNRELATED, SideText

PUBLISHED = {"vae": 83_653_863, "unet": 865_910_724, "text_encoder": 340_387_840}
"""Parameters of Stable Diffusion 2.1's parts."""


def options(**given: Any) -> dict[str, Any]:
    return {**foundation_options("small"), **given}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A foundation folder of random weights, as training writes it."""
    from methods.synth_ldm.foundation import SynthLDM
    from methods.synth_ldm.network import SynthLDMNetwork

    target = tmp_path_factory.mktemp("foundation") / "base-small"
    SynthLDM.export(SynthLDMNetwork(64, 1e-6, 0.1), None, None, target)  # type: ignore[arg-type]
    return target


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def open_folder(place: Path | str, **given: Any) -> Parts:
    return choose(options(foundation=str(place), **given), torch.float32)


def views(count: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, 3, 64, 128), generator=torch.Generator().manual_seed(3)).byte()


def test_random_parts_have_the_published_sizes() -> None:
    parts = Untrained("sd21", "blip2-opt-2.7b-coco")
    with torch.device("meta"):
        for name, count in PUBLISHED.items():
            assert sum(p.numel() for p in parts.module(name).parameters()) == count
        captioner = parts.module("captioner")
    assert 3.7e9 < sum(p.numel() for p in captioner.parameters()) < 3.8e9
    assert captioner.config.vision_config.image_size == 364


def test_random_parts_are_the_same_everywhere_and_leave_the_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = Untrained("synth-ldm").module("unet").state_dict()
    assert torch.equal(torch.rand(1), expected)
    again = Untrained("synth-ldm").module("unet").state_dict()
    assert all(torch.equal(value, again[key]) for key, value in first.items())


def test_a_folder_gives_back_what_was_written(folder: Path) -> None:
    parts = open_folder(folder)
    assert sum(p.stat().st_size for p in folder.rglob("*")) <= 12e6
    assert parts.module("vae").config.latent_channels == 4
    states = SideText(parts).states(["A sunny street with a car."])
    assert states.shape == (1, 32, 64) and bool(torch.isfinite(states).all())
    assert parts.words("captioner").decode(parts.words("captioner").encode(["An overcast road with a few trees."])) == [
        "an overcast road with a few trees ."
    ]


@pytest.mark.parametrize("part", ["vae", "unet", "scheduler", "tokenizer", "captioner"])
def test_a_missing_part_is_named(copy: Path, part: str) -> None:
    shutil.rmtree(copy / part)
    parts = open_folder(copy)
    with pytest.raises(BenchError, match=f"lacks the part '{part}'"):
        parts.words("captioner") if part == "tokenizer" else parts.config(part)


def test_other_formats_are_refused(copy: Path) -> None:
    weights = copy / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(BenchError, match="only diffusion_pytorch_model.safetensors is read"):
        open_folder(copy).module("unet")
    weights.with_suffix(".bin").unlink()
    with pytest.raises(MissingWeights, match="holds no weights"):
        open_folder(copy).module("unet")


def test_damage_is_one_sentence(copy: Path) -> None:
    weights = copy / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(BenchError, match="cannot be read as the part 'vae'"):
        open_folder(copy).module("vae")
    (copy / "vae" / "config.json").write_text("{")
    with pytest.raises(BenchError, match="is not a JSON file"):
        open_folder(copy).module("vae")
    config = json.loads((copy / "captioner" / "config.json").read_text())
    (copy / "captioner" / "config.json").write_text(json.dumps({**config, "model_type": "gpt2"}))
    with pytest.raises(BenchError, match="'gpt2'"):
        open_folder(copy).module("captioner")


def test_places_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(BenchError, match="no foundation folder"):
        open_folder(tmp_path / "nowhere").config("vae")
    with pytest.raises(BenchError, match="no revisions"):
        open_folder(tmp_path, revision="main").config("vae")
    with pytest.raises(MissingWeights, match="hf download .*--revision bb2154.*--random-init") as told:
        open_folder(STABLE_DIFFUSION).config("vae")
    assert STABLE_DIFFUSION in str(told.value) and "safetensors" in str(told.value)
    with pytest.raises(MissingWeights, match="revision v9"):
        open_folder(STABLE_DIFFUSION, revision="v9").config("vae")
    with pytest.raises(MissingWeights, match=BLIP2):
        open_folder(tmp_path, captioner=BLIP2).config("captioner")
    with pytest.raises(BenchError, match="no name of a hub repository"):
        open_folder("a b/c").config("vae")


def test_an_absent_foundation_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "SYNTH_FOLDER", tmp_path)
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path))
    with pytest.raises(MissingWeights, match="bench train --method synth-ldm"):
        choose(options(), torch.float32)


def test_options_that_mean_nothing() -> None:
    with pytest.raises(BenchError, match="text=maybe"):
        choose(options(text="maybe"), torch.float32)
    with pytest.raises(BenchError, match="Random weights"):
        choose(options(random_init=True, foundation="some/thing"), torch.float32)
    with pytest.raises(BenchError, match="dtype=half"):
        choose_dtype("half", "cpu", "paper")
    assert choose_dtype("auto", "cuda:0", "paper") is torch.bfloat16
    assert choose_dtype("auto", "cpu", "paper") is torch.float32


def test_captions_are_made_once_for_each_content(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE_DIR", str(tmp_path))
    asked: list[int] = []
    caption = Captioner.caption
    monkeypatch.setattr(Captioner, "caption", lambda self, y: (asked.append(len(y)), caption(self, y))[1])
    y = views(2)
    first = SideText(open_folder(folder)).captions(y)
    assert SideText(open_folder(folder)).captions(y.flip(0)) == first[::-1] and asked == [1, 1]
    assert SideText(open_folder(folder)).captions(y[:1], fresh=True) == first[:1] and asked == [1, 1, 1]
    file = next(tmp_path.glob("captions/*.jsonl"))
    with file.open("a") as stream:
        stream.write('["half a li')
    assert [CaptionCache(file).get(content(view)) for view in y] == first


def test_control_texts_ask_no_captioner(folder: Path) -> None:
    y = views(1)
    assert SideText(open_folder(folder), mode="none").captions(y) == [""]
    assert SideText(open_folder(folder), mode="wrong").captions(y) == [UNRELATED]


def test_stand_in_tokenizer_has_the_vocabulary_and_no_more() -> None:
    words = Untrained("sd21").words("text_encoder")
    rows = words.encode(["a street with trees", "a street with trees", " ".join(["word"] * 100)])
    assert rows.shape == (3, 77) and int(rows.max()) < 49408
    assert torch.equal(rows[0], rows[1]) and rows[0, :1].tolist() == [49406] and int(rows[2, -1]) == 49407
    assert words.decode(words.encode(words.decode(rows[:1]))) == words.decode(rows[:1])


def test_schedule_turns_targets_back_into_latents() -> None:
    rng = torch.Generator().manual_seed(0)
    clean, noise = torch.randn(2, 3, 4, 2, 2, generator=rng)
    time = torch.tensor([0, 500, 999])
    for target in ("v_prediction", "epsilon"):
        schedule = schedule_of(Untrained("sd21").config("scheduler"), prediction_type=target)
        noisy = schedule.noisy(clean, noise, time)
        found = schedule.clean(schedule.target(clean, noise, time), noisy, time)
        assert torch.allclose(found, clean, atol=1e-3)


def test_sampler_finds_the_latent_of_a_perfect_network() -> None:
    schedule = schedule_of(Untrained("sd21").config("scheduler"))
    clean = torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(1))

    def perfect(noisy: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        signal, spread = schedule._roots(time)
        return schedule.target(clean, (noisy - signal * clean) / spread, time)

    for steps in (8, indices(schedule.length, 0.5, 5)):
        draws = Draws([4, 5])
        first = schedule.length - 1 if isinstance(steps, int) else steps[0]
        start = schedule.noisy(clean, draws.like(clean), torch.full((2,), first))
        assert torch.allclose(sample(schedule, perfect, start, steps, draws), clean, atol=0.05)
    assert indices(1000, 0.0, 5) == [0] and indices(1000, 1.0, 3) == [999, 500, 0]


def test_noise_follows_each_items_seed() -> None:
    like = torch.zeros(2, 4, 2, 2)
    both, turned = Draws([7, 8]), Draws([8, 7])
    for _ in range(2):
        assert torch.equal(both.like(like), turned.like(like).flip(0))
