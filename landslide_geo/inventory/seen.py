"""The ``visibility`` layer: where landslides could have been seen at all. Densities are per visible area."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.features import shapes, sieve
from rasterio.windows import Window

from landslide_geo.inventory import schema
from landslide_geo.inventory.polygons import CONNECTIVITY, open_metric
from landslide_geo.scene.raster_io import reading
from landslide_geo.scene.visibility import Visibility

#: The raster is generalised to at most this many cells a side before it is outlined: the layer shows where one could
#: see, its areas are counted on the full raster.
MAX_CELLS = 2048
#: Patches smaller than this many generalised cells take the class around them.
MIN_PATCH = 16


def visibility_layer(visibility: Path, *, rows: int = 512) -> gpd.GeoDataFrame:
    """One MultiPolygon per class that occurs, generalised, with the class's exact area.

    Outlines of neighbouring classes are simplified together, so that they neither overlap nor leave gaps.

    Args:
        visibility: uint8 codes of `Visibility` on a metric grid.
        rows: height of the bands of rows that are counted one after the other.
    """
    with open_metric(visibility) as source, reading(visibility):
        counts = np.zeros(256, dtype=np.int64)
        for top in range(0, source.height, rows):
            window = Window(0, top, source.width, min(rows, source.height - top))
            counts += np.bincount(source.read(1, window=window).ravel(), minlength=256)
        factor = max(1.0, max(source.width, source.height) / MAX_CELLS)
        shape = (max(1, round(source.height / factor)), max(1, round(source.width / factor)))
        codes = source.read(1, out_shape=shape, resampling=Resampling.mode)
        cell = source.transform @ Affine.scale(source.width / shape[1], source.height / shape[0])
        crs, pixel_area = source.crs, abs(source.transform.a * source.transform.e)
    areas = _outlines(codes, cell)
    present = [code for code in Visibility if counts[code.value] and code.value in areas]
    total = counts.sum()
    columns = {
        "class": [code.label for code in present],
        "code": [code.value for code in present],
        "visible": [code.valid for code in present],
        "area_m2": [float(counts[code.value] * pixel_area) for code in present],
        "share": [float(counts[code.value] / total) for code in present],
    }
    geometry = np.array([areas[code.value] for code in present], dtype=object)
    return schema.frame(schema.VISIBILITY, columns, geometry, crs=crs)


def _outlines(codes: NDArray[np.uint8], transform: Affine) -> dict[int, shapely.MultiPolygon]:
    """MultiPolygons by code; a class that is sieved away altogether keeps its outline unsieved."""
    kept = sieve(codes, MIN_PATCH, connectivity=CONNECTIVITY) if codes.size > MIN_PATCH else codes
    for code in np.setdiff1d(np.unique(codes), np.unique(kept)):
        kept[codes == code] = code
    pieces = [
        (int(value), shapely.Polygon(geometry["coordinates"][0], geometry["coordinates"][1:]))
        for geometry, value in shapes(kept, connectivity=CONNECTIVITY, transform=transform)
    ]
    owner = np.array([code for code, _ in pieces])
    outlines = np.array([piece for _, piece in pieces], dtype=object)
    simple = shapely.coverage_simplify(outlines, abs(transform.a), simplify_boundary=False)
    if not shapely.is_valid(simple).all():
        simple = outlines
    return {int(code): shapely.MultiPolygon(list(simple[owner == code])) for code in np.unique(owner)}
