"""The leaderboard as Markdown; the same store gives the same bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.metrics.registry import METRICS
from bench.report.aggregate import Point
from bench.report.board import Board, Entrant
from bench.report.ranking import ANCHOR, GAINS, RANKED, Standing, find_anchor, rank, ranked_metrics

DIGITS = {"psnr": 2, "psnr_pooled": 2, "ms_ssim_db": 2, "fid": 1, "fd_squeeze": 2, "kid": 2, "kd_squeeze": 3,
          "niqe": 2, "niqe_pooled": 2, "beta": 3, "rho": 3}  # fmt: skip
HIDDEN = ("lpips_vgg_01",)
"""Metrics that belong on the page of published comparisons only."""
CONTROL_WORDS = {
    "wrong-y": "side view of another scene",
    "blank-y": "grey side view",
    "wrong-x": "bits of another picture",
}


def number(value: float, digits: int = 4) -> str:
    """A number for a cell; an en dash for a missing one, and no negative zero."""
    if value != value or math.isinf(value):
        return "–"
    text = f"{value:.{0 if abs(value) >= 1000 else digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def cell(point: Point, metric: str) -> str:
    """A metric's mean with the spread between repetitions, in the metric's printed scale."""
    spec = METRICS.get(metric)
    scale, digits = spec.scale if spec else 1.0, DIGITS.get(metric, 4)
    text = number(point.values.get(metric, math.nan) * scale, digits)
    return f"{text} ± {number(point.spread[metric] * scale, digits)}" if metric in point.spread else text


def heading(metric: str) -> str:
    """A column's heading: name, scale, and an arrow to the better end."""
    spec = METRICS[metric]
    arrow = {True: " ↑", False: " ↓", None: ""}[spec.higher_is_better]
    return metric + (" ×10³" if spec.scale == 1e3 else "") + arrow


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Lines of a Markdown table; the first ``left`` columns are text."""
    rule = [":--" if index < left else "--:" for index in range(len(head))]
    return ["| " + " | ".join(row) + " |" for row in [head, rule, *rows]] + [""]


def shown_metrics(board: Board) -> list[str]:
    """Metrics that some point of the board has a value of, in the registry's order."""
    points = [point for entrant in board.entrants for own in entrant.points.values() for point in own]
    return [name for name in METRICS if name not in HIDDEN and any(name in point.values for point in points)]


def header(board: Board) -> list[str]:
    """Protocol, N, and what the reader must know of the data."""
    lines = [
        f"Protocol `{board.protocol}` · split `{board.split}` · **N = {board.n}** · {board.size[0]}×{board.size[1]} "
        f"pixels · manifest `{board.manifest[:12]}`",
        "",
    ]
    if board.partial:
        lines += [f"**Partial: {board.n} items under `--limit`. Nothing on this page is ranked.**", ""]
    if board.dataset.startswith("synthdrive"):
        lines += [
            "`synthdrive` is rendered, not photographed: this board shows that codecs and metrics work, and is **no "
            "evidence about real photographs**.",
            "",
        ]
    if board.dataset.startswith("kitti") and board.split == "val":
        lines += ["KITTI's val and test show the same scenes 0.1 s apart: val is not an independent set.", ""]
    return lines


def ranking(board: Board, level: str = "##") -> list[str]:
    """The ranking, the upper bounds apart from it, and why a BD-rate is missing."""
    blind = [entrant for entrant in board.entrants if not entrant.encoder_sees_y]
    seeing = [entrant for entrant in board.entrants if entrant.encoder_sees_y]
    standings, bounds = rank(board, blind), rank(board, seeing)
    lines = [f"{level} Ranking", "", f"BD-rates in percent of the rate of `{ANCHOR}` (PCHIP on log rate; negative is "
             "better). SI gain: metric(true y) − metric(blank y), the bits being identical; wrong y: metric(wrong y) − "
             "metric(true y); both are means over the rate points.", ""]  # fmt: skip
    lines += _standings(board, standings)
    if bounds:
        lines += [
            f"{level}# Upper bounds: the encoder sees y",
            "",
            "Not distributed codecs; no place in the ranking.",
            "",
        ]
        for standing in bounds:
            standing.place = 0
        lines += _standings(board, bounds)
    why: list[str] = []
    for standing in [*standings, *bounds]:
        reasons: dict[str, list[str]] = {}
        for metric, delta in standing.bd.items():
            if delta.reason:
                reasons.setdefault(delta.reason, []).append(metric)
        why += [f"- {standing.entrant.label}: no BD-rate in {', '.join(m)}: {r}." for r, m in reasons.items()]
    if find_anchor(board) is None and not board.partial:
        why.append(f"- No BD-rates: `{ANCHOR}` has not been measured on this board.")
    barred = [e.label for e in board.entrants if e.random_init]
    if barred:
        why.append(f"- Not ranked, for their weights are untrained: {', '.join(barred)}.")
    return lines + ([*why, ""] if why else [])


def _standings(board: Board, standings: list[Standing]) -> list[str]:
    metrics = ranked_metrics(board)
    twins = any(standing.twin is not None for standing in standings)
    head = ["place", "codec", "notes", *(f"BD-rate {m} %" for m in metrics)]
    head += ["BD-rate to own no-y form %"] if twins else []
    gains = [metric for metric in GAINS if metric in metrics]
    head += [f"SI gain {metric}" for metric in gains] + [f"wrong y {metric}" for metric in gains]
    rows = []
    for standing in standings:
        row = [str(standing.place or "–"), standing.entrant.label, badges(standing.entrant)]
        row += [number(standing.bd[metric].value, 1) for metric in metrics]
        row += [number(standing.twin.value if standing.twin else math.nan, 1)] if twins else []
        row += [number(standing.gain[m], DIGITS.get(m, 4)) for m in gains]
        row += [number(standing.loss[m], DIGITS.get(m, 4)) for m in gains]
        rows.append(row)
    return table(head, rows, left=3)


def badges(entrant: Entrant) -> str:
    """What a reader must know of a codec, in few words."""
    words = [
        *(["**encoder sees y**"] if entrant.encoder_sees_y else []),
        *(["side view"] if entrant.uses_side else []),
        *(["draws noise"] if entrant.stochastic else []),
        *(["0 bits sent"] if all(p.bpp_payload == 0 for p in entrant.plain) else []),
        *(["**untrained weights**"] if entrant.random_init else []),
    ]
    return ", ".join(words)


def points_table(board: Board) -> list[str]:
    """Every codec at every rate point, with every metric that has a value."""
    metrics = shown_metrics(board)
    head = ["codec", "rate", "bpp", "bpp est.", *(heading(m) for m in metrics), "enc ms", "dec ms"]
    rows = [
        [entrant.label, point.rate, number(point.bpp), number(point.bpp_estimated), *(cell(point, m) for m in metrics),
         number(point.encode_ms, 1), number(point.decode_ms, 1)]
        for entrant in board.entrants
        for point in entrant.plain
    ]  # fmt: skip
    text = (
        "Bits of the whole file, container included, over the original pixels; milliseconds an item, median, not "
        "comparable between machines."
    )
    return ["## Rate points", "", text, "", *table(head, rows, left=2)]


def controls_table(board: Board) -> list[str]:
    """What the codecs make of a wrong side view, none, and another picture's bits."""
    metrics = shown_metrics(board)
    rows = [
        [
            entrant.label,
            point.rate,
            CONTROL_WORDS.get(control, control),
            number(point.bpp),
            *(cell(point, m) for m in metrics),
        ]
        for entrant in board.entrants
        for control in sorted(set(entrant.points) - {"none"})
        for point in entrant.points[control]
    ]
    if not rows:
        return []
    return ["## Controls", "", *table(["codec", "rate", "decoded with", "bpp", *map(heading, metrics)], rows, left=3)]


def gaps(board: Board) -> list[str]:
    """Metrics without values, units without numbers, and warnings that belong beside figures."""
    shown = shown_metrics(board)
    lines = [f"- {METRICS[name].title} (`{name}`): {METRICS[name].flag}." for name in shown if METRICS[name].flag]
    lines += [
        f"- `{name}` has no value: {', '.join(sorted(statuses - {'ok'}))}"
        + (f" (`bench fetch {' '.join(METRICS[name].needs)}`)." if "no-weights" in statuses else ".")
        for name, statuses in sorted(board.metric_statuses.items())
        if name in METRICS and name not in shown and name not in HIDDEN
    ]
    lines += extras(board)
    lines += [f"- {note}" for note in board.notes]
    out = ["## Notes", "", *lines, ""] if lines else []
    if board.absent:
        rows = [[*entry[:4], entry[4].replace("|", "/")] for entry in board.absent]
        out += ["## Not measured", "", *table(["codec", "rate", "control", "status", "reason"], rows, left=5)]
    return out


def extras(board: Board) -> list[str]:
    """Reference lines that come with a metric: what the originals score, and identical pictures."""
    lines = []
    plain = [(entrant.label, point) for entrant in board.entrants for point in entrant.plain]
    for name in ("niqe_originals", "niqe_pooled_originals"):
        values = [point.values[name] for _, point in plain if name in point.values]
        if values:
            lines.append(
                f"- `{name.removesuffix('_originals')}` of the originals: {number(values[0], 2)} (N = {board.n})."
            )
    for label, point in plain:
        count = point.values.get("psnr_identical", 0.0)
        if count > 0:
            lines.append(f"- {label} {point.rate}: {count:.0f} pictures are identical and count as 100 dB.")
    return lines


def page(board: Board, plot: str | None) -> str:
    """The whole page of one board."""
    lines = [f"# Leaderboard: {board.name}", "", *header(board), *ranking(board)]
    if plot:
        lines += [f"![Rate-distortion curves]({plot})", ""]
    lines += [*points_table(board), *controls_table(board), *gaps(board)]
    return "\n".join(lines).rstrip() + "\n"


def index(boards: list[Board]) -> str:
    """The page that holds the rankings of all boards and links to each."""
    lines = ["# Leaderboards", "", "One ranking a dataset; figures of different datasets are not comparable.", ""]
    for board in boards:
        lines += [f"## [{board.name}]({board.folder}/leaderboard.md)", "", *header(board), *ranking(board, "###")]
    return "\n".join(lines).rstrip() + "\n"


__all__ = ["RANKED", "index", "number", "page"]
