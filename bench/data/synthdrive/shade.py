"""Colour what the rays met: albedo from noise in surface coordinates, sun, shadow and sky light; linear RGB."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from bench.data.synthdrive import ground
from bench.data.synthdrive.noise import sample
from bench.data.synthdrive.scene import (
    CLOTH,
    FACADE,
    GLASS,
    GROUND,
    HEDGE,
    LEAVES,
    PAINT,
    POST,
    ROOF,
    SIGN,
    SKY,
    WALL,
    WHEELS,
    Scene,
)
from bench.data.synthdrive.trace import FOCAL, OVER, Hits

Shader = Callable[["Shade", Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


class Shade:
    """One scene's hits being coloured; ``params`` holds each object's numbers as a row."""

    def __init__(self, scene: Scene, hits: Hits) -> None:
        self.scene, self.hits = scene, hits
        like = hits.depth
        rows = np.zeros((len(scene.objects) + 1, 12))
        for i, thing in enumerate(scene.objects):
            rows[i, : len(thing.params)] = thing.params
        self.params = torch.from_numpy(rows).to(like)
        self.sun = torch.from_numpy(scene.sun_colour).to(like)
        self.ambient = torch.from_numpy(scene.ambient).to(like)

    def run(self) -> Tensor:
        """Return linear radiance (n, 3), before exposure."""
        out = torch.zeros(len(self.hits.depth), 3, dtype=self.hits.depth.dtype, device=self.hits.depth.device)
        for kind, shader in SHADERS.items():
            at = (self.hits.kind == kind).nonzero()[:, 0]
            if len(at):
                foot = self.hits.depth[at] / (FOCAL * OVER)
                albedo, sunlit = shader(self, at, self.params[self.hits.thing[at]], foot)
                out[at] = albedo * (self.ambient + sunlit[:, None] * self.sun)
        at = (self.hits.kind == SKY).nonzero()[:, 0]
        out[at] = self._sky(at)
        haze = 1 - torch.exp(-self.hits.depth[:, None].clamp(max=400) / 900)
        air = torch.from_numpy(self.scene.sky[0] * 0.45).to(out)
        return torch.where((self.hits.kind == SKY)[:, None], out, out * (1 - haze) + air * haze)

    def _sky(self, at: Tensor) -> Tensor:
        d = self.hits.dirs[:, at]
        up = (d[1] / d[2].abs().clamp(min=0.2)).clamp(0, 1)
        low, high = (torch.from_numpy(s).to(d) for s in self.scene.sky)
        blue = low + (high - low) * (up * 2.2).clamp(0, 1)[:, None]
        k = 1 / (d[1] + 0.12)
        cloud = sample(0, d[0] * k * 2 + 9, d[2] * k * 2, 0.02, 0.02)
        cover = ((cloud + self.scene.clouds * 2 - 1.2) * 0.7).clamp(0, 1)[:, None]
        return blue * (1 - cover) + low * 1.05 * cover


def _facade(s: Shade, at: Tensor, p: Tensor, foot: Tensor) -> tuple[Tensor, Tensor]:
    u, v = s.hits.u[at] + p[:, 7], s.hits.v[at]
    pu, pv = p[:, 3], p[:, 4]
    cu, cv = u / pu, (v - 0.4) / pv
    iu, iv = cu.floor(), cv.floor()
    a, b = ((cu - iu) - 0.5).abs() * 2, ((cv - iv) - 0.52).abs() * 2
    window = (a < p[:, 5]) & (b < p[:, 6])
    frame = (a < p[:, 5] + 0.1) & (b < p[:, 6] + 0.08) & ~window
    bar = window & ((a < 0.035) | ((b < 0.03) & (p[:, 9] > 0.65)))
    which = sample(1, iu * 0.37 + p[:, 7], iv * 0.53, 0.01, 0.01)
    dirt = sample(0, u, v * 0.7, foot, 0.012)
    brick = (v / 0.075).floor() * 0.5 + u / 0.25
    joint = (((v / 0.075) % 1 < 0.16) | (brick % 1 < 0.06)) & (p[:, 8] > 0.5)
    wall = p[:, :3] * (1 + 0.10 * p[:, 9:10] * 0.8 * dirt[:, None]).clamp(min=0.3)
    wall = torch.where(joint[:, None], wall * 0.82, wall)
    wall = torch.where((v < 0.5)[:, None], wall * 0.6, wall)
    glass = 0.07 + 0.05 * which.clamp(min=0) + 0.06 * sample(0, u * 0.6, v * 0.6, foot, 0.01).clamp(min=0)
    glass = torch.where((which > 0.9) & (b > 0.05), glass + 0.25, glass)[:, None] * p.new_tensor([0.9, 1.0, 1.15])
    albedo = torch.where(window[:, None], glass, torch.where(frame[:, None], (wall * 1.2).clamp(max=0.7), wall))
    albedo = torch.where(bar[:, None], wall.clamp(min=0.4), albedo)
    lit = s.hits.lit[at].clamp(min=0)
    blot = sample(0, u * 0.35 + 3, v * 0.35 + p[:, 7], foot * 0.35, 0.012)
    return albedo, lit * ground.step(blot + 0.9, 0.2) * (1 - 0.6 * window.to(lit))


def _roof(s: Shade, at: Tensor, p: Tensor, foot: Tensor) -> tuple[Tensor, Tensor]:
    u, v = s.hits.u[at], s.hits.v[at]
    row = torch.where((v / 0.3) % 1 < 0.2, 0.75, 1.0)
    tiles = ((1 + 0.15 * sample(1, u, v, foot, 0.02)) * row).clamp(min=0.2)[:, None]
    return p[:, :3] * tiles, s.hits.lit[at].clamp(min=0)


def _paint(s: Shade, at: Tensor, p: Tensor, foot: Tensor) -> tuple[Tensor, Tensor]:
    u, v = s.hits.u[at], s.hits.v[at]
    shine = 0.10 * sample(0, u * 0.5 + p[:, 6], v + p[:, 6], foot, 0.01)
    lamp = (u.abs() > p[:, 5] * 0.5 - 0.35) & (v > p[:, 4] * 0.62) & (v < p[:, 4] * 0.92)
    plate = (u.abs() < 0.26) & (v > p[:, 4] * 0.35) & (v < p[:, 4] * 0.35 + 0.12)
    colour = (p[:, :3] * (1 + shine[:, None])).clamp(min=0.0) + 0.02
    red = p.new_tensor([0.5, 0.06, 0.05])
    colour = torch.where(lamp[:, None], red, torch.where(plate[:, None], torch.full_like(colour, 0.7), colour))
    return torch.where((v < 0.22)[:, None], colour * 0.35, colour), s.hits.lit[at].clamp(min=0)


def _wheels(s: Shade, at: Tensor, p: Tensor, foot: Tensor) -> tuple[Tensor, Tensor]:
    u, v = s.hits.u[at], s.hits.v[at]
    albedo, lit = _paint(s, at, p, foot)
    albedo = (p[:, :3] * (1 + 0.1 * sample(0, u * 0.4 + p[:, 6], v, foot, 0.01))[:, None]).clamp(min=0) + 0.02
    d = ((u.abs() - p[:, 3] * 0.31) ** 2 + (v - 0.12) ** 2).sqrt()
    albedo = torch.where((d < 0.38)[:, None], torch.full_like(albedo, 0.015), albedo)
    spokes = (d < 0.2) & (sample(1, u * 0.2, v * 0.2, 0.01, 0.01) > -0.3)
    albedo = torch.where(spokes[:, None], torch.full_like(albedo, 0.35), albedo)
    seam = ((u.abs() < 0.015) | ((u - p[:, 3] * 0.18).abs() < 0.012)) & (v > 0.2)
    return torch.where((seam | ((v < 0.12) & (d > 0.38)))[:, None], albedo * 0.35, albedo), lit


def _glass(s: Shade, at: Tensor, p: Tensor, foot: Tensor) -> tuple[Tensor, Tensor]:
    u, v = s.hits.u[at], s.hits.v[at]
    edge = (v < 0.05) | (v > p[:, 4] - 0.06) | ((u - p[:, 3] * 0.04).abs() < 0.045) | (u.abs() > p[:, 3] * 0.5 - 0.18)
    mirror = 0.05 + 0.07 * (sample(0, u * 0.7 + p[:, 6], v, foot, 0.01) + 0.4).clamp(min=0) + 0.08 * v
    glass = mirror[:, None] * p.new_tensor([0.9, 1.0, 1.15])
    lit = s.hits.lit[at].clamp(min=0)
    return torch.where(edge[:, None], p[:, :3], glass), torch.where(edge, lit, lit * 0.4)


def _leaves(s: Shade, at: Tensor, p: Tensor, foot: Tensor) -> tuple[Tensor, Tensor]:
    u, v = s.hits.u[at], s.hits.v[at]
    fleck = sample(1, u + 7, v - p[:, 6], foot, 0.012)
    tint = sample(0, u * 2, v * 2 + p[:, 6], foot, 0.02)[:, None] * p.new_tensor([0.16, 0.06, 0.05])
    albedo = (p[:, :3] * (0.8 + 0.26 * fleck.clamp(-2.2, 3))[:, None] * (1 + tint)).clamp(min=0.006)
    return albedo, s.hits.lit[at].clamp(min=0) * 0.8


def _hedge(s: Shade, at: Tensor, p: Tensor, foot: Tensor) -> tuple[Tensor, Tensor]:
    u, v = s.hits.u[at] + p[:, 3], s.hits.v[at]
    fine, coarse = sample(1, u, v, foot, 0.012), sample(0, u, v, foot, 0.02)
    albedo = p[:, :3] * (0.8 + 0.3 * fine + 0.3 * coarse).clamp(min=0.08)[:, None]
    return albedo, s.hits.lit[at].clamp(min=0) * (0.7 + 0.4 * fine).clamp(min=0)


def _wall(s: Shade, at: Tensor, p: Tensor, foot: Tensor) -> tuple[Tensor, Tensor]:
    u, v = s.hits.u[at] + p[:, 3], s.hits.v[at]
    stone = ((v / 0.22) % 1 < 0.12) | (((u / 0.45) + 0.5 * (v / 0.22).floor()) % 1 < 0.06)
    albedo = p[:, :3] * (1 + 0.16 * sample(0, u, v, foot, 0.01)).clamp(min=0.2)[:, None]
    return torch.where(stone[:, None], albedo * 0.75, albedo), s.hits.lit[at].clamp(min=0)


def _plain(s: Shade, at: Tensor, p: Tensor, foot: Tensor) -> tuple[Tensor, Tensor]:
    u, v = s.hits.u[at], s.hits.v[at]
    grain = 1 + 0.18 * sample(0, u * 1.5 + p[:, 3], v, foot, 0.01)
    return p[:, :3] * grain.clamp(min=0.2)[:, None], s.hits.lit[at].clamp(min=0)


def _sign(s: Shade, at: Tensor, p: Tensor, foot: Tensor) -> tuple[Tensor, Tensor]:
    u, v = s.hits.u[at], s.hits.v[at]
    glyph = sample(0, u + p[:, 4], v + p[:, 4], foot, 0.03) > 0.35
    inner = glyph & (p[:, 3] == 0.0)
    return torch.where(inner[:, None], torch.full_like(p[:, :3], 0.8), p[:, :3]), s.hits.lit[at].clamp(min=0)


def _cloth(s: Shade, at: Tensor, p: Tensor, foot: Tensor) -> tuple[Tensor, Tensor]:
    h = s.hits.v[at] / p[:, 3]
    albedo = torch.where((h > 0.87)[:, None], p.new_tensor([0.35, 0.22, 0.16]), p[:, :3])
    return torch.where((h < 0.47)[:, None], albedo * 0.4 + 0.02, albedo), s.hits.lit[at].clamp(min=0)


SHADERS: dict[int, Shader] = {
    GROUND: lambda s, at, p, foot: ground.shade(s.scene, s.hits, at, foot),
    FACADE: _facade,
    ROOF: _roof,
    PAINT: _paint,
    GLASS: _glass,
    WHEELS: _wheels,
    POST: _plain,
    LEAVES: _leaves,
    SIGN: _sign,
    HEDGE: _hedge,
    WALL: _wall,
    CLOTH: _cloth,
}
