"""Slope and aspect of a user's elevation model, on its own grid, over the scene's bounds only.

A projected model is read as it is, never resampled; one in degrees is warped to the scene's CRS at its own resolution,
because gradients need metres both ways. Everything streams in bands of rows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from odc.geo.geom import BoundingBox
from rasterio.io import DatasetReader
from rasterio.warp import transform_bounds
from rasterio.windows import Window, from_bounds

from landslide_geo.errors import NoOverlapError, ParameterError
from landslide_geo.scene.heights import METRES, HeightUnit
from landslide_geo.scene.raster_io import all_cores, reading
from landslide_geo.scene.terrain import aspect_degrees, metric_dem, slope_degrees

#: Bands of the raster that `prepare` writes. Aspect is kept as sine and cosine, so that its mean is a circular one.
ELEVATION, SLOPE, ASPECT_SIN, ASPECT_COS = 1, 2, 3, 4

#: Cells read beyond the scene's bounds, so that gradients and interpolation at its rim are whole.
HALO = 3


def prepare(
    dem: Path, out: Path, *, bounds: BoundingBox, band: int = 1, unit: HeightUnit = "m", rows: int = 512
) -> None:
    """Write elevation, slope and aspect of ``dem`` around ``bounds`` as a four-band float32 GeoTIFF.

    Args:
        dem: elevation model, any grid and CRS.
        band: of that file, 1-based.
        unit: of its values; what is written is in metres.
        out: GeoTIFF to write; bands as the constants of this module, NaN where unknown.
        bounds: the scene's extent, with its CRS.
        rows: height of the bands that are worked on one after the other; bounds memory, never changes the result.

    Raises:
        NoOverlapError: the model has no cell within the bounds.
        ParameterError: the model's grid is rotated or upside down.
        SourceNotFoundError, UnreadableRasterError, MissingCRSError: the model cannot be read.
    """
    with all_cores(), metric_dem(dem, bounds) as source, reading(dem):
        window = _window(source, bounds, dem)
        transform = rasterio.windows.transform(window, source.transform)
        metres = source.crs.linear_units_factor[1]
        resolution = (transform.a * metres, -transform.e * metres)
        width, height = int(window.width), int(window.height)
        profile = {
            "driver": "GTiff", "dtype": "float32", "count": 4, "width": width, "height": height, "crs": source.crs,
            "transform": transform, "nodata": float("nan"), "tiled": True, "blockxsize": 256, "blockysize": 256,
            "interleave": "band", "bigtiff": "if_safer",
        }  # fmt: skip
        with rasterio.open(out, "w", **profile) as target:
            for top in range(0, height, rows):
                bottom = min(top + rows, height)
                # One more row on either side, so that the seams of bands have the same gradients as everything else.
                first, last = max(top - 1, 0), min(bottom + 1, height)
                part = Window(window.col_off, window.row_off + first, width, last - first)
                elevation = source.read(band, window=part, masked=True, out_dtype="float32").filled(np.nan)
                elevation *= np.float32(METRES[unit])
                aspect = np.radians(aspect_degrees(elevation, resolution))
                bands = np.stack([elevation, slope_degrees(elevation, resolution), np.sin(aspect), np.cos(aspect)])
                target.write(bands[:, top - first : bottom - first], window=Window(0, top, width, bottom - top))


def _window(source: DatasetReader, bounds: BoundingBox, dem: Path) -> Window:
    """The cells of ``source`` that cover ``bounds``, and a few more where there are any."""
    if source.transform.b or source.transform.d or source.transform.e > 0:
        raise ParameterError(f"{dem}: the elevation model's grid is not north-up; warp it first, e.g. with rio warp")
    edges = transform_bounds(bounds.crs, source.crs, *bounds.bbox, densify_pts=21)
    near = from_bounds(*edges, transform=source.transform)
    col0, row0 = max(int(np.floor(near.col_off)) - HALO, 0), max(int(np.floor(near.row_off)) - HALO, 0)
    col1 = min(int(np.ceil(near.col_off + near.width)) + HALO, source.width)
    row1 = min(int(np.ceil(near.row_off + near.height)) + HALO, source.height)
    if col1 - col0 < 2 or row1 - row0 < 2:
        raise NoOverlapError(f"{dem}: the elevation model does not cover the scene; give one of the same region")
    return Window(col0, row0, col1 - col0, row1 - row0)
