"""Polygons measured on rasters: zonal statistics, what could be seen around them, highest and lowest points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from exactextract import exact_extract
from exactextract.raster import RasterioRasterSource
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window, from_bounds

from landslide_geo.inventory import terrain
from landslide_geo.scene.raster_io import open_raster
from landslide_geo.scene.visibility import Visibility

#: Cells exactextract reads at a time (16 MB of float32). It goes through the raster once, part by part, which is three
#: times faster than a read per polygon.
MAX_CELLS = 4_000_000
#: Rim in pixels around an outline within which hidden ground may hide more of the same landslide.
RIM_PIXELS = 3
#: Points within this share of the relief below the highest (above the lowest) are taken for one crown (toe).
TIE = 0.02

_VALID_CODES = [code.value for code in Visibility if code.valid]

Operation = str | Callable[[NDArray, NDArray], float]


def zonal(
    raster: Path, polygons: gpd.GeoSeries, operations: Sequence[Operation], *, band: int = 1
) -> NDArray[np.float64]:
    """Statistics of one band within each polygon, every pixel weighted by the share of it that is covered.

    Args:
        raster: any grid; polygons in another CRS are reprojected to it, never the raster.
        polygons: outlines; geometries may be empty.
        operations: names that exactextract knows, or functions of (values, coverage).
        band: 1-based.

    Returns:
        Shape (polygons, operations); NaN where a polygon meets no value.
    """
    with open_raster(raster) as source:
        vector = gpd.GeoDataFrame(geometry=polygons.reset_index(drop=True))
        if vector.crs != source.crs:
            vector = vector.to_crs(source.crs)
        if vector.empty:
            return np.empty((0, len(operations)))
        table = exact_extract(
            RasterioRasterSource(source, band), vector, list(operations), output="pandas", strategy="raster-sequential",
            max_cells_in_memory=MAX_CELLS,
        )  # fmt: skip
    return np.asarray(table.to_numpy(dtype=np.float64, na_value=np.nan))


def p90(values: NDArray, coverage: NDArray) -> float:
    """The value that nine tenths of the covered area do not exceed; an operation for `zonal`."""
    return _quantile(values, coverage, 0.9)


def median(values: NDArray, coverage: NDArray) -> float:
    """The value that half the covered area does not exceed; an operation for `zonal`."""
    return _quantile(values, coverage, 0.5)


def _quantile(values: NDArray, coverage: NDArray, q: float) -> float:
    """Weighted quantile by the inverse of the distribution.

    exactextract's own ``quantile`` interpolates between distinct values however often they occur, so that of 0.3 on
    nine tenths and −1 on the rest it makes a median of −0.35.
    """
    known = np.ma.filled(values, np.nan).astype(np.float64)
    finite = np.isfinite(known)
    if not finite.any():
        return float("nan")
    order = np.argsort(known[finite], kind="stable")
    weight = np.cumsum(coverage[finite][order])
    # A rounding error in the sum must not push the quantile to the next value.
    return float(known[finite][order][np.searchsorted(weight, q * weight[-1] * (1 - 1e-12))])


def seen(visibility: Path, polygons: gpd.GeoSeries, *, pixel: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """How much of each polygon and its surroundings could be seen, and whether it borders on the end of the data.

    Args:
        visibility: uint8 codes of `Visibility`, on the polygons' grid.
        polygons: pixel-edge outlines.
        pixel: edge of a pixel in metres.

    Returns:
        The clear or water share (0–1) of the outline grown by `RIM_PIXELS`, and whether no-data pixels or the raster's
        rim lie next to the outline. Ground beyond the raster counts as not seen.
    """
    rim = polygons.buffer(RIM_PIXELS * pixel, join_style="mitre")
    near = polygons.buffer(pixel / 2, join_style="mitre")
    cell = pixel * pixel
    valid = zonal(visibility, rim, [_valid_cells])
    data = zonal(visibility, near, [_data_cells])
    fraction = np.nan_to_num(valid[:, 0]) * cell / rim.area.to_numpy()
    known = np.nan_to_num(data[:, 0]) * cell
    return np.clip(fraction, 0, 1), known < near.area.to_numpy() - 0.01 * cell


def _valid_cells(values: NDArray, coverage: NDArray) -> float:
    codes = np.ma.filled(values, Visibility.NODATA.value)
    return float(coverage[np.isin(codes, _VALID_CODES)].sum())


def _data_cells(values: NDArray, coverage: NDArray) -> float:
    return float(coverage[np.ma.filled(values, Visibility.NODATA.value) != Visibility.NODATA.value].sum())


@dataclass(frozen=True)
class Descent:
    """From the highest to the lowest point of each polygon; NaN where the elevation model says nothing."""

    crown_xy: NDArray[np.float64]  # (n, 2) in the polygons' CRS
    elevation_max: NDArray[np.float64]  # m
    elevation_min: NDArray[np.float64]  # m
    length: NDArray[np.float64]  # m, horizontal


def descents(terrain_raster: Path, polygons: gpd.GeoSeries, *, pixel: float) -> Descent:
    """Highest and lowest points of each polygon, and the horizontal distance between them.

    Extremes are taken from the bilinearly interpolated model at every pixel corner of the outline and at the cell
    centres inside: statistics over whole cells would add up to a cell's width of slope to a small landslide. Of points
    equally high (to `TIE` of the relief) the one nearest to their mean is the crown, likewise the toe, so that a
    straight upper edge has its crown in the middle.

    Args:
        terrain_raster: as `terrain.prepare` writes it.
        polygons: pixel-edge outlines.
        pixel: edge of a pixel in metres.
    """
    n = len(polygons)
    crown = np.full((n, 2), np.nan)
    high, low, length = (np.full(n, np.nan) for _ in range(3))
    with open_raster(terrain_raster) as source:
        shapes = polygons if polygons.crs == source.crs else polygons.to_crs(source.crs)
        factor = source.crs.linear_units_factor[1]
        for i, shape in enumerate(shapes):
            points, heights = _samples(source, shape, pixel / factor)
            if heights.size == 0:
                continue
            high[i], low[i] = heights.max(), heights.min()
            slack = TIE * (high[i] - low[i])
            crown[i] = _middle(points[heights >= high[i] - slack])
            toe = _middle(points[heights <= low[i] + slack])
            if high[i] > low[i]:
                length[i] = np.hypot(*(crown[i] - toe)) * factor
        if n and polygons.crs != source.crs:
            known = ~np.isnan(crown[:, 0])
            back = gpd.GeoSeries(shapely.points(crown[known]), crs=source.crs).to_crs(polygons.crs)
            crown[known] = shapely.get_coordinates(back.to_numpy())
    return Descent(crown_xy=crown, elevation_max=high, elevation_min=low, length=length)


def _middle(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The point nearest to the mean of all."""
    distance = np.hypot(*(points - points.mean(axis=0)).T)
    return np.asarray(points[distance.argmin()])


def _samples(
    source: DatasetReader, shape: shapely.Geometry, step: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points on the outline and cell centres inside, with interpolated elevations; points without one are left out."""
    bounds = shapely.bounds(shape)
    near = from_bounds(*bounds, transform=source.transform)
    col0, row0 = max(int(near.col_off) - 2, 0), max(int(near.row_off) - 2, 0)
    col1 = min(int(np.ceil(near.col_off + near.width)) + 2, source.width)
    row1 = min(int(np.ceil(near.row_off + near.height)) + 2, source.height)
    nothing = np.empty((0, 2)), np.empty(0)
    if col1 - col0 < 2 or row1 - row0 < 2:
        return nothing
    window = Window(col0, row0, col1 - col0, row1 - row0)
    elevation = source.read(terrain.ELEVATION, window=window)
    t = rasterio.windows.transform(window, source.transform)
    outline = shapely.get_coordinates(shapely.segmentize(shape, step * 1.0001))
    x = t.c + t.a * (np.arange(elevation.shape[1]) + 0.5)
    y = t.f + t.e * (np.arange(elevation.shape[0]) + 0.5)
    xx, yy = np.meshgrid(x, y)
    inside = shapely.contains_xy(shape, xx, yy)
    points = np.concatenate([outline, np.column_stack([xx[inside], yy[inside]])])
    heights = _bilinear(elevation, (points[:, 0] - t.c) / t.a - 0.5, (points[:, 1] - t.f) / t.e - 0.5)
    known = ~np.isnan(heights)
    return points[known], heights[known]


def _bilinear(values: NDArray[np.float32], col: NDArray[np.float64], row: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolated values at fractional cell coordinates; linear beyond the outermost centres, NaN next to NaN."""
    rows, cols = values.shape
    c = np.clip(np.floor(col).astype(int), 0, cols - 2)
    r = np.clip(np.floor(row).astype(int), 0, rows - 2)
    fc, fr = col - c, row - r
    z = values.astype(np.float64)
    top = z[r, c] * (1 - fc) + z[r, c + 1] * fc
    bottom = z[r + 1, c] * (1 - fc) + z[r + 1, c + 1] * fc
    inside = (fc > -1) & (fc < 2) & (fr > -1) & (fr < 2)  # no extrapolation further than a cell
    return np.where(inside, top * (1 - fr) + bottom * fr, np.nan)
