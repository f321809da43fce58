"""The conformance kit itself: sound codecs pass it whole, each breach of the contract fails the test meant for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.conformance import ConformanceSuite, Target, Trial

TOYS = "kit_toys.codecs:"


class TestSound(ConformanceSuite):
    codec = Target(TOYS + "Sound")


class TestOneSize(ConformanceSuite):
    codec = Target(TOYS + "OneSize")


@pytest.mark.parametrize(
    ("broken", "test", "words"),
    [
        ("Remembers", "another_process_decodes_from_bytes_and_y_alone", "batch 6 to 1"),
        ("Peeks", "encoding_repeats_and_never_depends_on_y", "bytes changed"),
        ("BatchBound", "another_process_decodes_from_bytes_and_y_alone", "apart"),
        ("InstructionBound", "another_instruction_set_decodes", "apart"),
        ("Seedless", "same_seed_same_pixels", "equal"),
        ("Floats", "bytes_out_of_pictures_and_pictures_out_of_bytes", "float32"),
        ("SmallTalk", "payload_agrees_with_the_estimate", "1.03"),
        ("Wasteful", "payload_agrees_with_the_estimate", "48"),
        ("Fragile", "sizes_that_are_no_multiples_of_64", "shape"),
        ("Fragile", "damage_that_passes_the_checksum_never_crashes", "IndexError"),
        ("Crashes", "damage_that_passes_the_checksum_never_crashes", "exit code 139"),
    ],
)
def test_breaches_are_caught(tmp_path: Path, broken: str, test: str, words: str) -> None:
    trial = Trial(Target(TOYS + broken), tmp_path)
    with pytest.raises((AssertionError, RuntimeError), match=words):
        getattr(ConformanceSuite(), f"test_{test}")(trial)


def test_the_other_process_runs_narrower_instructions(tmp_path: Path) -> None:
    from bench.conformance.workers import ask

    trial = Trial(Target(TOYS + "Sound"), tmp_path)
    job = trial._job("r1", trial.files("r1", 6), trial.y)
    answer = ask({**job, "batch": 6, "threads": 2, "out": str(tmp_path / "seen.npy")}, "avx2")
    assert answer == {"capability": "AVX2", "threads": 2}
