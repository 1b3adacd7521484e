from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.scene.sun import overpass_sun, sun_position
from landslide_geo.scene.terrain import (
    aspect_degrees,
    curvature,
    hillshade,
    illumination,
    metric_dem,
    relief,
    slope_degrees,
)

ROWS, COLS = np.mgrid[0:12, 0:15].astype(np.float32)


@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(1, 90), st.floats(1, 90))
def test_a_plane_has_its_slope_and_aspect_everywhere_to_the_rim(east, north, width, height):
    plane = (COLS * width * east - ROWS * height * north).astype(np.float32)
    slope = slope_degrees(plane, (width, height))
    np.testing.assert_allclose(slope, np.degrees(np.arctan(np.hypot(east, north))), atol=0.02)
    if np.hypot(east, north) > 0.05:
        turn = aspect_degrees(plane, (width, height)) - np.degrees(np.arctan2(-east, -north))
        np.testing.assert_allclose(np.cos(np.radians(turn)), 1, atol=1e-4)


def test_curvature_of_a_paraboloid():
    y, x = np.mgrid[:20, :20] * 10.0
    bowl = (0.002 * (x - 100) ** 2 + 0.001 * (y - 100) ** 2).astype(np.float32)
    np.testing.assert_allclose(curvature(bowl, (10, 10))[3:-3, 3:-3], -0.006, atol=1e-5)
    np.testing.assert_allclose(curvature(-bowl, (10, 10))[3:-3, 3:-3], 0.006, atol=1e-5)
    bowl[10, 10] = np.nan
    assert np.isnan(curvature(bowl, (10, 10))[[10, 8, 10], [10, 10, 12]]).all()


@given(st.integers(0, 9), st.integers(0, 11), st.floats(8, 40), st.floats(8, 40), st.floats(5, 150))
def test_relief_is_that_of_a_disc(row, col, width, height, within):
    ground = np.random.default_rng(row * 12 + col).normal(800, 90, (10, 12)).astype(np.float32)
    ground[3, 4] = np.nan
    rows, cols = np.mgrid[:10, :12]
    distance = np.sqrt(((rows - row) * height) ** 2 + ((cols - col) * width) ** 2)
    # A cell that lies right on the circle may count or not.
    inner, outer = (ground[distance <= within + slack] for slack in (-1e-6, 1e-6))
    found = relief(ground, (width, height), within=within)[row, col]
    if (row, col) == (3, 4):
        assert np.isnan(found)
    else:
        low, high = (np.nanmax(part) - np.nanmin(part) for part in (inner, outer))
        assert low - 1e-3 <= found <= high + 1e-3


def test_flat_ground_has_no_aspect_and_full_light_from_above():
    flat = np.full((5, 5), 7, dtype=np.float32)
    assert np.isnan(aspect_degrees(flat, (10, 10))).all()
    np.testing.assert_allclose(illumination(flat, (10, 10), azimuth=90, altitude=30), 0.5, atol=1e-6)


def test_a_slope_facing_the_sun_is_brightest_and_one_turned_away_is_in_shadow():
    to_the_east = (-COLS * 10).astype(np.float32)  # falls towards east at 45°
    assert illumination(to_the_east, (10, 10), azimuth=90, altitude=45).min() == pytest.approx(1, abs=1e-5)
    assert illumination(to_the_east, (10, 10), azimuth=270, altitude=30).max() < 0


def test_hillshade_keeps_zero_for_unknown_ground():
    ground = (COLS * 3).astype(np.float32)
    ground[4, 4] = np.nan
    shade = hillshade(ground, (10, 10))
    assert (shade == 0).sum() == 9
    assert shade[0, 0] > 0


def test_a_geographic_dem_is_projected_to_metres(simulated):
    with metric_dem(simulated.dem) as dem:
        assert dem.crs.to_epsg() == 32654
        assert dem.res[0] == pytest.approx(27, abs=5)
        assert dem.read(1, masked=True).max() > 100


def test_the_sun_stands_where_the_almanac_says():
    # Solstice noon at the Tropic of Cancer: overhead. Equinox noon at the equator: overhead.
    assert sun_position(0, 23.44, datetime(2020, 6, 20, 12, 2, tzinfo=UTC)).altitude == pytest.approx(90, abs=1)
    assert sun_position(0, 0, datetime(2020, 3, 20, 12, 7, tzinfo=UTC)).altitude == pytest.approx(90, abs=1)
    # London, 21 December, noon: 15.1° in the south.
    winter = sun_position(0, 51.5, datetime(2020, 12, 21, 11, 58, tzinfo=UTC))
    assert winter.altitude == pytest.approx(15.1, abs=0.5)
    assert winter.azimuth == pytest.approx(180, abs=1)


def test_at_the_overpass_the_sun_stands_in_the_south_east_of_the_north():
    sun = overpass_sun(142, 42.7, date(2018, 9, 11))
    assert 120 < sun.azimuth < 170
    assert 40 < sun.altitude < 60
