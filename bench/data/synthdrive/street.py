"""Lay out one street scene from a seed."""

from __future__ import annotations

import math

import numpy as np

from bench.data.synthdrive.noise import Draw
from bench.data.synthdrive.scene import (
    BAND,
    BARS,
    CLOTH,
    DISC,
    FACADE,
    FIGURE,
    GREENS,
    HEDGE,
    LEAVES,
    PLATE,
    ROOF,
    SIGN,
    TRIANGLE,
    WALL,
    WALLS,
    Card,
    Post,
    Scene,
    add_car,
    add_tree,
    box,
    colour_of,
)


def build(seed: int) -> Scene:
    """Return the scene of one seed."""
    draw = Draw(1, seed)
    scene = Scene()
    scene.yaw = draw(-0.16, 0.16) if draw.chance(0.75) else draw(-0.7, 0.7)
    scene.pitch = draw(-0.02, 0.02)
    scene.height = draw(1.6, 1.72)
    _light(scene, draw)
    road = draw(3.2, 6.5)
    centre = draw(-0.5, 0.45) * road
    walk = draw(1.2, 3.2) if draw.chance(0.75) else 0.0
    scene.ground = {
        "road": road,
        "centre": centre,
        "walk": walk,
        "asphalt": draw(0.1, 0.24),
        "rough": draw(0.07, 0.2),
        "paving": draw(0.2, 0.4),
        "tiles": float(draw.chance(0.5)),
        "dash": draw(3.0, 7.0),
        "solid": float(draw.chance(0.6)),
        "middle": float(draw.chance(0.75)),
        "shift": draw(0, 50),
        "zebra": draw(8, 30) if draw.chance(0.15) else -1.0,
        "grass": float(draw.pick(len(GREENS))),
        "dry": draw(0, 1),
        "cracks": draw(0, 1),
        "verge": float(draw.chance(0.65)),
        "lane": draw(0.1, 0.16),
    }
    scene.kind = ("street", "avenue", "open road", "suburb")[draw.pick(4)]
    for side in (-1, 1):
        _side(scene, draw, side, centre + side * (road + walk), centre + side * road)
    _traffic(scene, draw, centre, road)
    far = draw(90, 140)
    green = colour_of(draw, GREENS, 0.3)
    for i in range(2):
        z = far - 14 * i
        scene.objects.append(
            Card(
                0.0,
                z,
                0.0,
                400.0,
                0.0,
                draw(9, 15),
                BAND,
                LEAVES,
                [*green, draw(4, 9), draw(2, 5), 3.0, draw(0, 50), 0.8],
            )
        )
    return scene


def _light(scene: Scene, draw: Draw) -> None:
    cloudy = draw.chance(0.15)
    azimuth, height = draw(0, 2 * math.pi), draw(0.45, 1.05)
    scene.sun = np.array([math.cos(azimuth) * math.cos(height), math.sin(height), math.sin(azimuth) * math.cos(height)])
    warm = draw(0.88, 1.0)
    strength = draw(3.0, 4.6) if not cloudy else draw(0.3, 0.7)
    scene.sun_colour = strength * np.array([1.0, 0.5 + 0.48 * warm, 0.9 * warm])
    scene.ambient = (draw(0.28, 0.5) if not cloudy else draw(1.0, 1.5)) * np.array([0.86, 0.95, 1.12])
    low = np.array([draw(1.9, 4.2)] * 3) * np.array([0.96, 0.99, 1.02])
    high = np.array([0.42, 0.7, 1.2]) * draw(1.0, 2.0) if not cloudy else low * 0.8
    scene.sky = np.stack([low, high])
    scene.clouds = draw(0.0, 0.9)
    scene.exposure = draw(0.4, 0.85)
    scene.weather = "overcast" if cloudy else "sunny"


def _side(scene: Scene, draw: Draw, side: int, edge: float, kerb: float) -> None:
    """Fill one side of the road, near to far, with buildings, trees, hedges, walls, fences and posts."""
    weights = {
        "street": (0.75, 0.15, 0.1),
        "avenue": (0.2, 0.75, 0.05),
        "open road": (0.08, 0.5, 0.42),
        "suburb": (0.45, 0.35, 0.2),
    }[scene.kind]
    z = draw(3, 9)
    while z < 85:
        what = draw()
        if what < weights[0]:
            long = draw(8, 22)
            _building(scene, draw, side, edge + side * draw(0.3, 5.0), z + long / 2, long)
            z += long + draw(0.0, 6.0) * draw.pick(2)
        elif what < weights[0] + weights[1]:
            for _ in range(1 + draw.pick(3)):
                tall = draw(5, 12)
                add_tree(scene, draw, edge + side * draw(0.8, 7.0), z + draw(0, 6), tall)
            if draw.chance(0.45):
                _band(scene, draw, side, edge + side * draw(1, 5), z, draw(8, 16))
            z += draw(5, 11)
        else:
            if draw.chance(0.5):
                _band(scene, draw, side, edge + side * draw(0.5, 6), z, draw(8, 20))
            z += draw(6, 16)
    for _ in range(1 + draw.pick(4)):
        _street_furniture(scene, draw, side, kerb + side * draw(0.3, 1.0), draw(6, 45))
    if draw.chance(0.55):
        z = draw(6, 14)
        while z < 60:
            if draw.chance(0.7):
                add_car(scene, draw, kerb - side * draw(0.95, 1.25), z, draw(-0.05, 0.05))
            z += draw(5.2, 8.5)
    for _ in range(draw.pick(3)):
        x, z = kerb + side * draw(0.3, 2.0), draw(7, 35)
        scene.objects.append(
            Card(
                x,
                z,
                draw(-0.3, 0.3),
                0.4,
                0.0,
                1.85,
                FIGURE,
                CLOTH,
                [draw(0.03, 0.6), draw(0.03, 0.5), draw(0.03, 0.6), draw(1.6, 1.85), draw(0, 50)],
            )
        )
        scene.blots.append((x, z, 0.25, 0.25, 0.0, 0.9))
        scene.count("person")


def _building(scene: Scene, draw: Draw, side: int, x: float, z: float, long: float) -> None:
    deep, tall = draw(8, 14), draw(4, 14)
    params = [
        *colour_of(draw, WALLS, 0.25),
        draw(2.0, 4.2),
        draw(2.6, 3.4),
        draw(0.35, 0.62),
        draw(0.42, 0.6),
        draw(0, 50),
        float(draw.chance(0.35)),
        draw(0.3, 1.0),
    ]
    at = x + side * deep / 2
    scene.objects.append(box(at, z, 0.0, (long, tall, deep), 0.0, [FACADE] * 4 + [ROOF], params))
    if draw.chance(0.6):
        roof = [*colour_of(draw, ((0.35, 0.15, 0.1), (0.2, 0.18, 0.17), (0.28, 0.12, 0.08)), 0.2), draw(0, 50)]
        scene.objects.append(
            box(at, z, 0.0, (long + 0.6, draw(2, 4), deep + 0.8), tall, [ROOF] * 5, roof, (deep * 0.42, 0.2))
        )
    scene.blots.append((at, z, deep / 2, long / 2, 0.0, tall))
    scene.count("building")


def _band(scene: Scene, draw: Draw, side: int, x: float, z: float, long: float) -> None:
    """Add a hedge, a wall or a fence along the road."""
    tall, what = draw(0.8, 2.4), draw.pick(3)
    if what == 0:
        scene.objects.append(
            box(x, z + long / 2, 0.0, (long, tall, 1.2), 0.0, [HEDGE] * 5, [*colour_of(draw, GREENS, 0.3), draw(0, 50)])
        )
        scene.blots.append((x, z + long / 2, 0.6, long / 2, 0.0, tall))
    elif what == 1:
        scene.objects.append(
            box(x, z + long / 2, 0.0, (long, tall, 0.3), 0.0, [WALL] * 5, [*colour_of(draw, WALLS, 0.3), draw(0, 50)])
        )
        scene.blots.append((x, z + long / 2, 0.15, long / 2, 0.0, tall))
    else:
        bright = draw(0.05, 0.5)
        scene.objects.append(
            Card(
                x,
                z + long / 2,
                math.pi / 2,
                long / 2,
                0.0,
                min(tall, 1.4),
                BARS,
                SIGN,
                [bright, bright, bright, draw(0.12, 0.5), draw(0, 50)],
            )
        )


def _street_furniture(scene: Scene, draw: Draw, side: int, x: float, z: float) -> None:
    kind, grey = draw.pick(4), draw(0.12, 0.45)
    tall = draw(5, 9) if kind == 0 else draw(2.2, 3.4)
    scene.objects.append(Post(x, z, draw(0.04, 0.09), 0.0, tall, [grey, grey, grey, draw(0, 50)]))
    scene.blots.append((x, z, 0.08, 0.08, 0.0, tall))
    if kind == 0:
        scene.objects.append(box(x - side * 0.8, z, 0.0, (0.3, 0.15, 1.6), tall, [WALL] * 5, [grey, grey, grey, 0.0]))
        return
    colour = ((0.6, 0.03, 0.03), (0.02, 0.08, 0.5), (0.7, 0.6, 0.05), (0.75, 0.75, 0.75))[draw.pick(4)]
    shape = (DISC, PLATE, TRIANGLE)[draw.pick(3)]
    half = draw(0.3, 0.45) if shape != PLATE else draw(0.3, 1.1)
    scene.objects.append(
        Card(x, z - 0.1, draw(-0.2, 0.2), half, tall - 0.75, tall + 0.05, shape, SIGN, [*colour, 0.0, draw(0, 50)])
    )
    scene.count("sign")


def _traffic(scene: Scene, draw: Draw, centre: float, road: float) -> None:
    for lane in (-0.5, 0.5):
        z = draw(9, 40)
        while z < 80 and draw.chance(0.55):
            add_car(scene, draw, centre + lane * road + draw(-0.3, 0.3), z, draw(-0.04, 0.04))
            z += draw(9, 30)
    if draw.chance(0.12):
        add_car(scene, draw, centre + draw(-0.6, 0.6) * road, draw(9, 22), math.pi / 2 + draw(-0.2, 0.2))
