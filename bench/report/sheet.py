"""One contact sheet: an item as the original, its side view, and as every codec decodes it, with difference maps."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.metrics.registry import METRICS
from bench.report.board import Board, Entrant
from bench.report.cells import DIGITS, number
from bench.report.page.decode import Decoder
from bench.report.page.units import find_units, item_values
from bench.store.atomic import write_bytes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GAIN = 4
COLUMNS = 3
NUMBERS = ("psnr", "ms_ssim_db", "lpips_squeeze", "lpips_alex", "lpips_vgg")
WIDE = 512
"""Pixels that a picture is enlarged to, by whole factors."""


@dataclass
class Cell:
    """One picture of the sheet: lines above it, uint8 ``(3, H, W)``, and the original for its map, if any."""

    lines: list[str]
    picture: NDArray[np.uint8]
    original: NDArray[np.uint8] | None = None


def find_board(boards: Sequence[Board], stores: Sequence[Path], item: str, dataset: str | None) -> Board:
    """The board that holds an item.

    Raises:
        BenchError: None does, or two do and no dataset was named.
    """
    found = []
    for board in boards:
        keys = [p.key for e in board.entrants for p in e.plain][:1]
        units = find_units(stores, keys)
        named = dataset in (None, board.name, board.dataset)
        if named and any(item in item_values(units[key], [])[0] for key in keys if key in units):
            found.append(board)
    if not found:
        raise BenchError(f"No board of these results holds an item {item!r}; bench.results.load(...).item lists them.")
    if len(found) > 1:
        raise BenchError(f"{item!r} is in {' and '.join(b.name for b in found)}; choose one with --dataset.")
    return found[0]


def make_cells(
    board: Board, stores: Sequence[Path], item: str, bpp: float, labels: Sequence[str] = ()
) -> tuple[list[Cell], list[str]]:
    """Pictures and numbers of an item, every codec at its rate point nearest to ``bpp``.

    Args:
        board: The board that holds it.
        stores: Where its units lie.
        item: The item's id.
        bpp: Bits per pixel.
        labels: Codecs; all by default.

    Returns:
        The cells, original and side view first; and why a codec is not among them.

    Raises:
        BenchError: A codec is not on the board, or the dataset is not prepared here.
    """
    known = [entrant.label for entrant in board.entrants]
    for label in labels:
        if label not in known:
            raise BenchError(f"{board.name} has no {label!r}; it has {', '.join(known)}.")
    chosen: list[tuple[Entrant, Any]] = [
        (e, min(e.plain, key=lambda p: abs(math.log(max(p.bpp, 1e-9) / bpp))))
        for e in board.entrants
        if e.plain and (not labels or e.label in labels)
    ]
    units = find_units(stores, {point.key for _, point in chosen})
    decoder = Decoder(board, units)
    x, y = decoder.originals(item)
    cells, missing = [Cell([item, "original"], x), Cell(["", "side view y"], y)], []
    for entrant, point in chosen:
        picture, why = decoder.picture(entrant, point, item)
        if picture is None:
            missing.append(why)
            continue
        ids, columns = item_values(units[point.key], [m for m in NUMBERS if m in point.values])
        place = ids.index(item)
        values = [f"{float(columns['bpp'][place]):.4f} bpp"]
        values += [
            f"{m} {number(float(v[place]) * METRICS[m].scale, DIGITS.get(m, 4))}"
            for m, v in columns.items()
            if m != "bpp"
        ]
        cells.append(Cell([f"{entrant.label} {point.rate}", "   ".join(values)], picture, x))
    return cells, missing


def difference_map(picture: NDArray[np.uint8], original: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mean absolute difference of the channels times ``GAIN``, uint8 ``(H, W)``, 255 at most."""
    import numpy as np

    mean = np.abs(picture.astype(np.int16) - original.astype(np.int16)).mean(0)
    return np.asarray(np.minimum(255, np.round(GAIN * mean)), dtype=np.uint8)


def draw_sheet(cells: Sequence[Cell], out: Path) -> None:
    """Write the sheet as PNG: a map under every reconstruction, dark where it equals the original."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    height, width = cells[0].picture.shape[1:]
    factor = max(1, WIDE // width)
    across, down, gap, head = width * factor, height * factor, 14, 42
    rows = -(-(len(cells)) // COLUMNS)
    tall = [head + down * (2 if any(c.original is not None for c in _row(cells, r)) else 1) + gap for r in range(rows)]
    sheet = Image.new("RGB", (COLUMNS * (across + gap) + gap, sum(tall) + 2 * gap + 14), "white")
    draw, bold, small = ImageDraw.Draw(sheet), ImageFont.load_default(15), ImageFont.load_default(12)
    top = gap
    for row in range(rows):
        for column, cell in enumerate(_row(cells, row)):
            left = gap + column * (across + gap)
            draw.text((left, top), cell.lines[0], fill="#15181c", font=bold)
            draw.text((left, top + 21), cell.lines[1], fill="#565e69", font=small)
            picture = Image.fromarray(np.ascontiguousarray(cell.picture.transpose(1, 2, 0)))
            sheet.paste(picture.resize((across, down), Image.Resampling.NEAREST), (left, top + head))
            if cell.original is not None:
                found = Image.fromarray(difference_map(cell.picture, cell.original)).convert("RGB")
                sheet.paste(found.resize((across, down), Image.Resampling.NEAREST), (left, top + head + down))
        top += tall[row]
    draw.text(
        (gap, top + 4), f"Below each picture: |difference| to the original, times {GAIN}.", fill="#565e69", font=small
    )
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    write_bytes(out, buffer.getvalue())


def _row(cells: Sequence[Cell], row: int) -> Sequence[Cell]:
    return cells[row * COLUMNS : (row + 1) * COLUMNS]
