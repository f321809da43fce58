"""The leaderboard as Markdown; the same store gives the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.metrics.registry import METRICS
from bench.report.board import Board
from bench.report.cells import DIGITS, cell, heading, number, table
from bench.report.leaders import bands, deltas, headline
from bench.report.ranking import HIDDEN, RANKED, shown_metrics
from bench.report.verdict import Verdict

CONTROL_WORDS = {
    "wrong-y": "side view of another scene",
    "blank-y": "grey side view",
    "wrong-x": "bits of another picture",
}


def header(board: Board) -> list[str]:
    """Protocol, N, and what the reader must know of the data."""
    lines = [
        f"Protocol `{board.protocol}` · split `{board.split}` · **N = {board.n}** in {len(board.scenes)} scenes · "
        f"{board.size[0]}×{board.size[1]} pixels · manifest `{board.manifest[:12]}`",
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


def points_table(board: Board) -> list[str]:
    """Every codec at every rate point, with every metric that has a value."""
    metrics = shown_metrics(board)
    head = ["codec", "rate", "bpp", "bpp est.", *(heading(m) for m in metrics), "enc ms", "dec ms"]
    rows = [
        [entrant.label, point.rate, number(point.bpp), number(point.bpp_estimated),
         *(cell(point, m, m in RANKED or METRICS[m].kind == "set") for m in metrics),
         number(point.encode_ms, 1), number(point.decode_ms, 1)]
        for entrant in board.entrants
        for point in entrant.plain
    ]  # fmt: skip
    text = (
        "Bits of the whole file, container included, over the original pixels; milliseconds an item, median, not "
        "comparable between machines. In brackets: the interval of a mean over scenes, and of a distance between sets "
        "by subsampling scenes."
    )
    return ["## Rate points", "", text, "", *table(head, rows, left=2), *_repetitions(board, metrics)]


def _repetitions(board: Board, metrics: list[str]) -> list[str]:
    """The spread between repetitions of a decoder that draws noise, and that between pictures: two things."""
    points = [(entrant.label, point) for entrant in board.entrants for point in entrant.plain if point.spread]
    if not points:
        return []
    own = [metric for metric in metrics if METRICS[metric].kind != "set"]
    repeated = [[label, p.rate, str(p.repetitions), *_row(p.spread, metrics)] for label, p in points]
    pictures = [[label, p.rate, str(p.repetitions), *_row(p.apart, own)] for label, p in points]
    head = ["codec", "rate", "repetitions"]
    return [
        "## Spread between repetitions",
        "",
        "Standard deviation of the set's figure between repetitions, each with noise of its own.",
        "",
        *table([*head, *map(heading, metrics)], repeated, left=2),
        "## Spread between pictures",
        "",
        "Standard deviation between the pictures of one repetition, averaged over the repetitions. It tells how the "
        "pictures differ, not how sure a mean is.",
        "",
        *table([*head, *map(heading, own)], pictures, left=2),
    ]


def _row(spread: Mapping[str, float], metrics: list[str]) -> list[str]:
    return [number(spread.get(m, float("nan")) * METRICS[m].scale, DIGITS.get(m, 4) + 1) for m in metrics]


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


def sentences(board: Board) -> list[str]:
    """Warnings of metrics, metrics without values and the board's own notes, an item of a list each."""
    shown = shown_metrics(board)
    lines = [f"- {METRICS[name].title} (`{name}`): {METRICS[name].flag}." for name in shown if METRICS[name].flag]
    lines += [
        f"- `{name}` has no value: {', '.join(sorted(statuses - {'ok'}))}"
        + (f" (`bench fetch {' '.join(METRICS[name].needs)}`)." if "no-weights" in statuses else ".")
        for name, statuses in sorted(board.metric_statuses.items())
        if name in METRICS and name not in shown and name not in HIDDEN
    ]
    return lines + extras(board) + [f"- {note}" for note in board.notes]


def gaps(board: Board) -> list[str]:
    """Metrics without values, units without numbers, and warnings that belong beside figures."""
    lines = sentences(board)
    if board.unsealed:
        lines.append(
            f"- {board.unsealed} units carry no digests, for they are older than these: an edit in them would not be "
            "noticed."
        )
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


def page(verdict: Verdict, plots: Mapping[str, Sequence[Path]]) -> str:
    """The whole page of one board.

    Args:
        verdict: The judged board.
        plots: Title of a plot to its files, in order; the first heads the page, the others stand behind the tables.
    """
    board = verdict.board
    lines = [f"# Leaderboard: {board.name}", "", *header(board), *headline(verdict)]
    shown = [f"![{title}]({next(f.name for f in files if f.suffix == '.svg')})" for title, files in plots.items()]
    lines += [shown[0], "", "[Curves, tables and pictures to play with](../report.html)", ""] if shown else []
    lines += [*bands(verdict), *deltas(verdict), *points_table(board), *controls_table(board)]
    if len(shown) > 1:
        lines += ["## Plots", "", *(line for plot in shown[1:] for line in (plot, ""))]
    lines += gaps(board)
    return "\n".join(lines).rstrip() + "\n"


def index(verdicts: Sequence[Verdict]) -> str:
    """The page that holds the rankings of all boards and links to each."""
    lines = ["# Leaderboards", "", "One ranking a dataset; figures of different datasets are not comparable.", ""]
    for verdict in verdicts:
        board = verdict.board
        lines += [f"## [{board.name}]({board.folder}/leaderboard.md)", "", *header(board)]
        lines += [*headline(verdict, "###"), *bands(verdict, "###")]
    return "\n".join(lines).rstrip() + "\n"
