"""Cast the rays of both views at a scene and note, for each ray, what it meets first and where."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.data.synthdrive.noise import sample
from bench.data.synthdrive.scene import (
    BAND,
    BARS,
    CROWN,
    DISC,
    FIGURE,
    GROUND,
    POST,
    SKY,
    TRIANGLE,
    Array,
    Card,
    Poly,
    Post,
    Scene,
)

HEIGHT, WIDTH, FOCAL, BASELINE = 128, 256, 249.5, 0.54
OVER = 2
FAR = 1e6


@dataclass
class Hits:
    """What the rays of both views met, each (2·h·w,) flat; ``world`` is (3, 2·h·w)."""

    depth: Tensor
    kind: Tensor
    thing: Tensor
    u: Tensor
    v: Tensor
    lit: Tensor
    world: Tensor
    dirs: Tensor


class Tracer:
    """Rays of the left and the right camera (2, h, w), each with unit forward component: t is the depth in metres."""

    def __init__(self, scene: Scene, device: str, dtype: torch.dtype) -> None:
        h, w = HEIGHT * OVER, WIDTH * OVER
        self.scene, self.h, self.w, self.dtype, self.device = scene, h, w, dtype, device
        cy, cp = math.cos(scene.yaw), math.cos(scene.pitch)
        sy, sp = math.sin(scene.yaw), math.sin(scene.pitch)
        self.turn = np.array([[cy, -sy * sp, sy * cp], [0.0, cp, sp], [-sy, -cy * sp, cy * cp]])
        cols = (torch.arange(w, dtype=torch.float64) + 0.5) / OVER
        rows = (torch.arange(h, dtype=torch.float64) + 0.5) / OVER
        u = ((cols - WIDTH / 2) / FOCAL)[None, :].expand(h, w)
        v = (-(rows - 59.0) / FOCAL)[:, None].expand(h, w)
        one = torch.stack([m[0] * u + m[1] * v + m[2] for m in self.turn.tolist()])
        self.flat = one.reshape(3, -1).to(device=device, dtype=dtype)
        self.dirs = one[:, None].expand(3, 2, h, w).to(device=device, dtype=dtype)
        side = self.turn @ np.array([BASELINE / 2, 0.0, 0.0])
        centre = np.array([0.0, scene.height, 0.0])
        self.eyes = np.stack([centre - side, centre + side])
        self.origin = torch.from_numpy(self.eyes.T.copy()).to(device=device, dtype=dtype)[:, :, None, None]
        n = 2 * h * w
        self.depth = torch.full((n,), FAR, dtype=dtype, device=device)
        self.u, self.v, self.lit = (torch.zeros(n, dtype=dtype, device=device) for _ in range(3))
        self.kind = torch.full((n,), SKY, dtype=torch.int64, device=device)
        self.thing = torch.full((n,), -1, dtype=torch.int64, device=device)
        self.index = torch.arange(n, device=device).view(2, h, w)
        self.sun = torch.from_numpy(scene.sun).to(device=device, dtype=dtype)

    def window(self, corners: Array) -> tuple[slice, slice] | None:
        """Return the rows and columns that may see a thing with these corners (n,3), in either view."""
        r0, r1, c0, c1 = self.h, 0, self.w, 0
        for eye in self.eyes:
            local = (corners - eye) @ self.turn
            if (local[:, 2] < 0.8).any():
                if (local[:, 2] < 0.8).all():
                    continue
                return slice(0, self.h), slice(0, self.w)
            cols = (local[:, 0] / local[:, 2] * FOCAL + WIDTH / 2) * OVER
            rows = (-local[:, 1] / local[:, 2] * FOCAL + 59.0) * OVER
            r0, r1 = min(r0, math.floor(rows.min()) - 1), max(r1, math.ceil(rows.max()) + 1)
            c0, c1 = min(c0, math.floor(cols.min()) - 1), max(c1, math.ceil(cols.max()) + 1)
        r0, r1, c0, c1 = max(r0, 0), min(r1, self.h), max(c0, 0), min(c1, self.w)
        return (slice(r0, r1), slice(c0, c1)) if r0 < r1 and c0 < c1 else None

    def put(self, at: Tensor, t: Tensor, kind: Tensor | int, thing: int, u: Tensor, v: Tensor, lit: Tensor) -> None:
        """Write hits at flat ray indices."""
        self.depth[at], self.u[at], self.v[at], self.lit[at] = t, u, v, lit
        self.kind[at] = kind
        self.thing[at] = thing

    def point(self, at: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return world coordinates of rays ``at`` (flat indices) at depth ``t``."""
        d, o = self.flat, self.origin.reshape(3, 2)
        n = self.h * self.w
        eye = (at >= n).to(torch.int64)
        ray = at - eye * n
        x, y, z = (o[k].take(eye) + t * d[k].take(ray) for k in range(3))
        return x, y, z

    def run(self) -> Hits:
        """Trace everything."""
        self._ground()
        for i, thing in enumerate(self.scene.objects):
            if isinstance(thing, Poly):
                self._poly(i, thing)
            elif isinstance(thing, Card):
                self._card(i, thing)
            else:
                self._post(i, thing)
        dirs = self.dirs.reshape(3, -1)
        origin = self.origin.expand(3, 2, self.h, self.w).reshape(3, -1)
        return Hits(self.depth, self.kind, self.thing, self.u, self.v, self.lit, origin + self.depth * dirs, dirs)

    def _ground(self) -> None:
        down = self.dirs[1]
        t = torch.where(down < -1e-5, -self.origin[1] / down.clamp(max=-1e-5), torch.full_like(down, FAR))
        at = self.index[t < 400.0]
        t = t.reshape(-1)[at]
        x, _, z = self.point(at, t)
        self.put(at, t, GROUND, -1, x, z, self.sun[1].expand_as(t))

    def _poly(self, i: int, poly: Poly) -> None:
        window = self.window(poly.corners)
        if window is None:
            return
        rows, cols = window
        dirs = self.dirs[:, :, rows, cols]
        near = torch.full(dirs.shape[1:], 0.0, dtype=self.dtype, device=self.device)
        far = torch.full_like(near, FAR)
        face = torch.zeros_like(near, dtype=torch.int64)
        bottom = np.array([[0.0, -1.0, 0.0]])
        normals = np.concatenate([poly.normals, bottom])
        offsets = np.concatenate([poly.offsets, [-poly.corners[:, 1].min()]])
        for k, (normal, offset) in enumerate(zip(normals, offsets, strict=True)):
            a, b, c = normal.tolist()
            speed = dirs[0] * a + dirs[1] * b + dirs[2] * c
            gap = torch.as_tensor(offset - self.eyes @ normal, dtype=self.dtype, device=self.device)[:, None, None]
            t = gap / torch.where(speed.abs() < 1e-12, torch.full_like(speed, 1e-12), speed)
            enters = speed < 0
            later = enters & (t > near)
            near = torch.where(later, t, near)
            face = torch.where(later, k, face)
            far = torch.where(enters, far, torch.minimum(far, t))
        index = self.index[:, rows, cols]
        hit = (near < far) & (near > 0.5) & (near < self.depth.view(2, self.h, self.w)[:, rows, cols])
        at, t, face = index[hit], near[hit], face[hit]
        if not len(at):
            return
        x, y, z = self.point(at, t)
        across = torch.from_numpy(np.stack([-normals[:, 2], normals[:, 0]], 1)).to(device=self.device, dtype=self.dtype)
        across = across / across.pow(2).sum(1, keepdim=True).sqrt().clamp(min=1e-9)
        base = poly.corners.mean(0)
        flat = torch.tensor([abs(float(n[1])) > 0.99 for n in normals], device=self.device)[face]
        u = torch.where(flat, x, (x - base[0]) * across[face, 0] + (z - base[2]) * across[face, 1])
        v = torch.where(flat, z, y - float(poly.corners[:, 1].min()))
        lit = (torch.from_numpy(normals @ self.scene.sun).to(u))[face]
        self.put(at, t, torch.tensor([*poly.kinds, poly.kinds[0]], device=self.device)[face], i, u, v, lit)

    def _post(self, i: int, post: Post) -> None:
        r = post.radius
        corners = np.array(
            [[post.x + a * r, y, post.z + b * r] for a in (-1, 1) for b in (-1, 1) for y in (post.low, post.high)]
        )
        window = self.window(corners)
        if window is None:
            return
        rows, cols = window
        dx, dz = self.dirs[0, :, rows, cols], self.dirs[2, :, rows, cols]
        ox, oz = self.origin[0] - post.x, self.origin[2] - post.z
        a, b, c = dx * dx + dz * dz, ox * dx + oz * dz, ox * ox + oz * oz - r * r
        disc = b * b - a * c
        t = (-b - disc.clamp(min=0).sqrt()) / a
        y = self.origin[1] + t * self.dirs[1, :, rows, cols]
        index = self.index[:, rows, cols]
        inside = (disc > 0) & (t > 0.5) & (y > post.low) & (y < post.high)
        hit = inside & (t < self.depth.view(2, self.h, self.w)[:, rows, cols])
        at, t = index[hit], t[hit]
        x, y, z = self.point(at, t)
        nx, nz = (x - post.x) / r, (z - post.z) / r
        self.put(at, t, POST, i, nx * r, y, nx * self.sun[0] + nz * self.sun[2])

    def _card(self, i: int, card: Card) -> None:
        ex, ez = math.cos(card.bearing), -math.sin(card.bearing)
        nx, nz = ez, -ex
        corners = np.array(
            [
                [card.x + s * card.half * ex, y, card.z + s * card.half * ez]
                for s in (-1, 1)
                for y in (card.low, card.high)
            ]
        )
        window = self.window(corners)
        if window is None:
            return
        rows, cols = window
        speed = self.dirs[0, :, rows, cols] * nx + self.dirs[2, :, rows, cols] * nz
        gap = (card.x - self.origin[0]) * nx + (card.z - self.origin[2]) * nz
        t = gap / torch.where(speed.abs() < 1e-9, torch.full_like(speed, 1e-9), speed)
        index = self.index[:, rows, cols]
        y = self.origin[1] + t * self.dirs[1, :, rows, cols]
        hit = (t > 0.5) & (t < self.depth.view(2, self.h, self.w)[:, rows, cols]) & (y > card.low) & (y < card.high)
        at, t = index[hit], t[hit]
        x, y, z = self.point(at, t)
        s = (x - card.x) * ex + (z - card.z) * ez
        keep, lit = self._mask(card, s, y, t / (FOCAL * OVER))
        keep = keep & (s.abs() < card.half)
        self.put(at[keep], t[keep], card.kind, i, s[keep], y[keep], lit[keep])

    def _mask(self, card: Card, s: Tensor, y: Tensor, foot: Tensor) -> tuple[Tensor, Tensor]:
        """Return which points of a card are there, and how brightly the sun lights them."""
        p = card.params
        mid, tall = (card.low + card.high) / 2, (card.high - card.low) / 2
        lit = torch.full_like(
            s,
            abs(math.sin(card.bearing) * self.scene.sun[0] - math.cos(card.bearing) * self.scene.sun[2])
            if self.scene.sun[2] < 0.2
            else 0.0,
        )
        if card.shape == CROWN:
            a, b = s / p[3], (y - p[5]) / p[4]
            rough = sample(0, s + p[6], y + p[6] * 3.1, foot, 0.02)
            fine = sample(1, s - p[6], y, foot, 0.012)
            q = a * a + b * b + 0.32 * rough + 0.11 * fine
            side = a * float(self.scene.sun[0]) + b * float(self.scene.sun[1]) + 0.35 * rough
            return q < 0.92, ((0.26 + 0.38 * side + 0.2 * fine) * p[7]).clamp(0, 1.4)
        if card.shape == BAND:
            hill = sample(0, s * 0.3 + p[6], torch.zeros_like(s) + p[6], foot * 0.3, 0.05)
            top = card.high - p[3] * 0.5 + p[4] * hill
            fine = sample(1, s, y, foot, 0.03)
            return y < top + 0.8 * fine, (0.2 + 0.14 * fine).clamp(0, 1.0) * p[7]
        if card.shape == BARS:
            grid = (s / p[3] - (s / p[3]).floor()) < 0.25
            return grid | (y > card.high - 0.12) | ((y > 0.25) & (y < 0.33)), lit + 0.3
        a, b = s / card.half, (y - mid) / tall
        if card.shape == DISC:
            return a * a + b * b < 1, lit + 0.2
        if card.shape == TRIANGLE:
            return b < 1 - 2 * a.abs(), lit + 0.2
        if card.shape == FIGURE:
            h = y / p[3]
            half = torch.where(h > 0.87, 0.065, torch.where(h > 0.45, 0.14, torch.where((s.abs() < 0.02), 0.0, 0.13)))
            return (s.abs() < half * p[3]) & (h < 1.0), lit + 0.2 + 0.5 * s
        return torch.ones_like(s, dtype=torch.bool), lit + 0.2
