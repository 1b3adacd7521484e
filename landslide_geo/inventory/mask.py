"""What is known of the ground from a raster of it: 0 where there is no landslide, another number where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.features import shapes
from shapely.geometry import box, shape

from landslide_geo.errors import InventoryError
from landslide_geo.scene.raster_io import open_raster, reading

#: Endings of files that are taken for rasters.
RASTERS: Final = (".tif", ".tiff", ".vrt")


@dataclass(frozen=True)
class MaskedGround:
    """Outlines of a mask's pixels, in the CRS that was asked for.

    Attributes:
        landslides: (n,) shapely Polygons.
        unknown: likewise, of pixels without data.
        extent: of the whole raster.
    """

    landslides: NDArray[np.object_]
    unknown: NDArray[np.object_]
    extent: shapely.Geometry


def read_mask(path: str | Path, *, crs: CRS) -> MaskedGround:
    """The outlines of a mask: on its own grid they hold exactly its pixels.

    Args:
        path: raster of one band, in whole numbers; without data where nothing is known.
        crs: what to project to.

    Raises:
        SourceNotFoundError, UnreadableRasterError, MissingCRSError: the file is missing or cannot be used.
        InventoryError: it has several bands, or other values than 0 and one other whole number.
    """
    path = Path(path)
    with open_raster(path, what="mask") as dataset, reading(path):
        if dataset.count != 1:
            raise InventoryError(f"{path}: has {dataset.count} bands; a mask of landslides has one")
        values = dataset.read(1, masked=True)
        transform, own, bounds = dataset.transform, CRS.from_user_input(dataset.crs), box(*dataset.bounds)
    found = np.unique(values.compressed())
    if not (found == np.round(found)).all() or np.count_nonzero(found) > 1:
        told = ", ".join(f"{value:g}" for value in found[:4])
        raise InventoryError(
            f"{path}: holds {told}{' …' if len(found) > 4 else ''}; a mask holds 0 where there is no landslide and one "
            "other number where there is one, and no data where nothing is known"
        )
    codes = np.where(np.ma.getmaskarray(values), 2, np.ma.filled(values, 0) != 0).astype(np.uint8)
    by_code: dict[int, list[shapely.Geometry]] = {1: [], 2: []}
    for geometry, code in shapes(codes, mask=codes > 0, transform=transform):
        by_code[int(code)].append(shape(geometry))
    landslides, unknown = (_projected(by_code[code], own, crs) for code in (1, 2))
    return MaskedGround(landslides, unknown, _projected([bounds], own, crs)[0])


def _projected(found: list[shapely.Geometry], own: CRS, crs: CRS) -> NDArray[np.object_]:
    return np.asarray(gpd.GeoSeries(found, crs=own).to_crs(crs).to_numpy(), dtype=object)
