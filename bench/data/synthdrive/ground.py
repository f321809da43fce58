"""The ground: asphalt, lane marks, kerb, paving and grass, and the shadows that things cast on it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bench.data.synthdrive.noise import sample
from bench.data.synthdrive.scene import GREENS, Scene
from bench.data.synthdrive.trace import Hits

ROAD, WALK, GRASS = range(3)


def step(x: Tensor, soft: float) -> Tensor:
    """Return a smooth step from 0 to 1 over |x| ≤ soft."""
    t = ((x / soft) * 0.5 + 0.5).clamp(0, 1)
    return t * t * (3 - 2 * t)


def zones(scene: Scene, x: Tensor) -> Tensor:
    """Return 0 road, 1 walk, 2 beyond, for points at lateral position ``x`` metres."""
    g = scene.ground
    out = (x - g["centre"]).abs() - g["road"]
    beyond = GRASS if g["verge"] else WALK
    return torch.where(out < 0, ROAD, torch.where(out < g["walk"], WALK, beyond))


def shade(scene: Scene, hits: Hits, at: Tensor, foot: Tensor) -> tuple[Tensor, Tensor]:
    """Return albedo (n,3) and the share of sunlight times the sun's height (n,)."""
    g = scene.ground
    x, z, depth = hits.u[at], hits.v[at], hits.depth[at]
    # A ray meets the ground at a slant: its footprint along z is depth / height times as long as across.
    slant = foot * (depth / scene.height).clamp(min=1).sqrt()
    grain, coarse = sample(1, x, z, slant, 0.008), sample(0, x + g["shift"], z, slant, 0.02)
    lane = x - g["centre"]
    patch = sample(0, lane * 0.12 + 5, z * 0.02 + g["shift"], 0.01, 0.02)
    road = g["asphalt"] * (1 + g["rough"] * (0.5 * grain + 0.8 * coarse + 1.2 * patch)).clamp(min=0.25)
    crack = sample(0, x * 0.7, z * 0.7 + g["shift"], slant, 0.015).abs()
    road = torch.where((crack < 0.035) & (g["cracks"] > 0.5), road * 0.75, road)
    marks = _marks(scene, lane, z, coarse)
    road = road * (1 - marks) + marks * (0.5 + 0.04 * grain)
    tint = x.new_tensor([1.0, 0.99, 0.98])
    paving = g["paving"] * (1 + 0.05 * grain + 0.08 * coarse).clamp(min=0.3)
    joint = ((x / 0.5) % 1 < 0.06) | ((z / 0.5) % 1 < 0.06)
    paving = torch.where(joint & (g["tiles"] > 0.5), paving * 0.82, paving)
    kerb = ((lane.abs() - g["road"]) < 0.16) & ((lane.abs() - g["road"]) > 0)
    paving = torch.where(kerb, paving * 1.3, paving)
    green = x.new_tensor(GREENS[int(g["grass"])]) * 1.3
    straw = x.new_tensor([0.26, 0.2, 0.1])
    dry = step(coarse * 0.8 + g["dry"] * 1.6 - 1.0, 1.0)[:, None]
    grass = (green * (1 - dry) + straw * dry) * (0.85 + 0.22 * grain + 0.15 * coarse).clamp(min=0.12)[:, None]
    zone = zones(scene, x)[:, None]
    albedo = torch.where(zone == ROAD, road[:, None] * tint, torch.where(zone == WALK, paving[:, None] * tint, grass))
    open_sky, sun = _shadows(scene, x, z, slant)
    return albedo * open_sky[:, None], hits.lit[at].clamp(min=0) * sun


def _marks(scene: Scene, lane: Tensor, z: Tensor, wear: Tensor) -> Tensor:
    """Return how much white paint lies at a point, 0 … 1."""
    g = scene.ground
    half = g["lane"] / 2
    dashed = (lane.abs() < half) & (((z + g["shift"]) / (2 * g["dash"])) % 1 < 0.45) & (g["middle"] > 0.5)
    solid = ((lane.abs() - (g["road"] - 0.35)).abs() < half) & (g["solid"] > 0.5)
    zebra = ((z - g["zebra"] - 1.5).abs() < 1.5) & ((lane / 1.0) % 1 < 0.5) & (g["zebra"] > 0)
    paint = (dashed | solid | (zebra & (lane.abs() < g["road"]))).to(z)
    return paint * (1 - 0.8 * step(wear - 0.9, 0.5))


def _shadows(scene: Scene, x: Tensor, z: Tensor, slant: Tensor) -> tuple[Tensor, Tensor]:
    """Return the sky light and the sunlight that reach ground points, each 0 … 1."""
    sun = torch.ones_like(x)
    sky = torch.ones_like(x)
    ragged = sample(1, x + 2, z - 4, slant, 0.03)
    blotch = sample(0, x - 3, z + 8, slant, 0.03)
    reach_x, reach_z = (-scene.sun[0] / scene.sun[1], -scene.sun[2] / scene.sun[1])
    for bx, bz, rx, rz, bearing, high in scene.blots:
        dx, dz = x - bx, z - bz
        c, s = math.cos(bearing), math.sin(bearing)
        if high == 0.0:
            a, b = (dx * c - dz * s).abs() - rx, (dx * s + dz * c).abs() - rz
            sky = sky * (1 - 0.75 * step(-torch.maximum(a, b) + 0.1, 0.3))
            continue
        # Something of height h darkens its own foot moved along the sun's direction, up to its top.
        if high > 2.0 and rx > 1.0 and abs(rz / rx - 1.1) < 1e-6:
            a, b = (dx - reach_x * high) / rx, (dz - reach_z * high) / rz
            inside = 1 - (a * a + b * b) + 0.4 * blotch + 0.12 * ragged
            sun = sun * (1 - step(inside, 0.18))
            continue
        length = math.hypot(reach_x, reach_z) * high
        along = ((dx * reach_x + dz * reach_z) * high / max(length * length, 1e-9)).clamp(0, 1)
        a = ((dx - along * reach_x * high) * c - (dz - along * reach_z * high) * s).abs() - rx
        b = ((dx - along * reach_x * high) * s + (dz - along * reach_z * high) * c).abs() - rz
        sun = sun * (1 - step(-torch.maximum(a, b) + 0.02 * blotch, 0.06))
    return sky, sun
