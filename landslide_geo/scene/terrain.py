"""Terrain from an elevation model: slope, aspect, curvature, relief and hillshade on a metric grid.

Elevations in a geographic CRS are projected before anything is derived from them: a slope computed on degrees is wrong
by the metres in a degree, and differently in x and y.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.geo.geom import BoundingBox
from pyproj import Geod
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import calculate_default_transform
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from landslide_geo.errors import NoOverlapError
from landslide_geo.scene.grid import geographic_centre, utm_crs
from landslide_geo.scene.raster_io import EXACT, covers, open_raster, unwrapped_crs

FloatArray = NDArray[np.float32]

#: Cells around a place that an elevation model is warped for, so that gradients and interpolation at its rim are whole.
MARGIN = 4
#: Relief is that within this distance of a place, in metres.
RELIEF_M = 500.0


def terrain_margin(name: str, resolution: tuple[float, float]) -> int:
    """Cells around a block without which `terrain_band` is another one inside it.

    Args:
        name: of a band of the terrain.
        resolution: pixel width and height in metres.
    """
    if name == "relief":
        return int(RELIEF_M / min(resolution)) + 1
    return {"elevation": 0, "curvature": 2}.get(name, 1)


def terrain_band(name: str, elevation: FloatArray, resolution: tuple[float, float]) -> FloatArray:
    """A band of the terrain as scenes and chips have it.

    Args:
        name: elevation, slope, aspect, curvature or relief.
        elevation: (h, w) float32, metres, NaN where unknown.
        resolution: pixel width and height in metres.

    Returns:
        (h, w) float32, NaN where it is not known. Flat ground, which faces nowhere, has aspect 0: networks take a
        number for each known pixel.
    """
    if name == "slope":
        return slope_degrees(elevation, resolution)
    if name == "aspect":
        flat = slope_degrees(elevation, resolution) == 0
        return np.where(flat, np.float32(0), aspect_degrees(elevation, resolution))
    if name == "curvature":
        return curvature(elevation, resolution)
    return relief(elevation, resolution) if name == "relief" else elevation


def horn_gradient(elevation: FloatArray, resolution: tuple[float, float]) -> tuple[FloatArray, FloatArray]:
    """Elevation change per metre towards east and towards north, by Horn's third-order differences.

    Horn, B. K. P. (1981), "Hill shading and the reflectance map", Proc. IEEE 69(1). On a plane the result is exact.
    Edge pixels repeat their neighbours' differences one-sidedly (the border row is extrapolated linearly), so that the
    result has the input's shape and a plane keeps its slope to the rim.

    Args:
        elevation: (h, w) float32, metres, north up, NaN where unknown; at least 2 × 2.
        resolution: pixel width and height in metres, both positive.

    Returns:
        Two (h, w) float32 arrays; NaN where the pixel or any of its eight neighbours is.
    """
    z = np.pad(elevation.astype(np.float32, copy=False), 1, mode="reflect", reflect_type="odd")
    west = z[:-2, :-2] + 2 * z[1:-1, :-2] + z[2:, :-2]
    east = z[:-2, 2:] + 2 * z[1:-1, 2:] + z[2:, 2:]
    north = z[:-2, :-2] + 2 * z[:-2, 1:-1] + z[:-2, 2:]
    south = z[2:, :-2] + 2 * z[2:, 1:-1] + z[2:, 2:]
    # Horn's differences leave out the pixel itself; adding nothing times it makes unknown ground unknown.
    itself = 0 * z[1:-1, 1:-1]
    scale_x, scale_y = np.float32(8 * resolution[0]), np.float32(8 * resolution[1])
    return ((east - west) / scale_x + itself).astype(np.float32), ((north - south) / scale_y + itself).astype(
        np.float32
    )


def slope_degrees(elevation: FloatArray, resolution: tuple[float, float]) -> FloatArray:
    """Slope in degrees, 0–90, after Horn (1981); shapes as in `horn_gradient`."""
    east, north = horn_gradient(elevation, resolution)
    return np.degrees(np.arctan(np.hypot(east, north))).astype(np.float32)


def aspect_degrees(elevation: FloatArray, resolution: tuple[float, float]) -> FloatArray:
    """Direction the slope faces (downhill), degrees clockwise from north in [0, 360); NaN where flat."""
    east, north = horn_gradient(elevation, resolution)
    aspect = np.degrees(np.arctan2(-east, -north)) % 360
    return np.where((east == 0) & (north == 0), np.nan, aspect).astype(np.float32)


def curvature(elevation: FloatArray, resolution: tuple[float, float]) -> FloatArray:
    """Minus the sum of the second derivatives, 1/m: above 0 on ridges, below in valleys (Zevenbergen & Thorne 1987).

    Over two cells to each side, which holds down the noise of the model; at the rim one-sided.

    Args:
        elevation: (h, w) float32, metres, NaN where unknown; at least 3 × 3.
        resolution: pixel width and height in metres, both positive.

    Returns:
        (h, w) float32; NaN where a cell that it is taken from is unknown.
    """
    z = elevation.astype(np.float64)
    east = np.gradient(np.gradient(z, resolution[0], axis=1), resolution[0], axis=1)
    north = np.gradient(np.gradient(z, resolution[1], axis=0), resolution[1], axis=0)
    return (-east - north + 0 * z).astype(np.float32)


def relief(elevation: FloatArray, resolution: tuple[float, float], *, within: float = RELIEF_M) -> FloatArray:
    """Highest minus lowest ground within a distance of each cell, in metres, of the cells that are known.

    Args:
        elevation: (h, w) float32, metres, NaN where unknown; ground beyond it does not count.
        resolution: pixel width and height in metres, both positive.
        within: metres from centre to centre.

    Returns:
        (h, w) float32, 0 or more; NaN where the cell itself is unknown.
    """
    known = np.isfinite(elevation)
    highest = np.where(known, elevation, -np.inf).astype(np.float32)
    lowest = np.where(known, elevation, np.inf).astype(np.float32)
    high, low = highest.copy(), lowest.copy()
    rows = elevation.shape[0]
    # A disc is a row of each width: the filter of a row takes as long for a wide one as for a narrow one.
    for away in range(int(within / resolution[1]) + 1):
        half = int(np.sqrt(within**2 - (away * resolution[1]) ** 2) / resolution[0])
        if away >= rows:
            break
        top = maximum_filter1d(highest, 2 * half + 1, axis=1, mode="nearest")
        bottom = minimum_filter1d(lowest, 2 * half + 1, axis=1, mode="nearest")
        for here, there in (
            (slice(away, None), slice(None, rows - away)),
            (slice(None, rows - away), slice(away, None)),
        ):
            np.maximum(high[here], top[there], out=high[here])
            np.minimum(low[here], bottom[there], out=low[here])
    return np.where(known, high - low, np.nan).astype(np.float32)


def illumination(
    elevation: FloatArray, resolution: tuple[float, float], *, azimuth: float, altitude: float
) -> FloatArray:
    """Cosine of the angle between the surface normal and the sun, −1…1; at or below 0 a slope lies in its own shadow.

    Args:
        elevation: (h, w) float32, metres.
        resolution: pixel width and height in metres.
        azimuth: of the sun, degrees clockwise from north.
        altitude: of the sun above the horizon, degrees.
    """
    east, north = horn_gradient(elevation, resolution)
    az, alt = np.radians(azimuth), np.radians(altitude)
    sun = np.array([np.sin(az) * np.cos(alt), np.cos(az) * np.cos(alt), np.sin(alt)], dtype=np.float32)
    # The upward normal of z(x, y) is (−dz/dx, −dz/dy, 1).
    return ((-east * sun[0] - north * sun[1] + sun[2]) / np.sqrt(east**2 + north**2 + 1)).astype(np.float32)


def hillshade(elevation: FloatArray, resolution: tuple[float, float]) -> NDArray[np.uint8]:
    """Shaded relief for maps, 1–255, 0 where elevation is unknown; light from the north-west at 45°."""
    light = illumination(elevation, resolution, azimuth=315, altitude=45)
    shade = np.clip(np.round(1 + 254 * np.clip(light, 0, 1)), 1, 255)
    return np.where(np.isnan(light), 0, shade).astype(np.uint8)


@contextmanager
def metric_dem(path: Path, near: BoundingBox | None = None) -> Iterator[rasterio.DatasetReader | WarpedVRT]:
    """The elevation model as a dataset in metres: itself where projected, else warped lazily.

    The warped grid keeps the source's own ground resolution, so no detail is invented. It lies around ``near``, in the
    same CRS: a model may span many UTM zones, or the globe. Without ``near`` it is all of the model in its middle's
    UTM zone.

    Raises:
        SourceNotFoundError: no such file.
        UnreadableRasterError: not a raster.
        MissingCRSError: the raster has no CRS.
        NoOverlapError: one in degrees does not lie near ``near``.
    """
    with open_raster(path, what="elevation model") as source:
        if source.crs.is_projected:
            yield source
            return
        if near is not None and not covers(source, near):
            raise NoOverlapError(f"{path}: the elevation model does not cover the scene; give one of the same region")
        grid = _whole_grid(source) if near is None else _grid_around(source, near)
        with WarpedVRT(
            source,
            src_crs=unwrapped_crs(source),
            crs=str(grid.crs),
            transform=grid.transform,
            width=grid.shape.x,
            height=grid.shape.y,
            resampling=Resampling.bilinear,
            dtype="float32",
            src_nodata=source.nodata,
            nodata=np.nan,
            tolerance=EXACT,
        ) as warped:
            yield warped


def _whole_grid(source: rasterio.DatasetReader) -> GeoBox:
    crs = str(utm_crs(GeoBox.from_rio(source)))
    transform, width, height = calculate_default_transform(
        unwrapped_crs(source), crs, source.width, source.height, *source.bounds
    )
    return GeoBox((height, width), transform, crs)


def _grid_around(source: rasterio.DatasetReader, near: BoundingBox) -> GeoBox:
    """Square cells as large as the source's are there, over ``near`` and `MARGIN` of them on each side."""
    lon, lat = geographic_centre(GeoBox.from_bbox(near.bbox, crs=near.crs, shape=(1, 1)))
    east, north = source.res
    geod = Geod(ellps="WGS84")
    width = geod.inv(lon - east / 2, lat, lon + east / 2, lat)[2]
    height = geod.inv(lon, lat - north / 2, lon, lat + north / 2)[2]
    step = float(np.sqrt(width * height)) / rasterio.crs.CRS.from_user_input(str(near.crs)).linear_units_factor[1]
    left, bottom, right, top = near.bbox
    cols, rows = (int(np.ceil((far - edge) / step)) + 2 * MARGIN for edge, far in ((left, right), (bottom, top)))
    transform = Affine(step, 0, left - MARGIN * step, 0, -step, top + MARGIN * step)
    return GeoBox((rows, cols), transform, near.crs)
