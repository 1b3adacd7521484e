"""Shadows of clouds, told by where the sun throws them: for reflectance that came without a classification.

Clouds, and ground that is dark in near infrared, are gathered on cells over the whole scene. Each cloud is moved away
from the sun by what clouds of all heights would be; the height at which it lies on dark ground best is taken, as Fmask
does (Zhu & Woodcock 2012, "Object-based cloud and cloud shadow detection in Landsat imagery", Remote Sensing of
Environment 118, section 3.2.2). Dark pixels there are its shadow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from landslide_geo.parallel import in_order
from landslide_geo.scene.grid import Block, blocks
from landslide_geo.scene.visibility import DARK_NIR, Visibility

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]

#: Heights of clouds above ground that are tried, in metres.
LOWEST_M: Final = 200.0
HIGHEST_M: Final = 10_000.0
#: Side of the cells that clouds are moved on, in metres.
CELL_M: Final = 90.0
#: Share of a cloud's ground that must be dark at the best height, and by how much that must exceed the least share at
#: any height: where all ground is dark, nothing tells which of it is shaded. Fmask takes 0.3 and has temperatures to
#: narrow heights down; with that much, roads and ponds pass for shadows of roofs that passed for clouds.
_ALIKE: Final = 0.5
#: Share of a cloud that must fall onto ground that is seen for a height to count.
_SEEN: Final = 0.25
#: Cells around a moved cloud in which shadow is looked for: heights are tried in steps, and sensors look aslant.
_AROUND: Final = 2
#: Pixels along a side of what is read at a time, about, and how many such parts are read at once.
_PART: Final = 512
_THREADS: Final = 2


def cell_size(pixel: float) -> int:
    """Pixels along a side of a cell, for pixels of so many metres."""
    return max(1, round(CELL_M / pixel))


def share_of_cells(mask: BoolArray, size: int) -> NDArray[np.int64]:
    """How many pixels of each cell are marked.

    Args:
        mask: (h, w), whose first pixel is the first one of a cell; the last cells may be cut.
        size: pixels along a side of a cell.
    """
    starts = [np.arange(0, length, size) for length in mask.shape]
    return np.add.reduceat(np.add.reduceat(mask.astype(np.int64), starts[0], axis=0), starts[1], axis=1)


def thrown(
    cloud: BoolArray, dark: BoolArray, ground: BoolArray, *, cell: float, azimuth: float, altitude: float
) -> BoolArray:
    """Where clouds throw shadows, by the height at which each lies on dark ground best.

    Args:
        cloud: (h, w), cells that are cloud, its rim included.
        dark: (h, w), cells of ground that may be shaded.
        ground: (h, w), cells whose ground is seen: no clouds, and no cells without values.
        cell: side of a cell in metres.
        azimuth: of the sun, degrees clockwise from the grid's north.
        altitude: of the sun above the horizon, degrees.

    Returns:
        (h, w), cells in which dark pixels are shadow. Clouds of less than three cells a side throw none, and those
        whose shadow cannot be told from other dark ground.
    """
    out = np.zeros_like(cloud)
    # Clouds were grown by about a cell, which their shadows were not.
    core = ndimage.binary_erosion(cloud, np.ones((3, 3)), border_value=1)
    if altitude <= 0 or altitude >= 90 or not core.any():
        return out
    labels, count = ndimage.label(core, np.ones((3, 3)))
    rows, cols = np.nonzero(labels)
    order = np.argsort(labels[rows, cols], kind="stable")  # so that what lies under one cloud is added up at once
    rows, cols = rows[order], cols[order]
    starts = np.flatnonzero(np.diff(labels[rows, cols], prepend=0))
    sizes = np.diff(starts, append=rows.size)
    per_cell = 1 / math.tan(math.radians(altitude)) / cell
    away = np.arange(LOWEST_M * per_cell, HIGHEST_M * per_cell + 1)
    south, east = math.cos(math.radians(azimuth)), -math.sin(math.radians(azimuth))
    moves = np.unique(np.round(np.outer(away, [south, east])).astype(int), axis=0)
    moves = moves[np.argsort(np.hypot(*moves.T), kind="stable")]  # the lowest clouds first: of equal heights they count
    # Beyond the scene nothing is seen: with a rim as wide as the farthest move no place needs to be looked at first.
    rim = int(np.abs(moves).max())
    wide = np.pad(ground.astype(np.uint8) + 2 * (ground & dark), rim).astype(np.uint8)
    places, width = (rows + rim) * wide.shape[1] + cols + rim, wide.shape[1]
    # The height with most dark cells: near by, a shadow is half hidden by its cloud, and what is left of it all dark.
    most, best, least, chosen = np.zeros(count), np.zeros(count), np.ones(count), np.zeros(count, dtype=int)
    for number, (down, right) in enumerate(moves):
        under = wide.ravel()[places + (down * width + right)]
        seen, shaded = (np.add.reduceat(under >= level, starts, dtype=np.int64) for level in (1, 3))
        counts = seen >= np.maximum(_SEEN * sizes, 1)
        alike = np.where(counts, shaded / np.maximum(seen, 1), 0)
        better = (alike >= _ALIKE) & (shaded > most)
        most[better], best[better], chosen[better] = shaded[better], alike[better], number
        least = np.where(counts, np.minimum(least, alike), least)
    found = np.repeat(best - least >= _ALIKE, sizes)
    moved = moves[np.repeat(chosen, sizes)]
    row, col = (rows + moved[:, 0])[found], (cols + moved[:, 1])[found]
    inside = (row >= 0) & (row < cloud.shape[0]) & (col >= 0) & (col < cloud.shape[1])
    out[row[inside], col[inside]] = True
    return ndimage.binary_dilation(out, np.ones((3, 3)), iterations=_AROUND) if out.any() else out


def thrown_over(
    judged: Callable[[Block], tuple[FloatArray, ByteArray]],
    height: int,
    width: int,
    *,
    pixel: float,
    azimuth: float,
    altitude: float,
) -> BoolArray:
    """`thrown` for a whole scene, read once, part by part.

    A cell is cloud, or dark, or seen, where half of its pixels are.

    Args:
        judged: gives the reflectance in near infrared, 0–1, and the `Visibility` codes of a block, both (h, w), without
            regard to shadows of clouds; called by several threads.
        height: of the scene in pixels.
        width: likewise.
        pixel: size of a pixel in metres.
        azimuth: of the sun, as in `thrown`.
        altitude: likewise.

    Returns:
        (rows, columns) of the cells of `cell_size` pixels a side, from the scene's first pixel on.
    """
    size = cell_size(pixel)

    def cells(part: Block) -> tuple[Block, list[BoolArray]]:
        pixels = Block(*(size * at for at in (part.row, part.col, part.height, part.width)))
        nir, codes = judged(pixels.clipped(height, width))
        dark = (codes == Visibility.CLEAR) & (nir < DARK_NIR)
        half = share_of_cells(np.ones(codes.shape, dtype=bool), size) / 2
        return part, [
            share_of_cells(mask, size) >= half for mask in (codes == Visibility.CLOUD, dark, codes != Visibility.NODATA)
        ]

    cloud, dark, seen = np.zeros((3, math.ceil(height / size), math.ceil(width / size)), dtype=bool)
    parts = blocks(cloud.shape[0], cloud.shape[1], max(1, _PART // size))
    for part, (clouds, darks, seens) in in_order(cells, parts, threads=_THREADS):
        cloud[part.slices], dark[part.slices], seen[part.slices] = clouds, darks, seens
    return thrown(cloud, dark, seen & ~cloud, cell=size * pixel, azimuth=azimuth, altitude=altitude)


def on_pixels(cells: BoolArray, block: Block, size: int) -> BoolArray:
    """Which pixels of a block lie in marked cells, (h, w); none beyond the cells."""
    out = np.zeros(block.shape, dtype=bool)
    row, col = (
        np.arange(start, start + count) // size
        for start, count in ((block.row, block.height), (block.col, block.width))
    )
    rows, cols = ((index >= 0) & (index < length) for index, length in zip((row, col), cells.shape, strict=True))
    out[np.ix_(rows, cols)] = cells[np.ix_(row[rows], col[cols])]
    return out
