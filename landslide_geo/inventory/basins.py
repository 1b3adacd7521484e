"""Which lows of the ground count: basins of an object, parted by the depth below their passes.

Toes and crowns are one question, asked of the elevation and of its negative.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import local_minima
from skimage.segmentation import watershed

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int32]

#: Least height in metres from a toe up to the divide, or from a crown down to the saddle. Elevations of global models
#: scatter by about 5 m, so a difference of two by 7 m; this is twice that.
HEIGHT_M: Final = 15.0
#: Least share of that height in the relief of either part: landslides that meet lower down have one toe.
SHARE: Final = 0.3


def basins(elevation: FloatArray, inside: BoolArray, *, least: int) -> tuple[IntArray, int]:
    """Part the pixels of an object by the low they drain to, of those deep and large enough to count.

    Watershed of all local minima, then basins are joined over their lowest pass, the lowest of all first, until each
    two that are left and touch have, on both sides of their pass, a depth of `HEIGHT_M` and of `SHARE` of the basin's
    relief, and ``least`` pixels.

    Args:
        elevation: (h, w) metres, finite inside; of the negative, basins are what drains away from a crown.
        inside: (h, w) the object's pixels, which hang together by their edges.
        least: pixels.

    Returns:
        (h, w) labels from 1, 0 outside, numbered by their first pixel; and how many there are.
    """
    lows, count = ndimage.label(local_minima(np.where(inside, elevation, np.inf), connectivity=1) & inside)
    if count < 2:
        return inside.astype(np.int32), int(inside.any())
    labels = watershed(elevation, lows, mask=inside, connectivity=1)
    owner = _joined(labels, elevation, int(count), least)
    kept = owner[labels]
    _, first = np.unique(kept[inside], return_index=True)
    ids = kept[inside][np.sort(first)]
    number = np.zeros(count + 1, dtype=np.int32)
    number[ids] = np.arange(1, len(ids) + 1)
    return number[kept], len(ids)


def _joined(labels: IntArray, elevation: FloatArray, count: int, least: int) -> IntArray:
    """(count + 1,) which basin each belongs to in the end."""
    pixels = np.bincount(labels.ravel(), minlength=count + 1)
    low, high = np.full(count + 1, np.inf), np.full(count + 1, -np.inf)
    np.minimum.at(low, labels.ravel(), elevation.ravel())
    np.maximum.at(high, labels.ravel(), elevation.ravel())
    passes = _passes(labels, elevation)
    owner = np.arange(count + 1, dtype=np.int32)

    def root(basin: int) -> int:
        while owner[basin] != basin:
            owner[basin] = owner[owner[basin]]
            basin = int(owner[basin])
        return basin

    def counts(basin: int, height: float) -> bool:
        depth = height - low[basin]
        return bool(pixels[basin] >= least and depth >= max(HEIGHT_M, SHARE * (high[basin] - low[basin])))

    changed = True
    while changed:
        changed = False
        for height, one, other in passes:
            a, b = root(one), root(other)
            if a == b or (counts(a, height) and counts(b, height)):
                continue
            owner[b] = a
            pixels[a] += pixels[b]
            low[a], high[a] = min(low[a], low[b]), max(high[a], high[b])
            changed = True
    return np.array([root(basin) for basin in range(count + 1)], dtype=np.int32)


def _passes(labels: IntArray, elevation: FloatArray) -> list[tuple[float, int, int]]:
    """The lowest way from each basin to each that it touches: its height and both labels, lowest first."""
    heights, pairs = [], []
    for here, there in (
        ((slice(1, None),), (slice(None, -1),)),
        ((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
    ):
        a, b = labels[here], labels[there]
        apart = (a != b) & (a > 0) & (b > 0)
        heights.append(np.maximum(elevation[here], elevation[there])[apart])
        pairs.append(np.sort(np.stack([a[apart], b[apart]]), axis=0))
    height, pair = np.concatenate(heights), np.concatenate(pairs, axis=1)
    order = np.lexsort((pair[1], pair[0], height))
    height, pair = height[order], pair[:, order]
    _, first = np.unique(pair, axis=1, return_index=True)
    return [(float(height[i]), int(pair[0, i]), int(pair[1, i])) for i in np.sort(first)]
