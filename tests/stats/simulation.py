"""Simulated boards whose truth is known: two codecs, pictures in scenes, one metric a direction.

``python tests/stats/simulation.py``, with the checkout on the path, prints the coverage of every kind of interval at
several numbers of scenes, 2,000 trials each (about four minutes).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from bench.stats.bd import bd_many
from bench.stats.bootstrap import draw_scenes, estimate, resample

RATES = np.array([0.04, 0.08, 0.15, 0.25, 0.4])
KINDS = ("mean", "difference", "bd_rate", "bd_quality")


@dataclass
class World:
    """How pictures differ: scenes of 1 to 5 pictures, dB and bits skewed by scene and by picture."""

    scene_sd: float = 2.5
    item_sd: float = 1.0

    def draw(self, rng: np.random.Generator, scenes: int) -> tuple[np.ndarray, np.ndarray]:
        """Sums over the items of each scene: counts ``(G, 1)`` and ``(G, 2 codecs, 5 rates, [bits, dB])``."""
        count = 1 + rng.binomial(4, 0.15, scenes)
        owner = np.repeat(np.arange(scenes), count)
        n = len(owner)
        # Hard scenes cost more bits and give fewer dB; both codecs see the same pictures. A gamma is skewed.
        scene = self.scene_sd * (rng.gamma(4.0, 1.0, scenes) - 4.0) / 2.0
        hard = scene[owner] + self.item_sd * rng.normal(size=n)
        like = 0.3 * rng.normal(size=scenes)[owner] + 0.2 * rng.normal(size=n)
        curve = 26.0 + 2.2 * np.log2(RATES / 0.1)
        out = np.empty((n, 2, 5, 2))
        for codec in range(2):
            gain = codec * (0.8 + like + 0.2 * rng.normal(size=n))
            noise = 0.15 * rng.normal(size=(n, 5))
            out[:, codec, :, 0] = RATES * np.exp(0.12 * hard[:, None] + 0.05 * rng.normal(size=(n, 5)))
            out[:, codec, :, 1] = curve - hard[:, None] + gain[:, None] + noise
        sums = np.zeros((scenes, 2, 5, 2))
        np.add.at(sums, owner, out)
        return count[:, None].astype(float), sums


def statistics(count: np.ndarray, sums: np.ndarray) -> dict[str, np.ndarray]:
    """The four numbers from resampled sums, count ``(B,)`` and sums ``(2, 5, 2, B)``."""
    mean = sums / count
    rate, quality = mean[:, :, 0], mean[:, :, 1]
    return {
        "mean": quality[0, 2],
        "difference": quality[1, 2] - quality[0, 2],
        "bd_rate": bd_many(rate[0], quality[0], rate[1], quality[1]),
        "bd_quality": bd_many(rate[0], quality[0], rate[1], quality[1], percent=False),
    }


def truth(world: World) -> dict[str, float]:
    """The numbers of a set without end."""
    count, sums = world.draw(np.random.default_rng(1), 300_000)
    whole = statistics(count.sum(0), sums.sum(0)[..., None])
    return {name: float(value[0]) for name, value in whole.items()}


def coverage(scenes: int, trials: int, replicates: int = 1000, seed: int = 0) -> dict[str, float]:
    """Share of trials whose 95 % interval holds the truth, by kind."""
    world = World()
    true = truth(world)
    rng = np.random.default_rng(seed)
    hits = dict.fromkeys(KINDS, 0)
    for trial in range(trials):
        count, sums = world.draw(rng, scenes)
        draws = draw_scenes(scenes, replicates, seed=seed * trials + trial)
        flat = resample(draws, np.concatenate([count, sums.reshape(scenes, -1)], axis=1))
        found = statistics(flat[0], flat[1:].reshape(2, 5, 2, replicates))
        whole = statistics(count.sum(0), sums.sum(0)[..., None])
        for kind in KINDS:
            interval = estimate(float(whole[kind][0]), found[kind], scenes)
            hits[kind] += interval.low <= true[kind] <= interval.high
    return {kind: hit / trials for kind, hit in hits.items()}


if __name__ == "__main__":
    for number in (8, 16, 42, 100):
        shares = coverage(number, 2000)
        sys.stdout.write(f"{number} scenes: " + ", ".join(f"{k} {v:.1%}" for k, v in shares.items()) + "\n")
