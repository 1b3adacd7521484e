"""Small rasters with holes of every kind, and models whose result over any raster is known in closed form."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

from landslide_geo import predict_raster
from landslide_geo.errors import ParameterError

PIXEL = 10.0
WEST, NORTH = 500_000.0, 4_700_000.0
CRS = "EPSG:32654"


def write_raster(
    path: Path,
    values: np.ndarray,
    *,
    nodata: float | None = None,
    mask: np.ndarray | None = None,
    block: int | None = None,
) -> Path:
    """(band, y, x) values as a GeoTIFF in UTM, in tiles of ``block``; ``mask`` (y, x) bool becomes a mask band."""
    count, height, width = values.shape
    tiles = {} if block is None else {"tiled": True, "blockxsize": block, "blockysize": block}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path, "w", driver="GTiff", height=height, width=width, count=count, dtype=values.dtype, nodata=nodata,
            crs=CRS, transform=from_origin(WEST, NORTH, PIXEL, PIXEL), **tiles,
        ) as dataset,
    ):  # fmt: skip
        dataset.write(values)
        if mask is not None:
            dataset.write_mask(mask)
    return path


def read_raster(path: Path) -> np.ndarray:
    """All bands of a raster, (band, y, x), as they are stored."""
    with rasterio.open(path) as dataset:
        return dataset.read()


def linear(batch: np.ndarray) -> np.ndarray:
    """Two outputs per pixel from that pixel alone: the mean of its bands, and half of the last one minus the first."""
    assert batch.dtype == np.float32
    assert np.isfinite(batch).all(), "a network must never see NaN or infinity"
    mean = batch.mean(axis=1)
    return np.stack([mean, (batch[:, -1] - batch[:, 0]) / 2], axis=1)


def over(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """What `linear` gives over a whole raster: (2, y, x) float32, NaN where not valid."""
    known = np.where(valid, values, 0).astype(np.float32)
    return np.where(valid, linear(known[None])[0], np.float32(np.nan))


def assert_exact(got: np.ndarray, expected: np.ndarray) -> None:
    """Equal to float precision where a value is expected, and NaN exactly where none is."""
    assert got.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected), err_msg="holes are not where they should be")
    scale = np.nanmax(np.abs(expected), initial=1.0)
    np.testing.assert_allclose(got, expected, rtol=3e-7, atol=3e-7 * scale)


def least_memory_mb(source: object, out: Path, **settings: int) -> int:
    """The smallest budget that `predict_raster` accepts for a source: the one its own message names."""
    try:
        predict_raster(source, linear, out, memory_mb=1, progress=False, **settings)
    except ParameterError as error:
        found = re.search(r"allow at least (\d+) MB", str(error))
        assert found, f"the message must name the least budget: {error}"
        return int(found[1])
    return 1
