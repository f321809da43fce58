"""``render(seeds)``: procedural stereo pairs of streets, with disparity, class labels and a caption."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.data.synthdrive import ground, street
from bench.data.synthdrive.noise import Draw
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
from bench.data.synthdrive.shade import Shade
from bench.data.synthdrive.trace import BASELINE, FOCAL, HEIGHT, OVER, WIDTH, Hits, Tracer

CLASSES = ("sky", "road", "sidewalk", "terrain", "building", "wall", "vehicle", "pole", "sign", "vegetation", "person")
_CLASS = {
    SKY: 0,
    FACADE: 4,
    ROOF: 4,
    WALL: 5,
    PAINT: 6,
    GLASS: 6,
    WHEELS: 6,
    POST: 7,
    SIGN: 8,
    LEAVES: 9,
    HEDGE: 9,
    CLOTH: 10,
}


@dataclass(frozen=True)
class Rendered:
    """Rendered pairs.

    Attributes:
        left, right: uint8 (n, 3, 128, 256).
        disparity, disparity_right: float32 (n, 128, 256), pixels, ≥ 0: a point at column c of the left view lies at
            c − d in the right one; 0 for the sky. Read at each pixel's upper left sub-sample.
        labels, labels_right: uint8 (n, 128, 256), indices into ``CLASSES``.
        captions: One sentence a pair.
    """

    left: Tensor
    right: Tensor
    disparity: Tensor
    disparity_right: Tensor
    labels: Tensor
    labels_right: Tensor
    captions: list[str]


def render(
    seeds: Sequence[int],
    dtype: torch.dtype = torch.float64,
    device: str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> Rendered:
    """Render one pair a seed; a seed gives the same pair in whatever company it is rendered.

    Args:
        seeds: Non-negative integers.
        dtype: float64 (val and test, whose bytes are fixed) or float32 (training).
        device: Where to compute; results are on the CPU.
        progress: Called with the number of pairs done.
    """
    views, disparities, labels, captions = [], [], [], []
    for done, seed in enumerate(seeds, 1):
        scene = street.build(seed)
        with torch.no_grad():
            hits = Tracer(scene, device, dtype).run()
            views.append(_expose(scene, Shade(scene, hits).run(), seed).cpu())
            disparities.append(_first(FOCAL * BASELINE / hits.depth).float().cpu())
            labels.append(_first(_labels(scene, hits)).to(torch.uint8).cpu())
        captions.append(caption(scene))
        if progress is not None:
            progress(done)
    pixels, shift, classes = torch.stack(views), torch.stack(disparities), torch.stack(labels)
    shift = torch.where(shift < 0.01, torch.zeros_like(shift), shift)
    return Rendered(pixels[:, 0], pixels[:, 1], shift[:, 0], shift[:, 1], classes[:, 0], classes[:, 1], captions)


def _first(x: Tensor) -> Tensor:
    """Return the upper left sub-sample of each pixel, (2, 128, 256)."""
    return x.view(2, HEIGHT * OVER, WIDTH * OVER)[:, ::OVER, ::OVER]


def _labels(scene: Scene, hits: Hits) -> Tensor:
    table = torch.zeros(max(_CLASS) + 1, dtype=torch.int64, device=hits.kind.device)
    for kind, label in _CLASS.items():
        table[kind] = label
    return torch.where(hits.kind == GROUND, ground.zones(scene, hits.u) + 1, table[hits.kind])


def _expose(scene: Scene, radiance: Tensor, seed: int) -> Tensor:
    """Turn radiance (n,3) into two pictures (2,3,128,256) uint8: average, expose, add sensor noise, gamma, round."""
    draw = Draw(2, seed)
    grid = radiance.T.reshape(3, 2, HEIGHT, OVER, WIDTH, OVER).permute(1, 0, 2, 4, 3, 5)
    light = grid.clamp(max=6.0).flatten(-2).mean(-1)
    gains = [[draw(0.98, 1.02) * tone for tone in (draw(0.99, 1.01), 1.0, draw(0.99, 1.01))] for _ in range(2)]
    light = light * scene.exposure * 0.62 * light.new_tensor(gains)[:, :, None, None]
    light = _soften(_soften(light, -1), -2).clamp(0, 1.0)
    curve = torch.sqrt(light) * (1.02 - 0.02 * light)  # close to a display curve, and exact on every machine
    noise = torch.from_numpy(draw.bell(2 * 3 * HEIGHT * WIDTH).reshape(2, 3, HEIGHT, WIDTH)).to(curve)
    level = curve * 255.0 + noise * draw(0.5, 1.1)
    return (level + 0.5).floor().clamp(0, 255).to(torch.uint8)


def _soften(light: Tensor, dim: int) -> Tensor:
    """Blur by (1, 4, 1) / 6 along one axis: what lens and the triangle filter of a resize do to real pictures."""
    n = light.shape[dim]
    before = torch.cat([light.narrow(dim, 0, 1), light.narrow(dim, 0, n - 1)], dim)
    after = torch.cat([light.narrow(dim, 1, n - 1), light.narrow(dim, n - 1, 1)], dim)
    return (before + 4 * light + after) / 6


def caption(scene: Scene) -> str:
    """Return a sentence about the scene."""
    names = [("car", "cars"), ("tree", "trees"), ("building", "buildings"), ("person", "people"), ("sign", "signs")]
    parts = []
    for one, many in names:
        n = scene.counts.get(one, 0)
        if n:
            parts.append(f"a {one}" if n == 1 else f"{'a few' if n < 5 else 'many'} {many}")
    things = ", ".join(parts) if parts else "nothing on it"
    return f"{'An' if scene.weather == 'overcast' else 'A'} {scene.weather} {scene.kind} with {things}."
