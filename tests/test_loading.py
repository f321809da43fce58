"""From a name to a codec, and one sentence for every wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

import bench
from bench.codec import Codec, CodecInfo, RatePoint
from bench.errors import BenchError, UnknownName
from bench.loading import find_method


class Inline(Codec):
    """A codec that nobody registered; it carries its own ``info``."""

    info = CodecInfo("inline", rates=(RatePoint("r1", 0), RatePoint("r2", 1)), options={"steps": 4})

    def encode(self, x, y=None):  # type: ignore[no-untyped-def]
        raise NotImplementedError

    decode = encode


WITHOUT_INFO = type("WithoutInfo", (), {})


def test_bare_name_means_the_default_variant() -> None:
    assert bench.codec_info("ndic").full_name == "ndic:b18"
    assert bench.codec_info("ndic:b17").variant == "b17"
    assert bench.codec_info("ndic", variant="b17").variant == "b17"
    assert bench.codec_info("ndic", "paper").preset == "paper"


def test_class_that_is_not_registered() -> None:
    target = f"{__name__}:Inline"
    if "." not in __name__:
        target = f"tests.{__name__}:Inline"
    codec = bench.load_codec(target, rate="r2", steps=9)
    assert codec.info.full_name == "inline:base"
    assert (codec.rate.name, codec.options) == ("r2", {"steps": 9})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "ndicc", "rate": "r1"}, "did you mean ndic"),
        ({"name": "ndic:b19", "rate": "r1"}, "no variant 'b19'; choose one of b18, b17"),
        ({"name": "ndic", "rate": "r1", "variant": "b19"}, "no variant 'b19'"),
        ({"name": "ndic", "rate": "r1", "preset": "large"}, "no preset 'large'"),
        ({"name": "ndic", "rate": "r99"}, "no rate point 'r99'; choose one of r1, r2"),
        ({"name": "ndic"}, "needs a rate point; choose one of r1, r2"),
    ],
)
def test_wrong_names_are_one_sentence(arguments: dict[str, str], words: str) -> None:
    with pytest.raises(UnknownName, match=words) as caught:
        bench.load_codec(**arguments)
    assert "\n" not in str(caught.value)


def test_a_whole_number_for_a_fraction_is_the_same_option() -> None:
    info = bench.codec_info("spdic")
    assert info.filled({}) == dict(info.options)
    filled = info.filled({"noise": 1, "steps": 3})
    assert type(filled["noise"]) is float and type(filled["steps"]) is int and type(filled["compile"]) is bool
    assert filled == {**info.options, "noise": 1.0, "steps": 3}


def test_unknown_option_names_those_there_are() -> None:
    with pytest.raises(BenchError, match=r"copy-y:base has no option 'steps'; it has: none\."):
        bench.load_codec("copy-y", steps=3)


def test_official_checkpoint_only_where_a_map_exists() -> None:
    with pytest.raises(BenchError, match="no map for official checkpoints"):
        bench.load_codec("copy-y", official="weights.pt")


@pytest.mark.parametrize("target", ["pathlib.nothing:Path", "os.path:join", "no.such.module:Class"])
def test_targets_that_are_no_codec(target: str) -> None:
    with pytest.raises(BenchError):
        find_method(target)


def test_rate_may_be_left_out_where_there_is_one() -> None:
    codec = bench.load_codec("copy-y")
    assert codec.rate.name == "r1"
    assert codec.parameters() == 0


@pytest.mark.parametrize("name", ["ndic", "balle2018", "jpeg", "heic"])
def test_a_codec_that_was_not_prepared_says_so(name: str) -> None:
    import torch

    codec, x = bench.load_codec(name, rate="r1"), torch.zeros(1, 3, 128, 256, dtype=torch.uint8)
    with pytest.raises(BenchError, match=r"not prepared; call its prepare\(\)"):
        codec.encode(x)
    with pytest.raises(BenchError, match=r"not prepared; call its prepare\(\)"):
        codec.decode([bench.Payload({codec.info.sections[0]: b""})], x)


def test_users_weights_replace_the_shipped_ones(tmp_path: Path) -> None:
    codec = bench.load_codec("balle2018", rate="r1", weights=tmp_path / "mine.safetensors")
    assert codec.weights == tmp_path / "mine.safetensors"
    shipped = bench.load_codec("balle2018", rate="r1").weights
    assert shipped is not None
    assert shipped.name == "canonical-small.safetensors"
