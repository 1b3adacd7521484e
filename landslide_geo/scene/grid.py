"""The one grid of a scene, and blocks of pixels on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from odc.geo.geom import BoundingBox
from pyproj import Geod
from rasterio.windows import Window
from shapely.geometry.base import BaseGeometry

from landslide_geo.errors import ParameterError

#: How far nominal and true ground size of a pixel may differ before a grid is not taken as it is (Web Mercator at 40°
#: is off by 30 %, UTM by at most 0.1 %, national conformal grids by less than 1 %).
_SCALE_TOLERANCE = 0.02
#: Points along an edge of a footprint, so that it follows the parallels that it crosses.
_EDGE_POINTS = 20


@dataclass(frozen=True, order=True)
class Block:
    """A rectangle of pixels; ``row`` and ``col`` of its upper-left pixel may lie outside the scene."""

    row: int
    col: int
    height: int
    width: int

    @property
    def window(self) -> Window:
        """The same rectangle for rasterio."""
        return Window(self.col, self.row, self.width, self.height)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices into an array of the whole scene."""
        return slice(self.row, self.row + self.height), slice(self.col, self.col + self.width)

    def clipped(self, height: int, width: int) -> Block:
        """The part inside a scene of that size; height or width 0 where there is none."""
        row, col = min(max(self.row, 0), height), min(max(self.col, 0), width)
        bottom, right = min(self.row + self.height, height), min(self.col + self.width, width)
        return Block(row, col, max(bottom - row, 0), max(right - col, 0))

    def padded(self, margin: int) -> Block:
        """The rectangle grown by ``margin`` pixels on every side."""
        return Block(self.row - margin, self.col - margin, self.height + 2 * margin, self.width + 2 * margin)

    def intersection(self, other: Block) -> Block:
        """The part that two rectangles share; height or width 0 where there is none."""
        row, col = max(self.row, other.row), max(self.col, other.col)
        bottom = min(self.row + self.height, other.row + other.height)
        right = min(self.col + self.width, other.col + other.width)
        return Block(row, col, max(bottom - row, 0), max(right - col, 0))

    def inside(self, outer: Block) -> tuple[slice, slice]:
        """Slices that cut this block out of an array of ``outer``."""
        row, col = self.row - outer.row, self.col - outer.col
        return slice(row, row + self.height), slice(col, col + self.width)


def crs_name(geobox: GeoBox) -> str:
    """``EPSG:n`` where the grid's CRS has a number there, else its definition."""
    epsg = None if geobox.crs is None else geobox.crs.epsg
    return f"EPSG:{epsg}" if epsg else str(geobox.crs)


def blocks(height: int, width: int, size: int) -> list[Block]:
    """The blocks of a regular grid of ``size`` pixels over a scene, row by row; the last ones are smaller."""
    return [
        Block(row, col, min(size, height - row), min(size, width - col))
        for row in range(0, height, size)
        for col in range(0, width, size)
    ]


def utm_crs(geobox: GeoBox) -> CRS:
    """The UTM zone of a grid's centre."""
    return CRS(f"EPSG:{utm_epsg(*geographic_centre(geobox))}")


def geographic_centre(geobox: GeoBox) -> tuple[float, float]:
    """Longitude (−180 to below 180) and latitude (WGS 84) of a grid's centre."""
    transform = geobox.crs.transformer_to_crs(CRS("EPSG:4326"), always_xy=True)  # type: ignore[union-attr]
    longitude, latitude = transform(*geobox.pix2wld(geobox.shape.x / 2, geobox.shape.y / 2))
    return (float(longitude) + 180) % 360 - 180, float(latitude)


def geographic_footprint(geobox: GeoBox) -> tuple[BaseGeometry, tuple[float, float, float, float]]:
    """A grid's outline in longitude and latitude (WGS 84), and west, south, east, north.

    Cut where it crosses the antimeridian; west is then greater than east (RFC 7946, 3.1.9 and 5.2).
    """
    step = max(geobox.shape) * max(abs(geobox.resolution.x), abs(geobox.resolution.y)) / _EDGE_POINTS
    shape = geobox.extent.to_crs("EPSG:4326", resolution=step, wrapdateline=True).geom
    west, south, east, north = shape.bounds
    if east - west > 180:
        halves = [part.bounds for part in shape.geoms]
        west = min(box[0] for box in halves if box[0] > 0)
        east = max(box[2] for box in halves if box[2] < 0)
    return shapely.orient_polygons(shape), (west, south, east, north)


def utm_epsg(longitude: float, latitude: float) -> int:
    """EPSG code of the WGS 84 UTM zone of a place, by the regular 6° zones."""
    zone = min(int((longitude + 180) // 6) + 1, 60)
    return (32600 if latitude >= 0 else 32700) + zone


def ground_sample_distance(geobox: GeoBox) -> tuple[float, float]:
    """True size in metres (x, y) of the pixel at the grid's centre, measured on the WGS 84 ellipsoid."""
    centre_x, centre_y = geobox.shape.x / 2, geobox.shape.y / 2
    corners = [geobox.pix2wld(centre_x + dx, centre_y + dy) for dx, dy in ((0, 0), (1, 0), (0, 1))]
    transform = geobox.crs.transformer_to_crs(CRS("EPSG:4326"), always_xy=True)  # type: ignore[union-attr]
    lon, lat = transform(np.array([x for x, _ in corners]), np.array([y for _, y in corners]))
    geod = Geod(ellps="WGS84")
    size_x = geod.inv(lon[0], lat[0], lon[1], lat[1])[2]
    size_y = geod.inv(lon[0], lat[0], lon[2], lat[2])[2]
    return float(size_x), float(size_y)


def is_metric_square(geobox: GeoBox) -> bool:
    """Whether a grid is north-up, projected, square, and its nominal metres are true metres within 2 %."""
    crs = geobox.crs
    if crs is None or not crs.projected or not geobox.axis_aligned:
        return False
    size_x, size_y = abs(geobox.resolution.x), abs(geobox.resolution.y)
    if geobox.resolution.x < 0 or geobox.resolution.y > 0 or not math.isclose(size_x, size_y, rel_tol=1e-3):
        return False
    return all(abs(true / size_x - 1) <= _SCALE_TOLERANCE for true in ground_sample_distance(geobox))


def scene_geobox(first: GeoBox, *, gsd: float, crs: str | None = None, resolution: float | None = None) -> GeoBox:
    """The grid of a scene whose first band lies on ``first``.

    The first band's own grid where that is projected, north-up and square in true metres; otherwise its UTM zone at
    ``gsd`` metres. ``crs`` and ``resolution`` override either.

    Raises:
        ParameterError: ``crs`` is unknown or not projected, or ``resolution`` is not positive.
    """
    if resolution is not None and not resolution > 0:
        raise ParameterError(f"--resolution {resolution}: must be a positive number of metres")
    if crs is None and is_metric_square(first):
        if resolution is None or math.isclose(resolution, first.resolution.x, rel_tol=1e-9):
            return first
        target = first.crs
    elif crs is None:
        target = utm_crs(first)
    else:
        try:
            target = CRS(crs)
        except Exception:
            raise ParameterError(f"--crs {crs}: not a coordinate reference system; use e.g. EPSG:32654") from None
        if not target.projected:
            raise ParameterError(
                f"--crs {crs}: is geographic; landslide areas need a projected CRS in metres, e.g. UTM"
            )
    step = gsd if resolution is None else resolution
    if crs is not None and target is not None:
        _check_true_metres(first, target, crs)
    bounds = (
        first.footprint(target).boundingbox if target is not None and target != first.crs else first.extent.boundingbox
    )
    return GeoBox.from_bbox(_snapped(bounds, step), crs=target, resolution=step)


def _check_true_metres(first: GeoBox, target: CRS, name: str) -> None:
    centre = first.footprint(target).centroid.coords[0]
    probe = GeoBox.from_bbox((centre[0], centre[1], centre[0] + 100, centre[1] + 100), crs=target, resolution=10)
    if not is_metric_square(probe):
        size = ground_sample_distance(probe)
        raise ParameterError(
            f"--crs {name}: 10 of its units are {size[0]:.1f} × {size[1]:.1f} m on the ground here, so areas would be "
            "wrong; use the UTM zone or a national grid in metres"
        )


def _snapped(bounds: BoundingBox, step: float) -> BoundingBox:
    """Bounds shrunk to whole multiples of ``step`` within half a pixel, so that neighbouring scenes share a grid."""
    left, bottom = round(bounds.left / step) * step, round(bounds.bottom / step) * step
    right, top = (
        max(round(bounds.right / step) * step, left + step),
        max(round(bounds.top / step) * step, bottom + step),
    )
    return BoundingBox(left, bottom, right, top)
