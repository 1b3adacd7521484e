"""Meridians and parallels across a map, true north, and true lengths, all from the map's own CRS."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.crs import CRS
from odc.geo.geom import BoundingBox
from pyproj import Geod

DoubleArray = NDArray[np.float64]

#: Distances between lines in seconds of arc: 90° … 1″, and lines that a map should have at least.
_STEPS: Final = tuple(
    part * unit
    for unit, parts in ((3600, (90, 45, 30, 20, 10, 5, 2, 1)), (60, (30, 20, 10, 5, 2, 1)), (1, (30, 20, 10, 5, 2, 1)))
    for part in parts
)
_LEAST_LINES: Final = 2
#: Points along a line, and a side of the grid that the range of degrees is taken from.
_POINTS: Final = 200
_SAMPLES: Final = 25
_POLE: Final = 90.0


@dataclass(frozen=True, eq=False)
class Line:
    """A meridian or a parallel within a box.

    Attributes:
        degrees: its longitude, −180 to 180, or its latitude.
        meridian: or else a parallel.
        label: degrees, and minutes and seconds as far as the step needs them.
        points: (n, 2) of the box's CRS, n ≥ 2; NaN where it leaves the box and comes back.
        side: of the box on which it ends and is named: ``bottom``, ``left``, ``top``, ``right``; none where it does not
            reach one.
        at: x of that end on ``bottom`` and ``top``, else y.
    """

    degrees: float
    meridian: bool
    label: str
    points: DoubleArray
    side: str | None
    at: float


@dataclass(frozen=True)
class Ground:
    """Places of a map's CRS in degrees (WGS 84) and back."""

    crs: CRS

    @classmethod
    def of(cls, box: BoundingBox) -> Ground:
        """Of the box's CRS.

        Raises:
            ValueError: it has none.
        """
        if box.crs is None:
            raise ValueError("a map without a CRS has no degrees")
        return cls(box.crs)

    def degrees(self, x: DoubleArray, y: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
        """Longitudes and latitudes."""
        longitude, latitude = self.crs.transformer_to_crs(CRS("EPSG:4326"), always_xy=True)(x, y)
        return np.asarray(longitude, dtype=np.float64), np.asarray(latitude, dtype=np.float64)

    def place(self, longitude: DoubleArray, latitude: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
        """Map coordinates, x and y; infinite where the CRS has no such place."""
        x, y = CRS("EPSG:4326").transformer_to_crs(self.crs, always_xy=True)(longitude, latitude)
        return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)


def graticule(box: BoundingBox) -> list[Line]:
    """The lines of a map: of each kind at the coarsest of the usual steps that gives two, where there is any.

    Lines follow the CRS, so they bend; meridians count on across the antimeridian, and all of them are there around a
    pole.

    Args:
        box: of the map, with its CRS.
    """
    ground = Ground.of(box)
    west, east, south, north = _range(box, ground)
    lines = []
    # A pole is a point and no parallel.
    for meridian, low, high in ((True, west, east), (False, max(south, 1e-6 - _POLE), min(north, _POLE - 1e-6))):
        step = _step(low, high)
        first = math.ceil(round(low * 3600 / step, 9))
        last = math.floor(round(high * 3600 / step, 9))
        if meridian and east - west >= 360:
            last = min(last, first + 360 * 3600 // step - 1)  # 180° W is 180° E
        for number in range(first, last + 1):
            degrees = number * step / 3600
            along = np.linspace(south, north, _POINTS) if meridian else np.linspace(west, east, _POINTS)
            fixed = np.full(_POINTS, degrees)
            x, y = ground.place(_wrapped(fixed), along) if meridian else ground.place(_wrapped(along), fixed)
            points = _inside(np.column_stack([x, y]), box)
            if points is not None:
                shown = float(_wrapped(np.array([degrees]))[0]) if meridian else degrees
                side, at = _end(points, box, ("bottom", "top", "left", "right") if meridian else
                                ("left", "right", "bottom", "top"))  # fmt: skip
                lines.append(Line(shown, meridian, label(shown, meridian=meridian, step=step), points, side, at))
    return lines


def label(degrees: float, *, meridian: bool, step: int) -> str:
    """Degrees with minutes and seconds as far as the step needs them: ``141°30′E``, ``0°``, ``180°``.

    Args:
        degrees: longitude or latitude.
        meridian: whether it is a longitude.
        step: between lines in seconds of arc.
    """
    seconds = round(abs(degrees) * 3600)
    text = f"{seconds // 3600}°"
    if step % 3600:
        text += f"{seconds // 60 % 60:02d}′"
    if step % 60:
        text += f"{seconds % 60:02d}″"
    if seconds == 0 or (meridian and seconds == 180 * 3600):
        return text
    return text + ("EW" if meridian else "NS")[degrees < 0]


def north(box: BoundingBox) -> float:
    """Degrees clockwise from up in which true north lies at the middle of a map; 0 at a pole."""
    ground = Ground.of(box)
    x, y = (box.left + box.right) / 2, (box.bottom + box.top) / 2
    longitude, latitude = ground.degrees(np.array([x]), np.array([y]))
    ahead = np.minimum(latitude + 1e-4, _POLE)
    to_x, to_y = ground.place(longitude, ahead)
    found = math.degrees(math.atan2(float(to_x[0]) - x, float(to_y[0]) - y))
    return found if math.isfinite(found) else 0.0


def true_length(box: BoundingBox) -> float:
    """Metres on the ellipsoid of one unit of a map's x axis at its middle."""
    ground = Ground.of(box)
    x, y = (box.left + box.right) / 2, (box.bottom + box.top) / 2
    half = (box.right - box.left) / 200
    longitude, latitude = ground.degrees(np.array([x - half, x + half]), np.array([y, y]))
    _, _, metres = Geod(ellps="WGS84").inv(longitude[0], latitude[0], longitude[1], latitude[1])
    return float(metres) / (2 * half)


def _range(box: BoundingBox, ground: Ground) -> tuple[float, float, float, float]:
    """West, east, south and north of a box in degrees; east is above 180 where it crosses the antimeridian."""
    x, y = (part.ravel() for part in np.meshgrid(
        np.linspace(box.left, box.right, _SAMPLES), np.linspace(box.bottom, box.top, _SAMPLES)
    ))  # fmt: skip
    longitude, latitude = ground.degrees(x, y)
    known = np.isfinite(longitude) & np.isfinite(latitude)
    longitude, latitude = longitude[known], latitude[known]
    south, north = float(latitude.min()), float(latitude.max())
    for pole in (-_POLE, _POLE):
        px, py = (float(part[0]) for part in ground.place(np.zeros(1), np.array([pole])))
        if box.left <= px <= box.right and box.bottom <= py <= box.top and abs(pole - (south, north)[pole > 0]) < 45:
            return -180.0, 180.0, min(south, pole), max(north, pole)
    middle = float(ground.degrees(np.array([(box.left + box.right) / 2]), np.array([(box.bottom + box.top) / 2]))[0][0])
    beside = (longitude - middle + 180) % 360 - 180
    return middle + float(beside.min()), middle + float(beside.max()), south, north


def _step(low: float, high: float) -> int:
    for step in _STEPS:
        if math.floor(high * 3600 / step) - math.ceil(low * 3600 / step) + 1 >= _LEAST_LINES:
            return step
    return _STEPS[-1]


def _wrapped(longitude: DoubleArray) -> DoubleArray:
    """Within −180 to 180; 180 stays 180."""
    return np.where(np.abs(longitude) <= 180, longitude, (longitude + 180) % 360 - 180)


def _inside(points: DoubleArray, box: BoundingBox) -> DoubleArray | None:
    """The part of a line in a box with its crossings of the edges; NaN where it is out of it; None: all of it is."""
    known = np.isfinite(points).all(axis=1)
    if known.sum() < 2:
        return None
    # A line that jumps from one side of the CRS to the other is no line there.
    steps = np.hypot(*np.diff(points[known], axis=0).T)
    parts = np.split(points[known], np.flatnonzero(steps > 20 * max(float(np.median(steps)), 1e-9)) + 1)
    lines = [shapely.LineString(part) for part in parts if len(part) > 1]
    cut = shapely.intersection(shapely.MultiLineString(lines), shapely.box(box.left, box.bottom, box.right, box.top))
    found = [
        shapely.get_coordinates(part)
        for part in shapely.get_parts(cut)
        if part.geom_type == "LineString" and part.length > 0
    ]
    if not found:
        return None
    gap = np.full((1, 2), np.nan)
    return np.concatenate([piece for part in found for piece in (gap, part)][1:])


def _end(points: DoubleArray, box: BoundingBox, sides: tuple[str, ...]) -> tuple[str | None, float]:
    """The first of the sides that a line ends on, and where."""
    near = 1e-6 * max(box.right - box.left, box.top - box.bottom)
    edges = {"bottom": (1, box.bottom), "top": (1, box.top), "left": (0, box.left), "right": (0, box.right)}
    for side in sides:
        axis, value = edges[side]
        there = points[np.abs(points[:, axis] - value) < near]
        if len(there):
            return side, float(there[0, 1 - axis])
    return None, math.nan
