from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from landslide_geo.errors import ParameterError
from landslide_geo.scene.grid import (
    Block,
    blocks,
    geographic_centre,
    geographic_footprint,
    ground_sample_distance,
    is_metric_square,
    scene_geobox,
    utm_crs,
    utm_epsg,
)

UTM = GeoBox.from_bbox((500000, 4700000, 510000, 4708000), crs="EPSG:32654", resolution=10)
DEGREES = GeoBox.from_bbox((141.89, 42.68, 142.03, 42.77), crs="EPSG:4326", resolution=8.983152841e-05)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40))
def test_blocks_tile_the_scene_without_gap_or_overlap(height, width, size):
    seen = {}
    for block in blocks(height, width, size):
        for row in range(block.row, block.row + block.height):
            for col in range(block.col, block.col + block.width):
                assert (row, col) not in seen
                seen[row, col] = True
    assert len(seen) == height * width


@given(st.integers(-20, 40), st.integers(-20, 40), st.integers(1, 30), st.integers(1, 30))
def test_clipped_is_what_lies_inside(row, col, height, width):
    part = Block(row, col, height, width).clipped(20, 20)
    expected = {
        (r, c) for r in range(row, row + height) for c in range(col, col + width) if 0 <= r < 20 and 0 <= c < 20
    }
    assert part.height * part.width == len(expected)


def test_zones():
    assert [utm_epsg(lon, lat) for lon, lat in ((-180, 1), (179.99, -1), (3, 0), (142, 42.7))] == [
        32601,
        32760,
        32631,
        32654,
    ]
    across = GeoBox.from_bbox((179.9, 10, 180.1, 10.1), crs="EPSG:4326", resolution=0.0001)
    assert utm_crs(across).epsg in (32601, 32660)


def test_a_pixel_of_utm_is_as_large_as_it_says_and_one_of_degrees_is_not_square():
    x, y = ground_sample_distance(UTM)
    assert x == pytest.approx(10, rel=1e-3)
    assert y == pytest.approx(10, rel=1e-3)
    x, y = ground_sample_distance(DEGREES)
    assert x == pytest.approx(7.36, abs=0.02), "the Hokkaido scene's pixels are 7.4 m wide"
    assert y == pytest.approx(9.98, abs=0.02)


def test_a_metric_grid_is_kept_and_others_go_to_utm():
    assert scene_geobox(UTM, gsd=10) == UTM
    warped = scene_geobox(DEGREES, gsd=10)
    assert warped.crs.epsg == 32654
    assert (warped.resolution.x, warped.resolution.y) == (10, -10)
    mercator = GeoBox.from_bbox((1.58e7, 5.2e6, 1.581e7, 5.21e6), crs="EPSG:3857", resolution=10)
    assert not is_metric_square(mercator), "Web Mercator metres are not metres"
    assert scene_geobox(mercator, gsd=10).crs.epsg == 32654
    oblong = GeoBox.from_bbox((500000, 4700000, 510000, 4708000), crs="EPSG:32654", resolution=10)
    oblong = GeoBox(oblong.shape, oblong.affine * oblong.affine.scale(1, 2), oblong.crs)
    assert scene_geobox(oblong, gsd=10).resolution.y == -10


def test_the_warped_grid_covers_the_ground_and_starts_on_whole_pixels():
    warped = scene_geobox(DEGREES, gsd=10)
    assert warped.extent.boundingbox.left % 10 == 0
    true = DEGREES.footprint("EPSG:32654").boundingbox
    assert math.isclose(warped.extent.boundingbox.left, true.left, abs_tol=10)
    assert math.isclose(warped.extent.boundingbox.top, true.top, abs_tol=10)


def test_overrides():
    assert scene_geobox(UTM, gsd=10, resolution=20).shape == (400, 500)
    assert scene_geobox(UTM, gsd=10, crs="EPSG:32655").crs.epsg == 32655


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"crs": "EPSG:4326"}, "is geographic"),
        ({"crs": "EPSG:3857"}, "areas would be wrong"),
        ({"crs": "EPSG:2193"}, "areas would be wrong"),
        ({"crs": "moon"}, "not a coordinate"),
        ({"resolution": 0}, "positive"),
    ],
)
def test_bad_overrides_are_refused(options, words):
    with pytest.raises(ParameterError, match=words):
        scene_geobox(UTM, gsd=10, **options)


@pytest.mark.parametrize(("crs", "x"), [("EPSG:32760", 820_000), ("EPSG:32701", 180_000)])
def test_footprint_across_the_antimeridian_is_cut(crs: str, x: float) -> None:
    """RFC 7946: two parts, and a box whose west is greater than its east."""
    shape, (west, south, east, north) = geographic_footprint(
        GeoBox.from_bbox((x - 5000, 8_110_000, x + 5000, 8_120_000), crs=crs, resolution=10)
    )
    assert shape.geom_type == "MultiPolygon"
    assert 179.9 < west < 180
    assert -180 < east < -179.9
    assert -17.1 < south < north < -16.9
    assert sorted(part.bounds[0] for part in shape.geoms) == [-180, west]
    assert sorted(part.bounds[2] for part in shape.geoms) == [east, 180]
    assert all(part.exterior.is_ccw for part in shape.geoms)


def test_footprint_elsewhere_is_one_part() -> None:
    shape, box = geographic_footprint(
        GeoBox.from_bbox((580_000, 4_720_000, 590_000, 4_730_000), crs="EPSG:32654", resolution=10)
    )
    assert shape.geom_type == "Polygon"
    assert box == shape.bounds
    assert geographic_centre(GeoBox.from_bbox((500_000, 0, 500_010, 10), crs="EPSG:32601", resolution=10)) == (
        pytest.approx(-177, abs=1e-3), pytest.approx(0, abs=1e-3),
    )  # fmt: skip
