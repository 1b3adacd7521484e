"""Opening rasters, with errors a user can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rasterio
from odc.geo.geom import BoundingBox
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.warp import transform_bounds

from landslide_geo.errors import MissingCRSError, SourceNotFoundError, UnreadableRasterError

#: Error tolerance, in pixels, of GDAL's approximate coordinate transformer. The default of 0.125 makes a pixel's value
#: depend on the window it was read in; rasterio refuses 0, and this is as good as exact.
EXACT = 1e-6
#: The same where blocks are always the same, so that values do not depend on anything else. Exact warping sends every
#: pixel through PROJ, four times as long as all the rest; this much moves an elevation by a few centimetres.
NEAR = 1e-3


def all_cores() -> rasterio.Env:
    """A GDAL environment that unpacks, warps and packs tiles on all cores; no value or byte depends on their number."""
    return rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS")


def unwrapped_crs(dataset: rasterio.DatasetReader) -> CRS:
    """The CRS to warp a raster from: its own, unless it lies in degrees and goes on beyond ±180°.

    PROJ gives longitudes within ±180°, so that the far side of the antimeridian would seem to lie off such a raster.
    Then it is told to give them about the raster's middle.
    """
    left, right = dataset.bounds.left, dataset.bounds.right
    if dataset.crs.is_projected or (left >= -180 and right <= 180):
        return dataset.crs
    return CRS.from_proj4(f"{dataset.crs.to_proj4()} +lon_wrap={(left + right) / 2:.0f}")


def covers(dataset: rasterio.DatasetReader, bounds: BoundingBox) -> bool:
    """Whether a raster in degrees shares more than an edge with some bounds, at whichever turn of longitude.

    More than an edge is a cell's area, or half of the bounds' where they are smaller.
    """
    edges = transform_bounds(str(bounds.crs), unwrapped_crs(dataset), *bounds.bbox, densify_pts=21)
    left, bottom, right, top = edges
    if right < left:  # across the antimeridian
        right += 360
    own = dataset.bounds
    tall = min(top, own.top) - max(bottom, own.bottom)
    wide = max(min(right + turn, own.right) - max(left + turn, own.left) for turn in (-360, 0, 360))
    least = min(dataset.res[0] * dataset.res[1], (right - left) * (top - bottom) / 2)
    return wide > 0 and tall > 0 and wide * tall > least


def open_raster(path: Path, *, what: str = "raster") -> rasterio.DatasetReader:
    """Open a georeferenced raster, or say in one line why not.

    Raises:
        SourceNotFoundError: no such file.
        UnreadableRasterError: GDAL cannot open it.
        MissingCRSError: it has no coordinate reference system.
    """
    if not path.exists():
        raise SourceNotFoundError(f"{path}: no such file; check the path of the {what}")
    with reading(path):
        dataset = rasterio.open(path)
    if dataset.crs is None:
        dataset.close()
        raise MissingCRSError(f"{path}: the {what} has no CRS; give it one, e.g. gdal_edit.py -a_srs EPSG:32654 {path}")
    return dataset


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn GDAL's failure to read ``path`` into one line that names the file.

    Raises:
        UnreadableRasterError: anything GDAL could not read inside the block.
    """
    try:
        yield
    except RasterioError as error:
        # rasterio wraps GDAL's own words, which name the tile or strip that failed, as the cause.
        reason = str(error.__cause__ or error).splitlines()[0] if str(error.__cause__ or error) else "read failed"
        raise UnreadableRasterError(
            f"{path}: cannot be read ({reason}); the file may be truncated, copy or download it again"
        ) from error
