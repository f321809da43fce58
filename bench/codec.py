"""The contract between the suite and a codec: what a codec states about itself and what it can do.

Nothing here imports torch, so that listing codecs and computing cache keys stay instant.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError, UnknownName

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor


@dataclass(frozen=True)
class RatePoint:
    """One operating point of a codec.

    Attributes:
        name: ``r1`` … ``rk``, from the lowest rate to the highest.
        index: Position in the codec's list, from 0; written into the container.
        lmbda: Rate-distortion multiplier λ on NDIC's scale (loss = λ·255²·MSE + bpp), if trained.
        setting: What selects the point in the coder itself, such as ``{"quality": 10}``.
        weights: Weights file of this point, or None where the codec has none.
        sha256: Expected digest of that file, or None where the user supplies it.
    """

    name: str
    index: int
    lmbda: float | None = None
    setting: Mapping[str, Any] = field(default_factory=dict)
    weights: Path | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class CodecInfo:
    """What a codec declares about itself for one (variant, preset).

    Attributes:
        name: Registered name, such as ``ndic``.
        variant: Such as ``b18``; never empty (codecs with one form use ``base``).
        preset: ``small`` or ``paper``; classical codecs and controls use ``small``.
        codec_id: Identifier in the container; 0 for plug-ins, whose name is then written out.
        revision: Raised by hand whenever the behaviour changes; part of every cache key.
        sections: Names of the payload's sections, in the order in which the container stores them.
        rates: Rate points, low to high.
        uses_side: The decoder reads ``y``.
        encoder_sees_y: The encoder reads ``y`` too: an upper bound, ranked apart.
        stochastic: The decoder draws noise, so ``decode`` needs one seed an item.
        estimates: ``estimate_bits`` is available.
        sizes: The one (height, width) accepted, or None where any size of 16 and more is.
        twin: ``name:variant`` of the same codec without ``y``, for the gain through the side view.
        options: Options that ``load_codec`` accepts, with their defaults.
        random_init: The weights are untrained; the leaderboard refuses such rows.
        requires: Modules that must be importable, else the status is ``not-installed``.
        coders: Distributions whose version decides the bytes, such as ``pillow``; part of every cache key.
        title: Name for people.
        paper: Citation in one line.
    """

    name: str
    variant: str = "base"
    preset: str = "small"
    codec_id: int = 0
    revision: int = 1
    sections: tuple[str, ...] = ("latent",)
    rates: tuple[RatePoint, ...] = ()
    uses_side: bool = False
    encoder_sees_y: bool = False
    stochastic: bool = False
    estimates: bool = False
    sizes: tuple[int, int] | None = None
    twin: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    random_init: bool = False
    requires: tuple[str, ...] = ()
    coders: tuple[str, ...] = ()
    title: str = ""
    paper: str = ""

    @property
    def full_name(self) -> str:
        """``name:variant``, the form used in tables."""
        return f"{self.name}:{self.variant}"

    def with_random_weights(self) -> CodecInfo:
        """The same codec with random weights: no file is read, and every row says so."""
        return replace(self, random_init=True, rates=tuple(replace(p, weights=None, sha256=None) for p in self.rates))

    @property
    def untrained(self) -> bool:
        """Whether the codec has networks and no weights yet: its recipe states no digest, and no file is there."""
        return any(p.weights is not None and p.sha256 is None and not p.weights.is_file() for p in self.rates)

    def filled(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return every declared option, at its default unless given; 1 for a fraction is 1.0, so that both are one key.

        Raises:
            BenchError: An option that is not declared; the sentence lists those that are.
        """
        for name in options:
            if name not in self.options:
                known = ", ".join(sorted(self.options)) or "none"
                raise BenchError(f"{self.full_name} has no option {name!r}; it has: {known}.")
        found = {**self.options, **options}
        whole = [name for name, value in found.items() if type(value) is int and type(self.options[name]) is float]
        return found | {name: float(found[name]) for name in whole}

    def rate(self, name: str | None) -> RatePoint:
        """Return the rate point called ``name``; None is allowed where there is only one.

        Raises:
            UnknownName: No such point; the sentence lists those there are.
        """
        if name is None and len(self.rates) == 1:
            return self.rates[0]
        for point in self.rates:
            if point.name == name:
                return point
        known = ", ".join(p.name for p in self.rates)
        if name is None:
            raise UnknownName(f"{self.full_name} ({self.preset}) needs a rate point; choose one of {known}.")
        raise UnknownName(f"{self.full_name} ({self.preset}) has no rate point {name!r}; choose one of {known}.")


@dataclass(frozen=True)
class Payload:
    """What the encoder sends for one image: named byte sections.

    Attributes:
        sections: Section name to bytes; the names are those that the codec's info declares.
        native_bytes: Length of the coder's own file format where there is one (a JPEG file, say).
    """

    sections: Mapping[str, bytes]
    native_bytes: int | None = None

    @property
    def bits(self) -> int:
        """Bits of all sections, container excluded."""
        return 8 * sum(len(data) for data in self.sections.values())


class Codec(ABC):
    """A codec at one rate point. Construct it through ``bench.load_codec``.

    Args:
        info: What the codec declares for this variant and preset.
        rate: The rate point.
        weights: A weights file to use in place of the rate point's own.
        options: Values for the options that ``info.options`` declares.

    Attributes:
        saved_seconds: Seconds of work on ``y`` that the last decoding took from memory, where a codec keeps it for
            other rate points and repetitions; the runner adds them to the time of decoding.
    """

    saved_seconds: float = 0.0

    def __init__(
        self,
        info: CodecInfo,
        rate: RatePoint,
        weights: Path | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.info = info
        self.rate = rate
        self.weights = weights if weights is not None else rate.weights
        self.options = info.filled(options or {})

    def prepare(self, device: str = "cpu") -> Codec:  # noqa: B027 (optional hook)
        """Load networks and tables once, on ``device``; calling it again changes nothing.

        Raises:
            MissingWeights: A weights file is absent.
            BenchError: A weights file has another sha256 or other contents than expected.
        """
        return self

    @abstractmethod
    def encode(self, x: Tensor, y: Tensor | None = None) -> list[Payload]:
        """Compress a batch.

        Args:
            x: Images, uint8 ``(N, 3, H, W)``, RGB, on the CPU.
            y: Side views of the same shape; passed only where ``info.encoder_sees_y``.

        Returns:
            One payload an image.
        """

    @abstractmethod
    def decode(self, payloads: Sequence[Payload], y: Tensor, noise: Sequence[int] | None = None) -> Tensor:
        """Reconstruct a batch from bytes and side views alone.

        Args:
            payloads: One payload an image.
            y: Side views, uint8 ``(N, 3, H, W)`` on the CPU; height and width of the result are theirs.
            noise: One 64-bit seed an item; None is accepted wherever nothing is drawn.

        Returns:
            Reconstructions, uint8 ``(N, 3, H, W)`` on the CPU.

        Raises:
            BitstreamError: The bytes are damaged.
        """

    def decode_float(self, payloads: Sequence[Payload], y: Tensor) -> Tensor | None:
        """Reconstruct without the pixel boundary, to measure what clamping and rounding do; None without one.

        Args:
            payloads: As in :meth:`decode`.
            y: As in :meth:`decode`.

        Returns:
            Float ``(N, 3, H, W)`` on the CPU, 0 … 1 in full scale but neither clamped nor rounded: :meth:`decode` gives
            its clamp, times 255, rounded.
        """
        return None

    def analyse_side(self, y: Tensor) -> object:
        """Do all work that depends on ``y`` alone, uncached; the runner times it. None where there is none.

        Args:
            y: Side views, uint8 ``(N, 3, H, W)``, on the CPU.
        """
        return None

    def estimate_bits(self, x: Tensor) -> Tensor:
        """Bits by the model's own likelihoods, float64 ``(N,)``; only where ``info.estimates``.

        Args:
            x: Images, uint8 ``(N, 3, H, W)``, on the CPU.
        """
        raise BenchError(f"{self.info.full_name} has no likelihoods to estimate bits from.")

    def split_bits(self, x: Tensor) -> Mapping[str, Tensor]:
        """Bits of parts that share the first section with others, such as a hyper-latent: name → float64 ``(N,)``.

        What remains of that section keeps its name. Empty where each section is one part. The runner records it beside
        the sections' own sizes; the rate does not depend on it.

        Args:
            x: Images, uint8 ``(N, 3, H, W)``, on the CPU.
        """
        return {}

    def encoder_version(self) -> str:
        """Name and version of the library that writes the bytes, for the result rows."""
        return "dic-bench"

    def parameters(self) -> int:
        """Number of learned parameters that encoder and decoder use; 0 for codecs without networks."""
        return 0


@dataclass(frozen=True)
class Method:
    """A registered method: light description now, the class itself on demand.

    Attributes:
        name: Registered name.
        variants: Names of the variants.
        default_variant: The one meant by the bare name.
        presets: Presets that at least one variant has.
        describe: ``(variant, preset) -> CodecInfo``, importing neither torch nor compressai.
        target: ``module:Class`` of the codec.
        title: Name for people.
        paper: Citation in one line.
        recipe: The recipe file of a method that this project trains.
    """

    name: str
    variants: tuple[str, ...]
    default_variant: str
    presets: tuple[str, ...]
    describe: Any
    target: str
    title: str = ""
    paper: str = ""
    recipe: Path | None = None

    def presets_of(self, variant: str) -> tuple[str, ...]:
        """Presets that one variant has; some have weights of the published size alone."""
        found = []
        for preset in self.presets:
            try:
                self.describe(variant, preset)
            except BenchError:
                continue
            found.append(preset)
        return tuple(found)
