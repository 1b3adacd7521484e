"""Ground that terrain keeps from the sun: shadow cast by what stands between, beside slopes turned away from it."""

from __future__ import annotations

import math
from types import TracebackType
from typing import Final

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landslide_geo.scene.grid import Block, ground_sample_distance
from landslide_geo.scene.raster_io import open_raster
from landslide_geo.scene.reader import BandReader
from landslide_geo.scene.sources import BandSource
from landslide_geo.scene.sun import SunPosition

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

#: Terrain farther away than this casts no shadow, in metres: 1,400 m of relief at a sun 16° high.
REACH_M: Final = 5000.0
#: Shadows are worked out on cells no finer than this, in metres, whatever the pixels: it bounds the steps of a ray.
FINEST_M: Final = 10.0
#: Stands for unknown elevations, in metres: they hide nothing.
_NOWHERE: Final = np.float32(-1e6)


class CastShadows:
    """Where terrain keeps the sun from a scene's ground, block by block. Not safe to share between threads.

    It is worked out on cells of whole pixels, about as large as those of the elevation model and no finer than
    `FINEST_M`, which are the same whatever block is asked for; between their centres the depth of the shadow is
    interpolated. Terrain beside the scene counts as far as the elevation model reaches.
    """

    def __init__(self, dem: BandSource, geobox: GeoBox, sun: SunPosition) -> None:
        """Open the elevation model.

        Args:
            dem: elevation in metres on any grid.
            geobox: the scene's, square pixels.
            sun: its azimuth against the grid's north.

        Raises:
            SourceNotFoundError, UnreadableRasterError, MissingCRSError: the elevation model cannot be used.
        """
        pixel = abs(geobox.resolution.x)
        with open_raster(dem.path, what="elevation model") as dataset:
            own = math.sqrt(math.prod(ground_sample_distance(GeoBox.from_rio(dataset))))
        self._factor = max(1, round(own / pixel), math.ceil(FINEST_M / pixel))
        self._cell, self._sun = pixel * self._factor, sun
        east, south, step = _ray(sun.azimuth, (self._cell, self._cell))
        steps = math.ceil(REACH_M / step)
        self._margin = math.ceil(abs(east) * steps) + 1, math.ceil(abs(south) * steps) + 1
        self._pad = steps + 4
        rows, cols = (math.ceil(size / self._factor) + 2 * self._pad for size in geobox.shape)
        affine = geobox.transform * Affine.scale(self._factor) * Affine.translation(-self._pad, -self._pad)
        self._toward = east > 0, south > 0
        self._reader = BandReader([dem], GeoBox((rows, cols), affine, geobox.crs))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the elevation model."""
        self._reader.__exit__(kind, error, trace)

    def read(self, block: Block) -> BoolArray:
        """Where a block lies in cast shadow, (h, w); False where its elevation is not known.

        Raises:
            UnreadableRasterError: the elevation model cannot be read at this place.
        """
        factor = self._factor
        top, left = (start // factor - 1 for start in (block.row, block.col))
        bottom = -(-(block.row + block.height) // factor) + 1
        right = -(-(block.col + block.width) // factor) + 1
        cells = Block(top, left, bottom - top, right - left)
        across, along = self._margin
        eastward, southward = self._toward
        row, col = cells.row - (0 if southward else along), cells.col - (0 if eastward else across)
        wide = Block(row, col, cells.height + along, cells.width + across)
        (elevation,) = self._reader.read(Block(wide.row + self._pad, wide.col + self._pad, wide.height, wide.width))
        depth = shadow_depth(
            elevation, (self._cell, self._cell), azimuth=self._sun.azimuth, altitude=self._sun.altitude
        )[cells.inside(wide)]
        return _finer(depth, cells, block, factor) > 0


def shadow_depth(
    elevation: FloatArray, resolution: tuple[float, float], *, azimuth: float, altitude: float, reach: float = REACH_M
) -> FloatArray:
    """How far the ground lies below the lowest ray of the sun that passes the terrain before it, in metres.

    A ray to the sun is followed in steps of one cell along the axis that it lies nearer to, and terrain is interpolated
    between the two cells beside it (Dozier & Frew 1990, "Rapid calculation of terrain parameters for radiation
    modeling from digital elevation data", IEEE TGRS 28: a horizon in the direction of the sun). The earth's curvature,
    2 m within 5 km, is left out.

    Args:
        elevation: (h, w) float32, metres, NaN where unknown, which hides nothing.
        resolution: width and height of a cell in metres.
        azimuth: of the sun, degrees clockwise from north.
        altitude: of the sun above the horizon, degrees.
        reach: how far a ray is followed, metres.

    Returns:
        (h, w) float32: above 0 in the shadow of terrain; in light no lower than minus what a ray rises by in one step.
        A cell depends only on cells within ``reach`` in the direction of the sun. Minus that step, too, where the
        elevation is not known.
    """
    east, south, step = _ray(azimuth, resolution)
    rise = step * math.tan(math.radians(altitude))
    known = np.isfinite(elevation)
    out = np.full(elevation.shape, -abs(rise), dtype=np.float32)
    if not known.any() or altitude >= 90:
        return out
    ground = np.where(known, elevation, _NOWHERE)
    # Farther away nothing stands high enough to hide even the lowest ground from the sun.
    highest = float(elevation[known].max()) - float(elevation[known].min()) + abs(rise)
    lowest_ray = np.full(elevation.shape, _NOWHERE, dtype=np.float32)
    for number in range(1, math.ceil(reach / step) + 1):
        if number * rise > highest:
            break
        _lift(lowest_ray, ground, number * south, number * east, np.float32(number * rise))
    np.subtract(lowest_ray, ground, out=lowest_ray)
    return np.where(known, np.maximum(lowest_ray, out), out)


def _ray(azimuth: float, resolution: tuple[float, float]) -> tuple[float, float, float]:
    """One step towards the sun: columns to the east and rows to the south, the larger of them 1, and metres."""
    east = math.sin(math.radians(azimuth)) / resolution[0]
    south = -math.cos(math.radians(azimuth)) / resolution[1]
    longest = max(abs(east), abs(south))
    return east / longest, south / longest, 1 / longest


def _lift(lowest_ray: FloatArray, ground: FloatArray, south: float, east: float, rise: np.float32) -> None:
    """Raise the lowest ray of each cell to what passes the terrain at one place before it, in place."""
    height, width = ground.shape
    row, col = math.floor(south + 1e-9), math.floor(east + 1e-9)
    down, right = south - row, east - col
    # One of the two is a whole number of cells, but for rounding.
    weight, axis = (right, (0, 1)) if right > down else (down, (1, 0))
    weight = 0.0 if weight < 1e-6 else weight
    far = tuple(offset + (step if weight else 0) for offset, step in zip((row, col), axis, strict=True))
    rows = slice(max(0, -row), min(height, height - far[0]))
    cols = slice(max(0, -col), min(width, width - far[1]))
    if rows.start >= rows.stop or cols.start >= cols.stop:
        return

    def moved(offset: tuple[int, int]) -> FloatArray:
        return ground[rows.start + offset[0] : rows.stop + offset[0], cols.start + offset[1] : cols.stop + offset[1]]

    passed = moved((row, col)) * np.float32(1 - weight)
    if weight:
        passed += moved((far[0], far[1])) * np.float32(weight)
    passed -= rise
    here = lowest_ray[rows, cols]
    np.maximum(here, passed, out=here)


def _finer(values: FloatArray, cells: Block, block: Block, factor: int) -> FloatArray:
    """Values of cells as they are at the centres of pixels, (h, w) of a block, linear between the cells' centres."""
    if factor == 1:
        return values[block.inside(cells)]
    out = values
    for axis, (first, start, count) in enumerate(
        ((cells.row, block.row, block.height), (cells.col, block.col, block.width))
    ):
        place = (np.arange(start, start + count) + 0.5) / factor - 0.5
        before = np.floor(place)
        weight = np.expand_dims((place - before).astype(np.float32), 1 - axis)
        index = (before - first).astype(np.intp)
        out = out.take(index, axis=axis) * (1 - weight) + out.take(index + 1, axis=axis) * weight
    return out
