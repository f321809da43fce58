"""What stands in a street: a scene's objects as convex polyhedra, cards and posts, drawn from one seed.

World axes: x right, y up, z forward, in metres; the ground is y = 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bench.data.synthdrive.noise import Draw

Array = npt.NDArray[np.float64]

(SKY, GROUND, FACADE, ROOF, PAINT, GLASS, WHEELS, POST, LEAVES, SIGN, HEDGE, WALL, CLOTH) = range(13)
CROWN, BAND, BARS, DISC, PLATE, TRIANGLE, FIGURE = range(7)


@dataclass
class Poly:
    """A convex polyhedron: outward unit normals (K,3), offsets (K,) with n·p ≤ d inside, a material per face."""

    normals: Array
    offsets: Array
    kinds: list[int]
    corners: Array
    params: list[float]


@dataclass
class Card:
    """A vertical plane with a mask: foot (x, z), bearing of its normal, half width, low and high edge, shape."""

    x: float
    z: float
    bearing: float
    half: float
    low: float
    high: float
    shape: int
    kind: int
    params: list[float]


@dataclass
class Post:
    """A vertical cylinder: foot (x, z), radius, low and high end."""

    x: float
    z: float
    radius: float
    low: float
    high: float
    params: list[float]


@dataclass
class Scene:
    """Everything that is random about one pair, but its sensor noise."""

    yaw: float = 0.0
    pitch: float = 0.0
    height: float = 1.65
    sun: Array = field(default_factory=lambda: np.zeros(3))
    sun_colour: Array = field(default_factory=lambda: np.zeros(3))
    ambient: Array = field(default_factory=lambda: np.zeros(3))
    sky: Array = field(default_factory=lambda: np.zeros((2, 3)))
    clouds: float = 0.0
    exposure: float = 1.0
    ground: dict[str, float] = field(default_factory=dict)
    objects: list[Poly | Card | Post] = field(default_factory=list)
    blots: list[tuple[float, float, float, float, float, float]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    weather: str = "sunny"
    kind: str = "street"

    def count(self, what: str) -> None:
        """Note one more of a thing, for the caption."""
        self.counts[what] = self.counts.get(what, 0) + 1


def box(
    x: float,
    z: float,
    bearing: float,
    size: tuple[float, float, float],
    low: float,
    kinds: list[int],
    params: list[float],
    taper: tuple[float, float] = (0.0, 0.0),
) -> Poly:
    """Return a box of (length along z, height, width along x), turned by ``bearing``, its top drawn in by ``taper``.

    Faces: right, left, back, front, top.
    """
    length, height, width = size
    c, s = math.cos(bearing), math.sin(bearing)
    turn = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    across, along = taper[0] / height, taper[1] / height
    local = np.array([[1, across, 0], [-1, across, 0], [0, along, 1], [0, along, -1], [0, 1, 0]], dtype=np.float64)
    foot = np.array([width / 2, width / 2, length / 2, length / 2, height])
    norm = np.sqrt((local**2).sum(1, keepdims=True))
    normals = (local / norm) @ turn.T
    base = np.array([x, low, z])
    corners = (
        np.array([[sx * width / 2, sy * height, sz * length / 2] for sx in (-1, 1) for sy in (0, 1) for sz in (-1, 1)])
        @ turn.T
        + base
    )
    return Poly(normals, foot / norm[:, 0] + normals @ base, kinds, corners, params)


def colour_of(draw: Draw, tones: tuple[tuple[float, float, float], ...], spread: float) -> list[float]:
    """Return one of some tones (linear RGB), brightened or darkened at random by up to exp(spread)."""
    tone = tones[draw.pick(len(tones))]
    gain = math.exp(draw(-spread, spread))
    return [min(1.0, max(0.01, t * gain * draw(0.94, 1.06))) for t in tone]


CARS = (
    (0.6, 0.6, 0.62),
    (0.05, 0.05, 0.06),
    (0.7, 0.7, 0.69),
    (0.25, 0.27, 0.3),
    (0.35, 0.03, 0.03),
    (0.04, 0.08, 0.25),
    (0.12, 0.13, 0.14),
    (0.7, 0.68, 0.62),
)
WALLS = (
    (0.6, 0.55, 0.47),
    (0.63, 0.63, 0.61),
    (0.45, 0.24, 0.17),
    (0.55, 0.44, 0.29),
    (0.37, 0.35, 0.33),
    (0.5, 0.48, 0.46),
)
GREENS = ((0.08, 0.12, 0.03), (0.1, 0.13, 0.04), (0.055, 0.09, 0.025), (0.15, 0.14, 0.04), (0.07, 0.1, 0.05))


def add_car(scene: Scene, draw: Draw, x: float, z: float, bearing: float) -> None:
    """Add a car (or van): body with wheels, tapered cabin with windows, and the dark ground beneath it."""
    van = draw.chance(0.2)
    length, width = draw(3.7, 4.7) + 0.6 * van, draw(1.65, 1.85)
    body, cabin = draw(0.72, 0.85) + 0.2 * van, draw(0.55, 0.68) + 0.35 * van
    colour = colour_of(draw, CARS, 0.2)
    params = [*colour, length, body, width, draw(0, 50)]
    scene.objects.append(
        box(x, z, bearing, (length, body, width), 0.18, [WHEELS, WHEELS, PAINT, PAINT, PAINT], params, (0.06, 0.08))
    )
    back = -draw(0.05, 0.4) if not van else 0.0
    c, s = math.cos(bearing), math.sin(bearing)
    roof = length * (0.62 if not van else 0.85)
    scene.objects.append(
        box(
            x + s * back,
            z + c * back,
            bearing,
            (roof, cabin, width - 0.12),
            0.18 + body,
            [GLASS, GLASS, GLASS, GLASS, PAINT],
            [*colour, roof, cabin, width - 0.12, params[6]],
            (0.18, 0.45 if not van else 0.15),
        )
    )
    scene.blots.append((x, z, width / 2 + 0.12, length / 2 + 0.12, bearing, 0.0))
    scene.blots.append((x, z, width / 2, length / 2, bearing, 1.0))
    scene.count("car")


def add_tree(scene: Scene, draw: Draw, x: float, z: float, tall: float) -> None:
    """Add a tree: trunk and a crown of masked cards one behind the other, so that leaves hide leaves."""
    rx, ry = tall * draw(0.26, 0.42), tall * draw(0.3, 0.4)
    centre = tall - ry
    green = colour_of(draw, GREENS, 0.35)
    scene.objects.append(Post(x, z, tall * draw(0.012, 0.022) + 0.04, 0.0, centre, [0.12, 0.09, 0.07, draw(0, 50)]))
    for i, at in enumerate((-0.75, -0.35, 0.05, 0.5)):
        wide = math.sqrt(1 - at * at)
        scene.objects.append(
            Card(
                x + draw(-0.15, 0.15) * rx,
                z + at * rx,
                draw(-0.25, 0.25),
                rx * wide * 1.5,
                centre - ry * 1.4,
                centre + ry * 1.5,
                CROWN,
                LEAVES,
                [*green, rx * wide, ry * (0.5 + 0.5 * wide), centre, draw(0, 50), 1.15 - 0.22 * i],
            )
        )
    scene.blots.append((x, z, rx, rx * 1.1, 0.0, centre))
    scene.count("tree")
