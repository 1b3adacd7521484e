"""Where to ingest: an area in longitude and latitude, the boxes to search it by, and the one grid over it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from odc.geo.geom import BoundingBox
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from landslide_geo.errors import EmptyAOIError, ParameterError
from landslide_geo.scene.grid import utm_epsg
from landslide_geo.scene.open import read_polygons

Box = tuple[float, float, float, float]

#: UTM is defined between these latitudes.
_SOUTH, _NORTH = -80.0, 84.0
#: Degrees of longitude from the middle of its zone that an area may reach: there scales are off by 0.5 %.
_REACH: Final = 6.0
#: Points along an edge of an area, so that it follows the parallels that it crosses.
_EDGE: Final = 50


@dataclass(frozen=True, eq=False)
class Region:
    """An area of interest.

    Attributes:
        area: in longitude and latitude (WGS 84); longitudes go on beyond 180° where it crosses the antimeridian.
        geobox: the grid over it: UTM, pixel edges on multiples of the resolution.
        boxes: west, south, east, north within ±180°; two where it crosses the antimeridian.
        notes: what is worth knowing about the grid.
    """

    area: BaseGeometry
    geobox: GeoBox
    boxes: tuple[Box, ...]
    notes: tuple[str, ...] = ()

    @property
    def on_grid(self) -> BaseGeometry:
        """The area in the grid's CRS."""
        return _projected(self.area, str(self.geobox.crs))

    def covered(self, footprint: BaseGeometry) -> float:
        """Share (0–1) of the area that a footprint in longitude and latitude covers, at whichever turn."""
        shape = shapely.make_valid(unwrapped(footprint))
        turns = [shapely.transform(shape, lambda xy, turn=turn: xy + np.array([turn, 0])) for turn in (-360, 0, 360)]
        shared = shapely.union_all(turns).intersection(self.area).area
        return min(float(shared / self.area.area), 1.0)


def region_of(*, aoi: Path | None, bbox: str | Sequence[float] | None, resolution: float) -> Region:
    """The region that a user names.

    Args:
        aoi: vector file with polygons, in any CRS.
        bbox: ``W,S,E,N`` in degrees; west greater than east crosses the antimeridian.
        resolution: of the grid, in metres.

    Raises:
        ParameterError: both or neither are given, the box is none, or the area is too large or too near to a pole.
        EmptyAOIError: the file holds no polygon, or the area has no extent.
        SourceNotFoundError, InventoryError: the file is missing, is no vector file, or has no CRS.
    """
    if (aoi is None) == (bbox is None):
        raise ParameterError("name the area by one of --aoi FILE and --bbox W,S,E,N")
    if not resolution > 0:
        raise ParameterError(f"--resolution {resolution:g}: must be a positive number of metres")
    if bbox is not None:
        return _region(_box(bbox), resolution, "--bbox")
    assert aoi is not None
    polygons = read_polygons(aoi)
    area = shapely.union_all([unwrapped(shape) for shape in polygons.to_crs("EPSG:4326")])
    return _region(unwrapped(area), resolution, str(aoi))


def unwrapped(shape: BaseGeometry) -> BaseGeometry:
    """A geometry that seems to go round the earth, across the antimeridian instead, its west beyond 180°.

    No area of interest and no footprint of a satellite is wider than half of the earth.
    """
    west, _, east, _ = shape.bounds
    if not east - west > 180:
        return shape

    def turn(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack([np.where(xy[:, 0] < 0, xy[:, 0] + 360, xy[:, 0]), xy[:, 1]])

    return shapely.transform(shape, turn)


def _box(given: str | Sequence[float]) -> BaseGeometry:
    parts = given.split(",") if isinstance(given, str) else list(given)
    try:
        west, south, east, north = (float(part) for part in parts)
    except ValueError:
        raise ParameterError(f"--bbox {given}: is not four numbers; write it as W,S,E,N in degrees") from None
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south < north <= 90 and west != east):
        raise ParameterError(
            f"--bbox {given}: is no box in degrees; write it as W,S,E,N with S below N and W west of E, longitudes "
            "within ±180 and latitudes within ±90"
        )
    return shapely.box(west, south, east if west < east else east + 360, north)


def _region(area: BaseGeometry, resolution: float, named: str) -> Region:
    area = shapely.make_valid(area)
    if not area.area > 0:
        raise EmptyAOIError(f"{named}: has no extent; draw a polygon")
    west, south, east, north = area.bounds
    if south < _SOUTH or north > _NORTH:
        raise ParameterError(f"{named}: reaches beyond {_SOUTH:g}° and {_NORTH:g}° of latitude, where UTM ends; cut it")
    middle = (west + east) / 2
    longitude = (middle + 180) % 360 - 180
    epsg = utm_epsg(longitude, area.centroid.y)
    centre = ((epsg % 100) - 1) * 6 - 177 + middle - longitude
    if max(centre - west, east - centre) > _REACH:
        raise ParameterError(
            f"{named}: is {east - west:.1f}° wide and reaches more than {_REACH:g}° from the middle of its UTM zone, "
            "where areas go wrong; cut it in parts and ingest each"
        )
    first, last = (utm_epsg((edge + 180) % 360 - 180, area.centroid.y) % 100 for edge in (west, east - 1e-9))
    notes = []
    if first != last:
        notes.append(
            f"the area lies in UTM zones {first} to {last}; the scene's grid is that of zone {epsg % 100} (EPSG:{epsg})"
        )
    bounds = _projected(area, f"EPSG:{epsg}").bounds
    left, bottom = (math.floor(value / resolution + 1e-9) * resolution for value in bounds[:2])
    right, top = (math.ceil(value / resolution - 1e-9) * resolution for value in bounds[2:])
    geobox = GeoBox.from_bbox(BoundingBox(left, bottom, right, top, f"EPSG:{epsg}"), resolution=resolution)
    return Region(area, geobox, _search_boxes(west, south, east, north), tuple(notes))


def _search_boxes(west: float, south: float, east: float, north: float) -> tuple[Box, ...]:
    if west < -180:
        west, east = west + 360, east + 360
    if east <= 180:
        return ((west, south, east, north),)
    return ((west, south, 180.0, north), (-180.0, south, east - 360, north))


def _projected(area: BaseGeometry, crs: str) -> BaseGeometry:
    """An area on a UTM grid, its edges following parallels and meridians."""
    transformer = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    west, south, east, north = area.bounds
    dense = shapely.segmentize(area, max(east - west, north - south) / _EDGE)

    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(transformer.transform((xy[:, 0] + 180) % 360 - 180, xy[:, 1]))

    return shapely.transform(dense, move)
