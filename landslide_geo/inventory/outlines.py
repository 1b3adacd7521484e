"""Outlines of landslides from any vector file, ready to be measured and compared: projected, polygonal, valid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS

from landslide_geo.errors import InventoryError, MissingCRSError, SourceNotFoundError
from landslide_geo.inventory import schema


@dataclass(frozen=True)
class Outlines:
    """Polygons of one layer.

    Attributes:
        frame: with all fields of the layer, in a CRS whose unit is the metre.
        repaired: how many had to be made valid.
        dropped: how many had no area.
    """

    frame: gpd.GeoDataFrame
    repaired: int
    dropped: int

    @property
    def shapes(self) -> NDArray[np.object_]:
        """(n,) shapely Polygons and MultiPolygons."""
        return np.asarray(self.frame.geometry.to_numpy(), dtype=object)


def read_outlines(path: str | Path, *, crs: CRS | None = None, layer: str | None = None) -> Outlines:
    """Read the polygons of a vector file.

    Inventories drawn by hand hold outlines that cross themselves; they are made valid, and counted. What a reviewer
    rejected is no landslide, and is left out.

    Args:
        path: any format that GDAL reads.
        crs: what to project to; none takes the file's own where its unit is the metre, else the UTM zone.
        layer: none takes ``landslides`` where there is such a layer, else the only one with polygons.

    Raises:
        SourceNotFoundError: there is no such file.
        InventoryError: it is no vector file, lacks the layer, has several to choose from, or no polygons.
        MissingCRSError: it does not say where it lies.
    """
    path = Path(path)
    if not path.exists():
        raise SourceNotFoundError(f"{path}: no such file; check the path")
    try:
        chosen = _layer(path, layer)
        frame = pyogrio.read_dataframe(path, layer=chosen)
    except (DataSourceError, DataLayerError) as error:
        raise InventoryError(f"{path}: cannot be read as polygons ({error}); give a vector file, e.g. .gpkg") from None
    if not isinstance(frame, gpd.GeoDataFrame):
        raise InventoryError(f"{path}: layer {chosen!r} has no geometries; name the layer that has the polygons")
    if frame.crs is None:
        raise MissingCRSError(
            f"{path}: the polygons have no CRS; give them one, e.g. ogr2ogr -a_srs EPSG:32654 out.gpkg {path.name}"
        )
    if "review_status" in frame:
        frame = frame[frame["review_status"] != "rejected"]
    there = frame.geometry.notna() & ~frame.geometry.is_empty
    kinds = set(frame.geometry[there].geom_type)
    if other := kinds - {"Polygon", "MultiPolygon"}:
        raise InventoryError(f"{path}: layer {chosen!r} holds {', '.join(sorted(other))}; it must hold polygons only")
    frame = frame[there]
    invalid = ~frame.geometry.is_valid
    if invalid.any():
        mended = shapely.make_valid(frame.geometry[invalid].to_numpy(), method="structure", keep_collapsed=False)
        frame = frame.copy()
        frame.loc[invalid, frame.geometry.name] = mended
    frame = frame.set_geometry(frame.geometry.force_2d()).to_crs(_metric(frame) if crs is None else crs)
    flat = ~(frame.geometry.area > 0)
    return Outlines(frame[~flat].reset_index(drop=True), int(invalid.sum()), int((~there).sum() + flat.sum()))


def has_review(path: str | Path) -> bool:
    """Whether a file is a ``landslides.gpkg``: it says what was reviewed, and where.

    Raises:
        SourceNotFoundError: there is no such file.
        InventoryError: it is no vector file.
    """
    path = Path(path)
    if not path.exists():
        raise SourceNotFoundError(f"{path}: no such file; check the path")
    try:
        names = {str(name) for name, _ in pyogrio.list_layers(path)}
    except DataSourceError as error:
        raise InventoryError(f"{path}: cannot be read as polygons ({error}); give a vector file, e.g. .gpkg") from None
    return {schema.LANDSLIDES.name, schema.REVIEWED_EXTENT.name} <= names


def _layer(path: Path, layer: str | None) -> str:
    found = pyogrio.list_layers(path)
    names = [str(name) for name, _ in found]
    if layer is None and schema.LANDSLIDES.name in names:
        return schema.LANDSLIDES.name
    if layer is not None:
        if layer not in names:
            raise InventoryError(f"{path}: no layer {layer!r}; it has {', '.join(names) or 'none'}")
        return layer
    polygons = [str(name) for name, kind in found if kind is None or "Polygon" in str(kind) or kind == "Unknown"]
    if len(polygons) != 1:
        raise InventoryError(
            f"{path}: {len(polygons)} layers could hold the polygons ({', '.join(polygons) or 'none'}); keep one of "
            "them, or call it landslides"
        )
    return polygons[0]


def _metric(frame: gpd.GeoDataFrame) -> CRS:
    crs = frame.crs
    if crs.is_projected and all(axis.unit_conversion_factor == 1 for axis in crs.axis_info):
        return crs
    if frame.empty:
        return CRS.from_epsg(6933)  # nothing to measure; any projection does
    return frame.estimate_utm_crs()
