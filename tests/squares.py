"""Simulated chips for tests of training."""

from __future__ import annotations

import numpy as np

from landslide_geo.chips import store
from landslide_geo.chips.split import Split


def batch(count: int, seed: int, *, landslides: bool = True, size: int = 64, blocks: int = 8, simulated: bool = True):
    """Vegetation of a random brightness with red squares on it; a bright grey square is not a landslide."""
    rng = np.random.default_rng(seed)
    images = rng.normal(60, 6, (count, 3, size, size)) * rng.uniform(0.7, 1.3, (count, 1, 1, 1))
    masks = np.zeros((count, size, size), np.uint8)
    for i in range(count):
        for bare in (True, False):
            row, col = rng.integers(0, size - 20, 2)
            square = np.s_[row : row + 20, col : col + 20]
            if bare and landslides:
                images[i, 0][square] *= 2.2
                masks[i][square] = 1
            elif not bare:
                images[i][:, square[0], square[1]] *= 1.6
                masks[i][square] = 0
                images[i, 0][square] = images[i, 1][square]
    gains = np.array([445.172897, 663.416362, 824.631715])
    values = (np.floor(np.clip(images, 0, 255)) + 0.5) * gains[:, None, None]
    return store.batch(
        values.astype(np.float32), masks, bands=("red", "green", "blue"), units=("digital number",) * 3, gsd_m=10.0,
        crs="", quantum=tuple(gains), simulated=simulated, id=[f"{seed}_{i}" for i in range(count)],
        block=[f"{seed}_{i % blocks}" for i in range(count)], source=["squares"] * count, reason=[""] * count,
    )  # fmt: skip


def chips(count: int, seed: int, **options) -> Split:
    """The same in memory."""
    return Split.of(f"squares {seed}", [batch(count, seed, **options)])
