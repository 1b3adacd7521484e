"""Outlines of landslides from any vector file, ready to be measured and compared: projected, polygonal, valid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
from landslide_geo.inventory.traced import readable


@dataclass(frozen=True)
class Outlines:
    """Polygons of one layer.

    Attributes:
        frame: with all fields of the layer, in a CRS whose unit is the metre.
        repaired: how many had to be made valid.
        dropped: how many had no area.
        rejected: those that a reviewer rejected, in the same CRS; they are not in ``frame`` and not counted.
    """

    frame: gpd.GeoDataFrame
    repaired: int
    dropped: int
    rejected: gpd.GeoDataFrame

    @property
    def shapes(self) -> NDArray[np.object_]:
        """(n,) shapely Polygons and MultiPolygons."""
        return np.asarray(self.frame.geometry.to_numpy(), dtype=object)


def read_outlines(path: str | Path, *, crs: CRS | None = None, layer: str | None = None) -> Outlines:
    """Read the polygons of a vector file.

    Inventories drawn by hand hold outlines that cross themselves; they are made valid, and counted. What a reviewer
    rejected is no landslide, and stands aside.

    Args:
        path: any format that GDAL reads, or GeoParquet.
        crs: what to project to; none takes the file's own where its unit is the metre, else the UTM zone.
        layer: none takes ``landslides`` where there is such a layer, else the only one with polygons.

    Raises:
        SourceNotFoundError: there is no such file.
        InventoryError: it is no vector file, lacks the layer, has several to choose from, or no polygons.
        MissingCRSError: it does not say where it lies.
    """
    path = Path(path)
    chosen = _layer(path, layer)
    frame = _read(path, chosen)
    if not isinstance(frame, gpd.GeoDataFrame):
        raise InventoryError(f"{path}: layer {chosen!r} has no geometries; name the layer that has the polygons")
    if frame.crs is None:
        raise MissingCRSError(
            f"{path}: the polygons have no CRS; give them one, e.g. ogr2ogr -a_srs EPSG:32654 out.gpkg {path.name}"
        )
    known = "review_status" in frame
    rejected = frame[frame["review_status"] == "rejected"] if known else frame.iloc[:0]
    frame = frame[frame["review_status"] != "rejected"] if known else frame
    where = f"{path}: layer {chosen!r}"
    usable, repaired, dropped = _usable(frame, _metric(frame) if crs is None else crs, where)
    return Outlines(usable, repaired, dropped, _usable(rejected, usable.crs, where)[0])


def layer_names(path: str | Path) -> list[str]:
    """The layers of a vector file.

    Raises:
        SourceNotFoundError: there is no such file.
        InventoryError: it is no vector file.
    """
    return [name for name, _ in _layers(Path(path))]


def has_review(path: str | Path) -> bool:
    """Whether a file is a ``landslides.gpkg``: it says what was reviewed, and where.

    Raises:
        SourceNotFoundError: there is no such file.
        InventoryError: it is no vector file.
    """
    return {schema.LANDSLIDES.name, schema.REVIEWED_EXTENT.name} <= set(layer_names(path))


def _layers(path: Path) -> list[tuple[str, str | None]]:
    """Names and kinds of geometry."""
    if not path.exists():
        raise SourceNotFoundError(f"{path}: no such file; check the path")
    if _is_parquet(path):
        return [(path.stem, None)]
    with _reading(path), readable(path) as there:
        return [(str(name), None if kind is None else str(kind)) for name, kind in pyogrio.list_layers(there)]


def _read(path: Path, layer: str) -> gpd.GeoDataFrame:
    with _reading(path), readable(path) as there:
        return gpd.read_parquet(path) if _is_parquet(path) else pyogrio.read_dataframe(there, layer=layer)


def _is_parquet(path: Path) -> bool:
    """GDAL as pyogrio brings it does not read these."""
    return path.suffix == ".parquet"


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (DataSourceError, DataLayerError, ValueError, OSError) as error:
        if isinstance(error, InventoryError):
            raise
        raise InventoryError(f"{path}: cannot be read as polygons ({error}); give a vector file, e.g. .gpkg") from None


def _usable(frame: gpd.GeoDataFrame, crs: CRS, where: str) -> tuple[gpd.GeoDataFrame, int, int]:
    """Valid polygons with an area, projected; how many had to be mended, and how many were left out."""
    shapes = frame.geometry.to_numpy()
    there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    kinds = set(frame.geometry[there].geom_type)
    if other := kinds - {"Polygon", "MultiPolygon"}:
        raise InventoryError(f"{where} holds {', '.join(sorted(other))}; it must hold polygons only")
    frame = frame[there]
    invalid = ~frame.geometry.is_valid
    if invalid.any():
        mended = shapely.make_valid(frame.geometry[invalid].to_numpy(), method="structure", keep_collapsed=False)
        frame = frame.copy()
        frame.loc[invalid, frame.geometry.name] = mended
    frame = frame.set_geometry(frame.geometry.force_2d()).to_crs(crs)
    flat = ~(frame.geometry.area > 0)
    return frame[~flat].reset_index(drop=True), int(invalid.sum()), int((~there).sum() + flat.sum())


def _layer(path: Path, layer: str | None) -> str:
    found = _layers(path)
    names = [name for name, _ in found]
    if _is_parquet(path):
        return layer or names[0]
    if layer is None and schema.LANDSLIDES.name in names:
        return schema.LANDSLIDES.name
    if layer is not None:
        if layer not in names:
            raise InventoryError(f"{path}: no layer {layer!r}; it has {', '.join(names) or 'none'}")
        return layer
    polygons = [name for name, kind in found if kind is None or "Polygon" in kind or kind == "Unknown"]
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
