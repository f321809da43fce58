"""Pictures for the viewer: which items and points, where their pixels come from, how they are stored in the page.

A picture that the report's last version holds under the same key is taken over, so that a page is made again without
its codecs. Others come from the store's shards, or are decoded anew (``bench.report.page.decode``).
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.errors import BenchError
from bench.report.aggregate import Point
from bench.report.board import Board, Entrant
from bench.report.page.assemble import rounded
from bench.report.page.decode import Decoder
from bench.report.page.units import item_values
from bench.store.stored import StoredUnit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TARGETS = (0.05, 0.1, 0.2)
"""Rates in bpp whose nearest points are shown of each codec."""
ITEMS = 8
QUALITY = 92
ORIGINAL_QUALITY = 94
BYTES = 2_000_000
"""Room for the pictures of one page, as they stand in it."""
FEWEST = 2
NOTE = (
    f"Pictures stand in this page as WebP of quality {QUALITY} (originals {ORIGINAL_QUALITY}): the map shows those "
    "copies; the numbers are of the exact pictures. Double-click or pinch with Ctrl to zoom."
)
Kept = Mapping[str, str]


@dataclass
class Shots:
    """What goes into the page: albums by board, and why a board has none."""

    albums: dict[str, Any] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """For the page."""
        return {"albums": self.albums, "absent": self.absent}


def may_show(board: Board, photographs: bool) -> bool:
    """Rendered pictures always; photographs only where that was asked for."""
    return board.dataset.startswith("synthdrive") or photographs


def make_shots(
    boards: Sequence[Board], units: Mapping[str, StoredUnit], photographs: bool = False, before: Any = None
) -> Shots:
    """Albums of every board that may be shown.

    Args:
        boards: The boards.
        units: Folders of their points.
        photographs: Show photographs as well; such a page must not be committed.
        before: The pictures of an earlier page, whose copies are taken over where key and item agree.
    """
    shots, kept = Shots(), _kept(before)
    allowed = [board for board in boards if may_show(board, photographs) and not board.partial]
    for board in boards:
        name = board.name
        if board not in allowed:
            shots.absent[name] = "Photographs stay out of this page; `bench report --photographs` builds one with them."
            if board.partial:
                shots.absent[name] = "Partial sets have no pictures here."
            continue
        try:
            shots.albums[name] = _album(board, units, kept, BYTES // len(allowed))
        except BenchError as error:
            shots.absent[name] = f"No pictures: {error}"
    return shots


def chosen_points(entrant: Entrant) -> list[Point]:
    """The plain points nearest to each of ``TARGETS`` on a log scale, low to high, each once."""
    plain = [point for point in entrant.plain if point.bpp > 0]
    near = {min(plain, key=lambda p: abs(math.log(p.bpp / t))).rate for t in TARGETS} if plain else set()
    return [point for point in plain if point.rate in near]


def chosen_items(ids: Sequence[str], columns: Mapping[str, Any], number: int) -> list[str]:
    """Worst and best item in PSNR and LPIPS of one unit, filled up with items spread evenly between them.

    Args:
        ids: Item ids.
        columns: Metrics, ``(N,)``.
        number: How many, at most.
    """
    import numpy as np

    lead = next((m for m in ("psnr", *columns) if m in columns and m != "bpp"), "bpp")
    order = [ids[i] for i in np.lexsort((np.asarray(ids), columns[lead]))]
    lpips = next((m for m in columns if m.startswith("lpips")), lead)
    second = [ids[i] for i in np.lexsort((np.asarray(ids), columns[lpips]))]
    spread = [order[round(k * (len(order) - 1) / 5)] for k in (2, 3, 1, 4)]
    wanted = dict.fromkeys([order[0], order[-1], second[-1], second[0], *spread, *order])
    return list(wanted)[: max(1, number)]


def _kept(before: Any) -> dict[str, str]:
    """Copies in an earlier page, by what they show."""
    found: dict[str, str] = {}
    for album in (before or {}).get("albums", {}).values():
        if album.get("quality") != [QUALITY, ORIGINAL_QUALITY]:
            continue
        for item in album["items"]:
            found |= {f"{album['manifest']} {item['id']} {side}": item[side] for side in ("x", "y")}
            found |= {f"{point['key']} {item['id']}": point["uri"] for point in item["points"]}
    return found


def _album(board: Board, units: Mapping[str, StoredUnit], kept: Kept, room: int) -> dict[str, Any]:
    points = [(e, p) for e in board.entrants for p in chosen_points(e) if p.key in units]
    if not points:
        raise BenchError("no unit of this board lies in the stores.")
    values = {p.key: item_values(units[p.key], sorted(p.values)) for _, p in points}
    lead = next((p for e, p in points if e.method == "balle2018"), points[0][1])
    decoder = Decoder(board, units)
    wanted, items, notes = chosen_items(*values[lead.key], ITEMS), [], dict[str, None]()
    used = 0
    for count, item in enumerate(wanted):
        made, why = _item(item, points, values, kept, decoder, board.manifest)
        notes |= dict.fromkeys(why)
        size = len(made["x"]) + len(made["y"]) + sum(len(p["uri"]) for p in made["points"])
        if count >= FEWEST and used + size > room:
            break
        used += size
        items.append(made)
    note = " ".join([NOTE, *(f"Not shown: {text}" for text in sorted(notes))])
    return {"rates": list(TARGETS), "manifest": board.manifest, "quality": [QUALITY, ORIGINAL_QUALITY], "items": items,
            "note": note}  # fmt: skip


def _item(
    item: str,
    points: Sequence[tuple[Entrant, Point]],
    values: Mapping[str, Any],
    kept: Kept,
    decoder: Decoder,
    manifest: str,
) -> tuple[dict[str, Any], list[str]]:
    made: dict[str, Any] = {"id": item, "points": []}
    for index, side in enumerate(("x", "y")):
        held = kept.get(f"{manifest} {item} {side}")
        made[side] = held or data_uri(decoder.originals(item)[index], ORIGINAL_QUALITY)
    why = []
    for entrant, point in points:
        ids, columns = values[point.key]
        place = ids.index(item)
        uri = kept.get(f"{point.key} {item}")
        if uri is None:
            picture, reason = decoder.picture(entrant, point, item)
            if picture is None:
                why.append(reason)
                continue
            uri = data_uri(picture, QUALITY)
        numbers = {m: rounded(float(column[place])) for m, column in columns.items() if m != "bpp"}
        made["points"].append({"label": entrant.label, "rate": point.rate, "key": point.key, "uri": uri,
                               "bpp": rounded(float(columns["bpp"][place])), "v": numbers})  # fmt: skip
    return made, why


def data_uri(picture: NDArray[np.uint8], quality: int) -> str:
    """A picture uint8 ``(3, H, W)`` as WebP in a data URI."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture.transpose(1, 2, 0)).save(buffer, "WEBP", quality=quality, method=6)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
