"""Boxes of maps all over the world, in CRS of many kinds."""

from __future__ import annotations

from odc.geo.geom import BoundingBox
from pyproj import Transformer


def box(crs: str, longitude: float, latitude: float, width: float, height: float) -> BoundingBox:
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(longitude, latitude)
    return BoundingBox(x - width / 2, y - height / 2, x + width / 2, y + height / 2, crs=crs)


PLACES = {
    "Hokkaido": box("EPSG:32654", 141.96, 42.73, 11_000, 10_000),
    "Svalbard": box("EPSG:32633", 16.0, 78.5, 60_000, 40_000),
    "Fiji, across the antimeridian": box("EPSG:32760", 180.0, -17.0, 80_000, 60_000),
    "Chukotka, across it in the other zone": box("EPSG:32601", -180.0, 66.0, 50_000, 50_000),
    "Greenland, turned by polar stereographic": box("EPSG:3413", -20.0, 76.0, 200_000, 150_000),
    "around the south pole": box("EPSG:3031", 0.0, -90.0, 900_000, 700_000),
    "across equator and Greenwich": box("EPSG:32630", 0.0, 0.0, 30_000, 30_000),
    "a few pixels": box("EPSG:32643", 73.5, 34.3, 200, 150),
    "a strip": box("EPSG:32646", 92.2, 22.3, 90_000, 2_000),
    "Web Mercator": box("EPSG:3857", 141.96, 42.73, 15_000, 12_000),
}
