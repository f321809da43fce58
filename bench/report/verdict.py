"""What a board's numbers amount to: the shapes that the pages and the plots read. ``judge`` fills them."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.report.board import Board, Entrant
from bench.stats.bootstrap import Estimate

BANDS = (0.05, 0.1, 0.2)
"""Upper rates of the bands, bits per pixel."""


@dataclass
class Comparison:
    """One codec against the anchor in one metric.

    Attributes:
        bd_rate: Percent of the anchor's rate, PCHIP; negative is better.
        akima: The same by Akima, for comparison; NaN where there is none.
        bd_quality: Units of the metric at equal rate; positive is better whatever the metric's direction.
        overlap: Shared range of quality over the shorter curve's, 0 to 1; NaN where nothing was compared.
        monotone: Quality rises with rate on both curves.
    """

    bd_rate: Estimate
    akima: float
    bd_quality: Estimate
    overlap: float
    monotone: bool


@dataclass
class Judged:
    """Everything said of one codec.

    Attributes:
        entrant: Who.
        place: By BD-rate in PSNR, shared where uncertain; 0 without one.
        deltas: Metric to the comparison with the anchor; empty without an anchor.
        at: (metric, rate of ``BANDS``) to the interpolated value.
        ends: Rates of ``BANDS`` that lie beyond the codec's highest rate: the value there is that of its last point.
        gain: Metric to metric(true y) − metric(blank y), mean over rate points; absent without that control.
        loss: Metric to metric(wrong y) − metric(true y), likewise.
        twin: BD-rate in PSNR against the codec's own form without y; None where that is not on the board.
    """

    entrant: Entrant
    place: int = 0
    deltas: dict[str, Comparison] = field(default_factory=dict)
    at: dict[tuple[str, float], Estimate] = field(default_factory=dict)
    ends: set[float] = field(default_factory=set)
    gain: dict[str, Estimate] = field(default_factory=dict)
    loss: dict[str, Estimate] = field(default_factory=dict)
    twin: Estimate | None = None


@dataclass
class Band:
    """The ranking of one metric up to one rate.

    Attributes:
        metric: Name.
        rate: Upper rate, bits per pixel: values are interpolated here.
        places: Label of a codec to its place; codecs that may have none, or no value, are absent.
    """

    metric: str
    rate: float
    places: dict[str, int]


@dataclass
class Verdict:
    """A judged board.

    Attributes:
        board: The board; its points now have ``intervals``.
        anchor: Whom BD is measured against; None where it is not on the board.
        metrics: Item metrics with a direction that are compared, in the registry's order.
        ranked: Codecs that compete, best first; those barred from a place stand among them with place 0.
        estimated: Codecs whose rate is an estimate; no places.
        bounds: Codecs whose encoder sees y; no places.
        bands: One a metric and rate.
        replicates: Replicates of the bootstrap; 0 where there is one scene only.
    """

    board: Board
    anchor: Entrant | None
    metrics: list[str]
    ranked: list[Judged]
    estimated: list[Judged]
    bounds: list[Judged]
    bands: list[Band]
    replicates: int

    @property
    def everyone(self) -> list[Judged]:
        """All codecs of the board that have a plain run."""
        return [*self.ranked, *self.estimated, *self.bounds]

    def of(self, label: str) -> Judged:
        """The judgement of a codec by its label.

        Raises:
            KeyError: No codec of that label is on the board.
        """
        for one in self.everyone:
            if one.entrant.label == label:
                return one
        raise KeyError(label)
