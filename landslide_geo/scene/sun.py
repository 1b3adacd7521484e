"""Where the sun stood: for terrain shadow, where the scene's metadata do not say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from pyproj import Geod

from landslide_geo.scene.grid import geographic_centre

#: Mean local solar time at which Sentinel-2 and Landsat 8/9 cross the equator on their descending pass.
OVERPASS = time(10, 30)
#: How far ahead a direction is taken from, in metres.
_AHEAD_M = 100.0


@dataclass(frozen=True)
class SunPosition:
    """Azimuth in degrees clockwise from north, altitude above the horizon in degrees.

    Attributes:
        azimuth, altitude: of the sun.
        estimated: by the usual hour of an overpass, rather than told: some degrees off.
    """

    azimuth: float
    altitude: float
    estimated: bool = False

    def on_grid(self, geobox: GeoBox) -> SunPosition:
        """The same with the azimuth against the north of a grid, its columns, at the grid's centre.

        Columns of a UTM zone run up to 3° from the meridians, which moves the shadow of a high cloud by 500 m.
        """
        longitude, latitude = geographic_centre(geobox)
        there = Geod(ellps="WGS84").fwd(longitude, latitude, self.azimuth, _AHEAD_M)
        to_grid = CRS("EPSG:4326").transformer_to_crs(CRS(str(geobox.crs)), always_xy=True)
        (west, east), (south, north) = to_grid(np.array([longitude, there[0]]), np.array([latitude, there[1]]))
        return replace(self, azimuth=float(np.degrees(np.arctan2(east - west, north - south)) % 360))


def sun_position(longitude: float, latitude: float, when: datetime) -> SunPosition:
    """The sun's direction at a place and time (aware datetime), to about 0.5°.

    NOAA Global Monitoring Laboratory, "General solar position calculations": a Fourier series in the day of the year
    for the equation of time and the declination.
    """
    utc = when.astimezone(UTC)
    hours = utc.hour + utc.minute / 60 + utc.second / 3600
    g = 2 * np.pi / 365 * (utc.timetuple().tm_yday - 1 + (hours - 12) / 24)
    equation_of_time = 229.18 * (
        0.000075 + 0.001868 * np.cos(g) - 0.032077 * np.sin(g) - 0.014615 * np.cos(2 * g) - 0.040849 * np.sin(2 * g)
    )
    declination = (
        0.006918 - 0.399912 * np.cos(g) + 0.070257 * np.sin(g) - 0.006758 * np.cos(2 * g)
        + 0.000907 * np.sin(2 * g) - 0.002697 * np.cos(3 * g) + 0.00148 * np.sin(3 * g)
    )  # fmt: skip
    hour_angle = np.radians((hours * 60 + equation_of_time + 4 * longitude) / 4 - 180)
    lat = np.radians(latitude)
    # The sun's direction in the local frame: east, north, up.
    east = -np.cos(declination) * np.sin(hour_angle)
    north = np.sin(declination) * np.cos(lat) - np.cos(declination) * np.sin(lat) * np.cos(hour_angle)
    up = np.sin(declination) * np.sin(lat) + np.cos(declination) * np.cos(lat) * np.cos(hour_angle)
    return SunPosition(float(np.degrees(np.arctan2(east, north)) % 360), float(np.degrees(np.arcsin(up))))


def overpass_sun(longitude: float, latitude: float, day: date) -> SunPosition:
    """The sun's direction at the usual overpass time, where only the day is known."""
    local = datetime.combine(day, OVERPASS, tzinfo=UTC)
    return replace(sun_position(longitude, latitude, local - timedelta(hours=longitude / 15)), estimated=True)
