"""The way down a landslide: its highest and lowest point on the elevation model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from landslide_geo.inventory import terrain
from landslide_geo.scene.raster_io import open_raster

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Points within this share of the relief below the highest (above the lowest) are taken for one crown (toe).
TIE = 0.02
#: Cells of the elevation model held at a time (32 MB of float64), unless one polygon needs more.
MAX_CELLS = 4_000_000


@dataclass(frozen=True)
class Descent:
    """From the highest to the lowest point of each polygon; NaN where the elevation model says nothing."""

    crown_xy: FloatArray  # (n, 2) in the polygons' CRS
    elevation_max: FloatArray  # m
    elevation_min: FloatArray  # m
    length: FloatArray  # m, horizontal


def descents(terrain_raster: Path, polygons: gpd.GeoSeries, *, pixel: float) -> Descent:
    """Highest and lowest points of each polygon, and the horizontal distance between them.

    Extremes are taken from the bilinearly interpolated model at every pixel corner of the outline and at the cell
    centres inside: statistics over whole cells would add up to a cell's width of slope to a small landslide. Of points
    equally high (to `TIE` of the relief) the one nearest to their mean is the crown, likewise the toe, so that a
    straight upper edge has its crown in the middle.

    Args:
        terrain_raster: as `terrain.prepare` writes it.
        polygons: pixel-edge outlines; those next to each other are best near each other.
        pixel: edge of a pixel in metres.
    """
    n = len(polygons)
    crown, toe = np.full((n, 2), np.nan), np.full((n, 2), np.nan)
    high, low = np.full(n, np.nan), np.full(n, np.nan)
    with open_raster(terrain_raster) as source:
        shapes = (polygons if polygons.crs == source.crs else polygons.to_crs(source.crs)).to_numpy()
        factor = source.crs.linear_units_factor[1]
        cells = _cells(source, shapely.bounds(shapes))
        for which in _together(cells):
            part = slice(which[0], which[-1] + 1)
            points, heights, owner = _samples(source, shapes[part], cells[part], step=pixel / factor * 1.0001)
            if heights.size:
                count = part.stop - part.start
                high[part], low[part] = (
                    _most(np.maximum, heights, owner, count),
                    _most(np.minimum, heights, owner, count),
                )
                slack = TIE * (high[part] - low[part])
                crown[part] = _middles(points, owner, heights >= (high[part] - slack)[owner], count)
                toe[part] = _middles(points, owner, heights <= (low[part] + slack)[owner], count)
        length = np.where(high > low, np.hypot(*(crown - toe).T) * factor, np.nan)
        if n and polygons.crs != source.crs:
            known = ~np.isnan(crown[:, 0])
            back = gpd.GeoSeries(shapely.points(crown[known]), crs=source.crs).to_crs(polygons.crs)
            crown[known] = shapely.get_coordinates(back.to_numpy())
    return Descent(crown_xy=crown, elevation_max=high, elevation_min=low, length=length)


def _cells(source: DatasetReader, bounds: FloatArray) -> IntArray:
    """(n, 4) first row and column of the cells around each polygon, and those after the last; all 0 where there are
    too few to interpolate between.
    """
    # The terrain is north-up: `terrain.prepare` refuses anything else.
    t = source.transform
    left, bottom, right, top = np.nan_to_num(bounds, nan=np.inf).T
    with np.errstate(invalid="ignore"):
        edges = np.stack(
            [
                np.maximum(np.trunc((top - t.f) / t.e) - 2, 0),
                np.maximum(np.trunc((left - t.c) / t.a) - 2, 0),
                np.minimum(np.ceil((bottom - t.f) / t.e) + 2, source.height),
                np.minimum(np.ceil((right - t.c) / t.a) + 2, source.width),
            ],
            axis=1,
        )
    enough = (edges[:, 2] - edges[:, 0] >= 2) & (edges[:, 3] - edges[:, 1] >= 2)
    return np.where(enough[:, None], edges, 0).astype(np.int64)


def _together(cells: IntArray) -> Iterator[IntArray]:
    """Numbers of polygons to be measured from one reading, in order; those without cells are left out at the ends."""
    some = np.flatnonzero(cells[:, 2] > cells[:, 0])
    start, around, total = 0, np.zeros(4, dtype=np.int64), 0
    for i, number in enumerate(some):
        row0, col0, row1, col1 = cells[number]
        grown = np.array(
            [min(around[0], row0), min(around[1], col0), max(around[2], row1), max(around[3], col1)]
            if i > start
            else [row0, col0, row1, col1]
        )
        own = (row1 - row0) * (col1 - col0)
        if i > start and max((grown[2] - grown[0]) * (grown[3] - grown[1]), total + own) > MAX_CELLS:
            yield some[start:i]
            start, total, grown = i, 0, cells[number]
        around, total = grown, total + own
    if start < len(some):
        yield some[start:]


def _samples(
    source: DatasetReader, shapes: NDArray[np.object_], cells: IntArray, *, step: float
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Points on outlines, no more than ``step`` apart, and cell centres inside; all that have an elevation.

    Returns:
        Their coordinates (n, 2), elevations and polygons' numbers.
    """
    held = cells[cells[:, 2] > cells[:, 0]]
    row0, col0 = (int(value) for value in held[:, :2].min(axis=0))
    row1, col1 = (int(value) for value in held[:, 2:].max(axis=0))
    elevation = source.read(terrain.ELEVATION, window=Window(col0, row0, col1 - col0, row1 - row0))
    t = source.transform
    outline, on = shapely.get_coordinates(shapely.segmentize(shapes, step), return_index=True)
    centres, inside = _centres(shapes, cells, (t.c, t.a), (t.f, t.e))
    points, owner = np.concatenate([outline, centres]), np.concatenate([on, inside])
    heights = _bilinear(elevation, (points[:, 0] - t.c) / t.a - 0.5, (points[:, 1] - t.f) / t.e - 0.5, (row0, col0))
    known = ~np.isnan(heights)
    return points[known], heights[known], owner[known]


def _centres(
    shapes: NDArray[np.object_], cells: IntArray, x: tuple[float, float], y: tuple[float, float]
) -> tuple[FloatArray, IntArray]:
    """Centres of cells inside polygons, (n, 2), and the polygons' numbers; ``x`` and ``y`` are origin and step."""
    wide, count = cells[:, 3] - cells[:, 1], (cells[:, 3] - cells[:, 1]) * (cells[:, 2] - cells[:, 0])
    owner = np.repeat(np.arange(len(shapes)), count)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    rows, cols = cells[owner, 0] + place // wide[owner], cells[owner, 1] + place % wide[owner]
    points = np.column_stack([x[0] + x[1] * (cols + 0.5), y[0] + y[1] * (rows + 0.5)])
    shapely.prepare(shapes)
    inside = shapely.contains_xy(shapes[owner], points[:, 0], points[:, 1])
    return points[inside], owner[inside]


def _most(extreme: np.ufunc, values: FloatArray, owner: IntArray, count: int) -> FloatArray:
    """The greatest or smallest value of each owner, NaN where it has none."""
    out = np.full(count, np.nan)
    order = np.argsort(owner, kind="stable")
    owners, first = np.unique(owner[order], return_index=True)
    out[owners] = extreme.reduceat(values[order], first)
    return out


def _middles(points: FloatArray, owner: IntArray, chosen: NDArray[np.bool_], count: int) -> FloatArray:
    """Of each owner's chosen points the one nearest to the mean of all, (count, 2), NaN where there is none."""
    points, owner = points[chosen], owner[chosen]
    origin = points.min(axis=0)  # sums of small numbers are exact enough
    number = np.bincount(owner, minlength=count)
    with np.errstate(invalid="ignore"):
        mean = np.column_stack([np.bincount(owner, axis, minlength=count) / number for axis in (points - origin).T])
    distance = np.hypot(*(points - origin - mean[owner]).T)
    order = np.lexsort((distance, owner))
    owners, first = np.unique(owner[order], return_index=True)
    out = np.full((count, 2), np.nan)
    out[owners] = points[order[first]]
    return out


def _bilinear(values: NDArray[np.float32], col: FloatArray, row: FloatArray, first: tuple[int, int]) -> FloatArray:
    """Interpolated values at fractional cell coordinates; linear beyond the outermost centres, NaN next to NaN.

    Coordinates are those of the whole raster, so that rounding does not depend on the part that was read, whose first
    row and column are ``first``.
    """
    rows, cols = values.shape
    c = np.clip(np.floor(col).astype(int), first[1], first[1] + cols - 2)
    r = np.clip(np.floor(row).astype(int), first[0], first[0] + rows - 2)
    fc, fr = col - c, row - r
    z = values.astype(np.float64)
    r, c = r - first[0], c - first[1]
    top = z[r, c] * (1 - fc) + z[r, c + 1] * fc
    bottom = z[r + 1, c] * (1 - fc) + z[r + 1, c + 1] * fc
    inside = (fc > -1) & (fc < 2) & (fr > -1) & (fr < 2)  # no extrapolation further than a cell
    return np.where(inside, top * (1 - fr) + bottom * fr, np.nan)
