"""Random draws that no library version can change, and the tiles of fractal noise that the textures read."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

SIZE = 512
LEVELS = 8
REVISION = 1


class Draw:
    """Uniform numbers from PCG64's raw stream: numpy promises that stream, not its distributions' algorithms."""

    def __init__(self, *key: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence([0x53594E54, REVISION, *key]))

    def array(self, n: int) -> npt.NDArray[np.float64]:
        """Return ``n`` float64 numbers in [0, 1), multiples of 2^-53."""
        return np.asarray(self._bits.random_raw(n) >> np.uint64(11), dtype=np.float64) * 2.0**-53

    def bell(self, n: int) -> npt.NDArray[np.float64]:
        """Return ``n`` nearly normal numbers of variance 1: the sum of a raw word's four 16-bit parts."""
        raw = np.asarray(self._bits.random_raw(n), dtype=np.uint64)
        parts = sum(((raw >> np.uint64(s)) & np.uint64(0xFFFF)).astype(np.float64) for s in (0, 16, 32, 48))
        return np.asarray((parts / 65535.0 - 2.0) * math.sqrt(3.0), dtype=np.float64)

    def __call__(self, low: float = 0.0, high: float = 1.0) -> float:
        """Return one number in [low, high)."""
        return low + (high - low) * float(self.array(1)[0])

    def chance(self, p: float) -> bool:
        """Return True with probability ``p``."""
        return self() < p

    def pick(self, n: int) -> int:
        """Return an integer in 0 … n − 1."""
        return int(self() * n)


def _tile(exponent: float, key: int) -> npt.NDArray[np.float64]:
    """Return a periodic (512, 512) tile of unit variance whose amplitude spectrum falls as 1/f^exponent."""
    white = Draw(7, key).array(SIZE * SIZE).reshape(SIZE, SIZE) - 0.5
    f = np.fft.fftfreq(SIZE) * SIZE
    radius = np.maximum(np.hypot(f[:, None], f[None, :]), 2.0)
    tile = np.fft.ifft2(np.fft.fft2(white) * radius**-exponent).real
    tile = (tile - tile.mean()) / tile.std()
    return np.asarray(np.round(tile * 65536.0) / 65536.0)  # rounded, so that the FFT's last bits are nobody's business


@lru_cache(maxsize=8)
def _table(device: str, dtype: torch.dtype) -> Tensor:
    """Return the flat mip pyramids of both tiles, (2, sum of level sizes)."""
    rows = []
    for key, exponent in enumerate((1.3, 0.95)):
        level, flat = _tile(exponent, key), []
        for _ in range(LEVELS):
            flat.append(level.ravel())
            level = (level[::2, ::2] + level[1::2, ::2] + level[::2, 1::2] + level[1::2, 1::2]) / 4.0
        rows.append(np.concatenate(flat))
    return torch.from_numpy(np.stack(rows)).to(device=device, dtype=dtype)


def sample(tile: int, u: Tensor, v: Tensor, footprint: Tensor | float, texel: float) -> Tensor:
    """Read fractal noise at surface coordinates, band-limited to the footprint of a ray.

    Args:
        tile: 0 for 1/f noise (plaster, asphalt, clouds), 1 for the finer one (leaves, grass).
        u: Surface coordinate in metres, any shape.
        v: The other one, of the same shape.
        footprint: Width of a ray's footprint on the surface, in metres.
        texel: Width of a texel of the finest level, in metres; the tile repeats every 512 of them.

    Returns:
        Noise of the shape of ``u``, zero mean, unit variance at the finest level.
    """
    table = _table(str(u.device), u.dtype)[tile]
    foot = torch.as_tensor(footprint, dtype=u.dtype, device=u.device)
    level = torch.log2(foot / texel + 1e-6).round().clamp(0, LEVELS - 1).to(torch.int64).expand(u.shape)
    scale = torch.tensor([0.5**k / texel for k in range(LEVELS)], dtype=u.dtype, device=u.device)[level]
    size = torch.full_like(level, SIZE) >> level
    # Levels lie one after the other: level l begins at 512² · (1 + 1/4 + … ) = (4·512² − 4·size²) / 3.
    offset = torch.div(4 * (SIZE * SIZE - size * size), 3, rounding_mode="floor")
    x, y = u * scale, v * scale
    xf, yf = x.floor(), y.floor()
    fx, fy = x - xf, y - yf
    mask = size - 1
    i0, j0 = xf.to(torch.int64) & mask, yf.to(torch.int64) & mask
    i1 = (i0 + 1) & mask
    r0, r1 = offset + j0 * size, offset + ((j0 + 1) & mask) * size
    top = table.take(r0 + i0) * (1 - fx) + table.take(r0 + i1) * fx
    bottom = table.take(r1 + i0) * (1 - fx) + table.take(r1 + i1) * fx
    return top * (1 - fy) + bottom * fy
