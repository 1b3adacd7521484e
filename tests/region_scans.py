"""Scans and running inventories of simple shapes, for the tests of regions."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from landslide_geo.inventory import Inventory, schema, write_geopackage

CRS = "EPSG:32654"
#: Corner of the ground on which shapes lie, in metres.
EAST, NORTH = 580_000.0, 4_720_000.0
SIDE = 2000.0


def day(number: int) -> date:
    return date(2026, 1, 1) + timedelta(days=number)


def square(x: float, y: float, size: float = 100.0, height: float | None = None) -> shapely.MultiPolygon:
    """A rectangle whose lower left corner lies so far from the corner of the ground."""
    left, bottom = EAST + x, NORTH + y
    top = bottom + (size if height is None else height)
    return shapely.MultiPolygon([shapely.orient_polygons(shapely.box(left, bottom, left + size, top))])


def scanned(
    shapes: Iterable[shapely.Geometry], *, scan_id: str = "scan", when: date | None = None, hidden: Any = None
) -> Inventory:
    """A scan that found these shapes, and saw all of the ground but what is hidden."""
    outlines = list(shapes)
    ground = shapely.box(EAST, NORTH, EAST + SIDE, NORTH + SIDE)
    seen = ground if hidden is None else shapely.difference(ground, hidden)
    columns = {
        "landslide_id": [str(uuid.uuid5(uuid.NAMESPACE_OID, f"{scan_id}|{shape.wkt}")) for shape in outlines],
        "confidence": 2, "prob_mean": 0.8, "area_m2": [shape.area for shape in outlines], "n_detections": 1,
        "lon": 141.98, "lat": 42.6,
        "date_post": when, "scene_ids": scan_id, "model_id": "m", "review_status": "unreviewed",
        "detected_at": datetime(2026, 11, 20, tzinfo=UTC),
    }  # fmt: skip
    landslides = schema.frame(schema.LANDSLIDES, columns, outlines, crs=CRS)
    tops = [shape.centroid for shape in outlines]
    crowns = schema.frame(schema.CROWNS, {"landslide_id": columns["landslide_id"], "elevation_m": 500.0}, tops, crs=CRS)
    areas = [("clear", 1, True, seen)] + ([] if hidden is None else [("cloud", 3, False, hidden)])
    visibility = schema.frame(
        schema.VISIBILITY,
        {
            "class": [name for name, *_ in areas],
            "code": [code for _, code, *_ in areas],
            "visible": [visible for *_, visible, _ in areas],
            "area_m2": [shape.area for *_, shape in areas],
            "share": [shape.area / ground.area for *_, shape in areas],
        },
        [shape if shape.geom_type == "MultiPolygon" else shapely.MultiPolygon([shape]) for *_, shape in areas],
        crs=CRS,
    )
    extent = schema.frame(schema.REVIEWED_EXTENT, {}, [], crs=CRS)
    return Inventory(landslides=landslides, crowns=crowns, visibility=visibility, reviewed_extent=extent)


def scan_file(folder: Path, shapes: Iterable[shapely.Geometry], *, scan_id: str, **given: Any) -> Path:
    """The ``landslides.gpkg`` of such a scan."""
    path = folder / f"{scan_id}.gpkg"
    write_geopackage(path, scanned(shapes, scan_id=scan_id, **given))
    return path


def told(frame: gpd.GeoDataFrame, *names: str) -> list[tuple[Any, ...]]:
    """Some columns, row by row, sorted; nulls are None."""
    values = frame[list(names)].astype(object)
    return sorted(
        (tuple(row) for row in values.where(values.notna(), None).itertuples(index=False)), key=lambda row: str(row)
    )


def bounds(frame: gpd.GeoDataFrame) -> list[tuple[float, ...]]:
    """Bounds of outlines from the corner of the ground."""
    offset = np.array([EAST, NORTH, EAST, NORTH])
    return [tuple(float(v) for v in np.array(shape.bounds) - offset) for shape in frame.geometry]
