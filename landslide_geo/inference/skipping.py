"""Windows that need no network: nothing to see, outside the area of interest, flat ground, or screened by a filter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslide_geo.errors import ParameterError
from landslide_geo.inference.windows import WindowGrid
from landslide_geo.scene.grid import blocks
from landslide_geo.scene.raster_io import NEAR
from landslide_geo.scene.reader import BandReader
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.terrain import slope_degrees

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

#: Reasons, as `Tally` and ``scan.json`` give them.
NOTHING: Final = "nothing valid"
OUTSIDE: Final = "outside the area of interest"
FLAT: Final = "flat ground"
SCREENED: Final = "screened by the filter"

#: Ground distance over which slopes are judged (m): that of the global elevation models.
_SLOPE_GSD_M = 30.0
#: Side of the blocks in which slopes are computed: bounds the memory, whatever the size of the scene.
_SIDE = 512


@dataclass(frozen=True, eq=False)
class Skips:
    """Windows known beforehand not to need the network, by (row, column) of windows; None for none.

    Attributes:
        outside: windows that do not touch the area of interest: no pixel of theirs gets a value.
        flat: windows on flat ground: their valid pixels get probability 0.
    """

    outside: BoolArray | None = None
    flat: BoolArray | None = None

    def reason(self, row: int, col: int) -> str | None:
        """Why a window is skipped, or None."""
        if self.outside is not None and self.outside[row, col]:
            return OUTSIDE
        if self.flat is not None and self.flat[row, col]:
            return FLAT
        return None


@dataclass(frozen=True)
class Screen:
    """A cheap filter that is asked before the network.

    Attributes:
        filter: (N, C, window, window) float32 as the network gets them → (N,) probabilities that a window holds
            anything.
        threshold: windows below it do not reach the network; their pixels take the filter's probability.
        name: tells filters apart: part of what a resumed scan compares.
    """

    filter: Callable[[FloatArray], FloatArray]
    threshold: float
    name: str = "filter"

    def probabilities(self, batch: FloatArray) -> FloatArray:
        """The filter's answers, (N,) float32.

        Raises:
            ParameterError: the filter returns another shape.
        """
        result = np.asarray(self.filter(batch), dtype=np.float32)
        if result.shape != batch.shape[:1]:
            raise ParameterError(
                f"the filter returned shape {result.shape} for {batch.shape[0]} windows; it must return one "
                "probability for each"
            )
        return result


def outside_aoi(scene: Scene, grid: WindowGrid) -> BoolArray | None:
    """Which windows do not touch the area of interest, (rows, columns) of windows; None without one."""
    if scene.aoi is None:
        return None
    transform = scene.geobox.transform
    rows, cols = np.array(grid.row_starts)[:, None], np.array(grid.col_starts)[None, :]
    # North up, as the grids of scenes are.
    left, top = transform.c + transform.a * cols, transform.f + transform.e * rows
    right, bottom = left + transform.a * grid.window, top + transform.e * grid.window
    shapely.prepare(scene.aoi)
    boxes = shapely.box(*np.broadcast_arrays(left, bottom, right, top))
    outside: BoolArray = ~shapely.intersects(scene.aoi, boxes)
    return outside


def flat_windows(scene: Scene, grid: WindowGrid, limit_deg: float) -> BoolArray | None:
    """Which windows lie on flat ground, with one window of margin so that runout is kept.

    A window counts as flat where the slope over 30 m reaches ``limit_deg`` nowhere in it nor within a window's side
    around it. Where the elevation is not known, ground is not flat.

    Args:
        scene: with a DEM, or the answer is None.
        grid: windows over the scene.
        limit_deg: slope in degrees; 0 or less finds nothing flat.

    Returns:
        (rows, columns) of windows, or None where nothing can be said.
    """
    if scene.elevation is None or limit_deg <= 0:
        return None
    # Whole pixels of the scene per pixel of slope, at least one.
    step = max(round(_SLOPE_GSD_M / scene.resolution[0]), 1)
    box = scene.geobox
    coarse = GeoBox((ceil(scene.height / step), ceil(scene.width / step)), box.affine * Affine.scale(step), box.crs)
    height, width = coarse.shape
    rows = _spans(grid.row_starts, grid.window, step, height)
    cols = _spans(grid.col_starts, grid.window, step, width)
    flat = np.ones((len(rows), len(cols)), dtype=bool)
    with BandReader([scene.elevation], coarse, tolerance=NEAR) as reader:
        for block in blocks(height, width, _SIDE):
            # At the rim of the scene slopes are one-sided.
            wide = block.padded(1).clipped(height, width)
            slope = slope_degrees(reader.read(wide)[0], (coarse.resolution.x, -coarse.resolution.y))
            steep = ~(slope[block.inside(wide)] < limit_deg)  # unknown counts as steep
            flat &= _none(steep, rows - block.row, cols - block.col)
    return flat


def _none(marked: BoolArray, rows: IntArray, cols: IntArray) -> BoolArray:
    """For every pair of a row span and a column span, whether the rectangle holds no marked pixel of an array.

    Args:
        marked: (h, w).
        rows: (m, 2), first row and the one after the last; what lies outside of the array holds nothing.
        cols: (n, 2), likewise.

    Returns:
        (m, n).
    """
    # Marked pixels above and left of each corner: four of them count a rectangle.
    count = np.pad(marked.cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32), ((1, 0), (1, 0)))
    top, bottom = np.clip(rows, 0, marked.shape[0]).T
    left, right = np.clip(cols, 0, marked.shape[1]).T
    strips = count[bottom] - count[top]
    none: BoolArray = strips[:, right] == strips[:, left]
    return none


def _spans(starts: list[int], window: int, step: int, length: int) -> IntArray:
    """First pixel of slope under each window with one window of margin, and the one after the last: (n, 2)."""
    return np.array([(max((s - window) // step, 0), min(ceil((s + 2 * window) / step), length)) for s in starts])
