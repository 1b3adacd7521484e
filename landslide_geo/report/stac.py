"""``item.json``: what a scan wrote, as a STAC item with relative addresses that needs no catalogue around it."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any, Final

import pystac
import rasterio
import shapely
import shapely.geometry
from pystac.extensions.projection import ProjectionExtension
from rasterio.errors import RasterioIOError

from landslide_geo.files import replacing

_GEOPACKAGE: Final = "application/geopackage+sqlite3"
_QGIS: Final = "application/vnd.qgis.project"

#: Media type and STAC roles by file ending.
_KINDS: Final[dict[str, tuple[str, list[str]]]] = {
    ".tif": (pystac.MediaType.COG, ["data"]),
    ".gpkg": (_GEOPACKAGE, ["data"]),
    ".png": (pystac.MediaType.PNG, ["overview"]),
    ".html": (pystac.MediaType.HTML, ["metadata"]),
    ".json": (pystac.MediaType.JSON, ["metadata"]),
    ".qgz": (_QGIS, ["metadata"]),
    ".qml": (pystac.MediaType.XML, ["metadata"]),
}


def scan_item(
    scan: dict[str, Any],
    *,
    geometry_wgs84: dict[str, Any] | shapely.Geometry,
    bbox: list[float] | tuple[float, ...],
    assets: dict[str, Path],
    datetime: dt.datetime | None,
) -> pystac.Item:
    """The STAC item of a scan.

    Args:
        scan: content of ``scan.json``; ``scene_id``, ``model``, ``parameters`` and ``summary`` are taken from it where
            present.
        geometry_wgs84: footprint in longitude and latitude, GeoJSON or shapely.
        bbox: its west, south, east, north.
        assets: files of the scan by key. Addresses are relative to their common folder, where the item belongs.
        datetime: acquisition of the scene (after the event), aware. Where unknown, the time of the scan stands in,
            because STAC demands one, and ``landslide:datetime_is`` says so.

    Returns:
        An item without links; write it with `write_item`.
    """
    folder = Path(os.path.commonpath([path.resolve().parent for path in assets.values()])) if assets else Path()
    summary = scan.get("summary") or {}
    model = scan.get("model") or {}
    made = dt.datetime.fromisoformat(scan["started_at"]) if "started_at" in scan else dt.datetime.now(dt.UTC)
    properties = {
        "title": scan.get("title"),
        "created": made.isoformat(timespec="seconds"),
        "landslide:datetime_is": None if datetime else "time of the scan; the acquisition is not known",
        "landslide:count": summary.get("landslides"),
        "landslide:area_m2": summary.get("area_m2"),
        "landslide:visible_m2": summary.get("visible_m2"),
        "landslide:threshold": (scan.get("parameters") or {}).get("threshold"),
        "landslide:model": model.get("id") or model.get("name"),
    }
    item = pystac.Item(
        id=str(scan.get("scene_id") or folder.name or "scan"),
        geometry=_footprint(geometry_wgs84),
        bbox=list(bbox),
        datetime=datetime or made,
        properties={key: value for key, value in properties.items() if value is not None},
    )
    for key, path in assets.items():
        media, roles = _KINDS.get(path.suffix.lower(), (None, ["data"]))
        href = "./" + path.resolve().relative_to(folder).as_posix()
        item.add_asset(key, pystac.Asset(href=href, media_type=media, roles=roles, title=key.replace("_", " ")))
    _project(item, assets)
    return item


def _footprint(geometry: dict[str, Any] | shapely.Geometry) -> dict[str, Any]:
    """GeoJSON without the vertices that reprojection adds along straight edges; 1e-5° is about a metre."""
    shape = shapely.geometry.shape(geometry) if isinstance(geometry, dict) else geometry
    mapping: dict[str, Any] = shapely.geometry.mapping(shapely.simplify(shape, 1e-5))
    return mapping


def write_item(path: Path, item: pystac.Item) -> None:
    """Write an item in one piece.

    Raises:
        OutputError: the folder cannot be written.
    """
    text = json.dumps(item.to_dict(include_self_link=False, transform_hrefs=False), indent=2, ensure_ascii=False)
    with replacing(path) as part:
        part.write_text(text + "\n", encoding="utf-8")


def _project(item: pystac.Item, assets: dict[str, Path]) -> None:
    """Grid of every raster by the projection extension; the CRS of the first one stands for the item."""
    projection = ProjectionExtension.ext(item, add_if_missing=True)
    for key, path in assets.items():
        if path.suffix.lower() not in (".tif", ".tiff"):
            continue
        try:
            with rasterio.open(path) as source:
                crs, shape, transform = source.crs, list(source.shape), list(source.transform)[:6]
        except RasterioIOError:
            continue  # listed before it was written: the address alone is still of use
        epsg = crs.to_epsg() if crs else None
        grid = ProjectionExtension.ext(item.assets[key])
        grid.shape, grid.transform = shape, transform
        if projection.code is None and projection.wkt2 is None:
            if epsg:
                projection.code = f"EPSG:{epsg}"
            elif crs:
                projection.wkt2 = crs.to_wkt()
