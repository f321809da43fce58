"""The tests. Subclass ``ConformanceSuite`` with a ``codec``; see the package's docstring."""

from __future__ import annotations

import importlib.util
from binascii import crc_hqx
from typing import TYPE_CHECKING, ClassVar

import pytest

from bench.codec import RatePoint
from bench.conformance.target import Target
from bench.conformance.trial import ITEMS, Trial
from bench.container import registered, unpack
from bench.errors import BenchError, BitstreamError
from bench.run.batching import make_exact

if TYPE_CHECKING:
    from torch import Tensor

ODD_SIZES = ((100, 170), (16, 24))
GREY_LEVELS = 1
"""How far two decodings of one file may lie apart when batch, threads or instruction set differ."""


class ConformanceSuite:
    """What every codec must do. The class attribute ``codec`` says which one is meant.

    To try several, override the fixture ``target`` by one with parameters.
    """

    codec: ClassVar[Target]

    @pytest.fixture(scope="class")
    def target(self) -> Target:
        """The codec's name and options."""
        return type(self).codec

    @pytest.fixture(scope="class")
    def trial(self, target: Target, tmp_path_factory: pytest.TempPathFactory) -> Trial:
        """The codec on trial; skips where a package that it declares in ``requires`` is missing."""
        for module in target.info.requires:
            if importlib.util.find_spec(module) is None:
                pytest.skip(f"{target} needs the package {module}, which is not installed")
        return Trial(target, tmp_path_factory.mktemp("files"))

    def test_description_is_sound(self, trial: Trial) -> None:
        """Rate points are numbered r1 … rk, at most 15 sections are named once each, and the words are there."""
        info = trial.info
        assert [(rate.name, rate.index) for rate in info.rates] == [(f"r{i + 1}", i) for i in range(len(info.rates))]
        assert all(isinstance(rate, RatePoint) for rate in info.rates) and info.rates
        assert len(info.sections) <= 15 and len(set(info.sections)) == len(info.sections)
        others = [other for other in registered() if other.codec_id == info.codec_id != 0]
        named = {(other.full_name, other.preset) for other in others}
        assert named <= {(info.full_name, info.preset)}, f"identifier {info.codec_id} is taken; plug-ins declare 0"
        assert info.name and info.variant and info.title and info.revision >= 1 and info.codec_id >= 0

    def test_bytes_out_of_pictures_and_pictures_out_of_bytes(self, trial: Trial) -> None:
        """uint8 in and out, the declared sections, and neither input changed on the way."""
        import torch

        for rate in trial.rates:
            codec, x, y = trial.codec(rate), trial.x.clone(), trial.y.clone()
            assert codec.prepare("cpu") is not None
            payloads = codec.encode(x, y if trial.info.encoder_sees_y else None)
            assert len(payloads) == ITEMS
            for payload in payloads:
                assert set(payload.sections) == set(trial.info.sections)
                assert all(isinstance(data, bytes) for data in payload.sections.values())
            seen = codec.decode(payloads, y, trial.seeds())
            assert seen.dtype == torch.uint8 and seen.shape == x.shape and seen.device.type == "cpu"
            assert torch.equal(x, trial.x) and torch.equal(y, trial.y)

    def test_encoding_repeats_and_never_depends_on_y(self, trial: Trial) -> None:
        """The same picture gives the same bytes, whatever was decoded before and whatever side view is offered."""
        if trial.info.encoder_sees_y:
            pytest.skip(f"the encoder of {trial.target} sees y, as it declares")
        for rate in trial.rates:
            codec = trial.codec(rate)
            first = codec.encode(trial.x[:2])
            codec.decode(first, 255 - trial.y[:2], trial.seeds(trial.noise[:2]))
            for side in (None, trial.y[:2], 255 - trial.y[:2]):
                again = codec.encode(trial.x[:2], side)
                assert [p.sections for p in again] == [p.sections for p in first], "the bytes changed"

    def test_higher_rate_points_take_more_bits(self, trial: Trial) -> None:
        """The last rate point's files are longer than the first one's."""
        if len(trial.rates) > 1:
            low, high = (sum(map(len, trial.files(rate, ITEMS))) for rate in trial.rates)
            assert low < high

    def test_same_seed_same_pixels(self, trial: Trial) -> None:
        """Decoding twice gives one picture; a stochastic decoder follows its seeds, whichever items stand beside."""
        import torch

        rate = trial.rates[0]
        files = trial.files(rate, ITEMS)
        seen = trial.decode(rate, files, trial.y, ITEMS)
        assert torch.equal(trial.decode(rate, files, trial.y, ITEMS), seen)
        order = list(range(ITEMS))[::-1]
        turned = trial.decode(rate, [files[i] for i in order], trial.y[order], ITEMS, [trial.noise[i] for i in order])
        assert apart(turned[order], seen) <= GREY_LEVELS
        if trial.info.stochastic:
            other = trial.decode(rate, files[:1], trial.y[:1], 1, [trial.noise[0] ^ 1])
            assert not torch.equal(other, seen[:1])

    def test_another_process_decodes_from_bytes_and_y_alone(self, trial: Trial) -> None:
        """Files of any batch size decode at any other, with one thread and with two, without the originals."""
        for rate in trial.rates:
            for written in (ITEMS, 1):
                files = trial.files(rate, written)
                here = trial.decode(rate, files, trial.y, ITEMS)
                assert apart(trial.decode(rate, files, trial.y, 1), here) <= GREY_LEVELS
                for batch, threads in ((1, 2), (4, 1)):
                    there = trial.decode_elsewhere(rate, files, trial.y, batch, threads)
                    assert apart(there, here) <= GREY_LEVELS, f"{rate}, batch {written} to {batch}, threads {threads}"

    def test_another_instruction_set_decodes(self, trial: Trial) -> None:
        """Files decode in a process whose libraries use AVX2 and nothing newer."""
        for rate in trial.rates:
            files = trial.files(rate, ITEMS)
            there = trial.decode_elsewhere(rate, files, trial.y, 2, 1, isa="avx2")
            assert apart(there, trial.decode(rate, files, trial.y, ITEMS)) <= GREY_LEVELS

    def test_another_device_decodes(self, trial: Trial) -> None:
        """What the CPU writes a GPU decodes, and the other way round."""
        import torch

        if not torch.cuda.is_available():
            pytest.skip("there is no CUDA device here")
        make_exact()
        for rate in trial.rates:
            near, far = trial.codec(rate), trial.target.load(rate, "cuda")
            side = trial.y if trial.info.encoder_sees_y else None
            for writer, reader in ((near, far), (far, near)):
                payloads = writer.encode(trial.x, side)
                seen = [codec.decode(payloads, trial.y, trial.seeds()) for codec in (writer, reader)]
                assert seen[1].device.type == "cpu" and apart(*seen) <= GREY_LEVELS

    def test_sizes_that_are_no_multiples_of_64(self, trial: Trial) -> None:
        """Any size of 16 and more works, or is refused with a sentence where the codec declares its one size."""
        rate = trial.rates[-1]
        for height, width in ODD_SIZES:
            x, y = trial.x[:2, :, -height:, :width].contiguous(), trial.y[:2, :, -height:, :width].contiguous()
            if trial.info.sizes is not None:
                with pytest.raises(BenchError, match=r"\w+ .*\."):
                    trial.encode(rate, x, y, 2)
                continue
            files = trial.encode(rate, x, y, 2)
            seen = trial.decode(rate, files, y, 2)
            assert seen.shape == x.shape
            assert apart(trial.decode_elsewhere(rate, files, y, 1, 1), seen) <= GREY_LEVELS

    def test_payload_agrees_with_the_estimate(self, trial: Trial) -> None:
        """Coded bits against the integer tables' ideal (``ideal_bits``, if offered) and the model's estimate."""
        if not trial.info.estimates:
            with pytest.raises(BenchError):
                trial.codec(trial.rates[0]).estimate_bits(trial.x)
            return
        for rate in [point.name for point in trial.info.rates]:
            codec = trial.codec(rate)
            bits = [payload.bits for payload in codec.encode(trial.x)]
            if hasattr(codec, "ideal_bits"):
                for coded, ideal in zip(bits, codec.ideal_bits(trial.x).tolist(), strict=True):
                    assert abs(coded - ideal) <= 48 + 0.001 * ideal
            mean, estimate = sum(bits) / ITEMS, float(codec.estimate_bits(trial.x).double().mean())
            assert 0.98 * estimate <= mean <= 1.03 * estimate + 48 * len(trial.info.sections)

    def test_damaged_files_are_refused(self, trial: Trial) -> None:
        """A changed byte or a missing end is a ``BitstreamError`` before anything is decoded."""
        file = trial.files(trial.rates[-1], ITEMS)[0]
        for at in range(0, len(file), max(1, len(file) // 60)):
            changed = file[:at] + bytes([file[at] ^ (1 + at % 255)]) + file[at + 1 :]
            cut = file[:at]
            # One cut in 65,536 passes any 16-bit checksum; the next test is about those.
            for bad in (changed, cut) if len(cut) < 3 or not _fits(cut) else (changed,):
                with pytest.raises(BitstreamError):
                    unpack(bad, trial.info)

    def test_damage_that_passes_the_checksum_never_crashes(self, trial: Trial) -> None:
        """Sections cut, changed or replaced under a valid checksum end in a ``BitstreamError`` or a picture."""
        import numpy as np

        rng = np.random.default_rng(0)
        for rate in trial.rates:
            good, files = trial.files(rate, ITEMS)[0][:-2], []
            for k in range(24):
                body = bytearray(good[: int(rng.integers(6, len(good) + 1))] if k % 3 == 0 else good)
                for at in rng.integers(6, max(7, len(body)), 1 + 3 * (k % 4)):
                    if at < len(body):
                        body[at] = int(rng.integers(0, 256))
                files.append(_sealed(bytes(body) + (rng.bytes(40) if k % 6 == 5 else b"")))
            ends = trial.outcomes(rate, files)
            assert set(ends) <= {"BitstreamError", "picture"}, ends


def apart(a: Tensor, b: Tensor) -> int:
    """Largest difference between two pictures, grey levels."""
    assert a.shape == b.shape
    return int((a.int() - b.int()).abs().max())


def _sealed(body: bytes) -> bytes:
    return body + crc_hqx(body, 0xFFFF).to_bytes(2, "big")


def _fits(file: bytes) -> bool:
    return crc_hqx(file[:-2], 0xFFFF) == int.from_bytes(file[-2:], "big")
