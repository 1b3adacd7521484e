from __future__ import annotations

import geopandas as gpd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, box

from landslide_geo.errors import EmptyAOIError, ParameterError
from landslide_geo.scene.stac.region import region_of, unwrapped


@given(
    st.floats(-179, 178), st.floats(-75, 79), st.floats(0.01, 0.5), st.floats(0.01, 0.5), st.sampled_from([5, 10, 20])
)
def test_the_grid_covers_the_area_and_lies_on_multiples_of_its_pixels(west, south, width, height, resolution):
    region = region_of(aoi=None, bbox=(west, south, west + width, south + height), resolution=resolution)
    grid = region.geobox
    assert all(abs(edge / resolution - round(edge / resolution)) < 1e-6 for edge in grid.boundingbox.bbox)
    outline = region.on_grid
    assert shapely.box(*grid.boundingbox.bbox).buffer(1e-3).contains(outline)
    left, bottom, right, top = outline.bounds
    assert (right - left) / resolution + 2 >= grid.shape.x and (top - bottom) / resolution + 2 >= grid.shape.y
    assert region.covered(region.area) == pytest.approx(1)
    assert region.covered(box(west, south, west + width / 2, south + height)) == pytest.approx(0.5)


def test_the_zone_is_that_of_the_middle_and_an_area_of_two_zones_says_so():
    region = region_of(aoi=None, bbox="137.9,42.0,138.4,42.2", resolution=10)
    assert region.geobox.crs.epsg == 32654
    assert "UTM zones 53 to 54" in region.notes[0] and "EPSG:32654" in region.notes[0]
    assert region_of(aoi=None, bbox="138.0,42.0,143.9,42.2", resolution=10).notes == ()
    assert region_of(aoi=None, bbox="10,-1.2,10.5,-1", resolution=10).geobox.crs.epsg == 32732


@pytest.mark.parametrize("bbox", ["179.8,-17,-179.9,-16.5", "179.9,-17,-179.8,-16.5"])
def test_across_the_antimeridian_there_are_two_boxes_and_one_grid(bbox):
    region = region_of(aoi=None, bbox=bbox, resolution=10)
    (west, _, middle, _), (start, _, east, _) = region.boxes
    assert (middle, start) == (180, -180) and west > 179 and east < -179
    assert region.geobox.crs.epsg == (32760 if west == 179.8 else 32701)
    width = region.geobox.shape.x * 10
    assert width == pytest.approx(0.3 * 111_320 * 0.958, rel=0.04)
    assert region.covered(box(179, -18, 180, -16)) + region.covered(box(-180, -18, -179, -16)) == pytest.approx(1)
    # As catalogues write footprints that cross it: cut in two, or running round the earth.
    assert region.covered(MultiPolygon([box(179, -18, 180, -16), box(-180, -18, -179, -16)])) == pytest.approx(1)
    ring = shapely.Polygon([(179, -18), (-179, -18), (-179, -16), (179, -16)])
    assert region.covered(ring) == pytest.approx(1)
    assert unwrapped(ring).bounds == (179, -18, 181, -16)


def test_polygons_of_any_crs_are_taken(tmp_path):
    square = box(600000, 4720000, 602000, 4721000)
    gpd.GeoDataFrame(geometry=[square], crs="EPSG:32654").to_file(tmp_path / "aoi.gpkg")
    region = region_of(aoi=tmp_path / "aoi.gpkg", bbox=None, resolution=10)
    assert region.geobox.crs.epsg == 32654
    assert abs(region.geobox.shape.x - 200) <= 1 and abs(region.geobox.shape.y - 100) <= 1
    both = gpd.GeoSeries([box(179.9, -17, 180, -16.9), box(-180, -17, -179.95, -16.9)], crs="EPSG:4326")
    both.to_file(tmp_path / "both.geojson")
    assert len(region_of(aoi=tmp_path / "both.geojson", bbox=None, resolution=10).boxes) == 2


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({}, ParameterError, "one of --aoi FILE and --bbox"),
        ({"bbox": "1,2,3"}, ParameterError, "not four numbers"),
        ({"bbox": "1,3,2,2"}, ParameterError, "no box in degrees"),
        ({"bbox": "1,2,1,3"}, ParameterError, "no box in degrees"),
        ({"bbox": "1,84,2,86"}, ParameterError, "where UTM ends"),
        ({"bbox": "0,42,15,43"}, ParameterError, "cut it in parts"),
        ({"bbox": "1,2,3,4", "resolution": 0}, ParameterError, "positive number of metres"),
    ],
)
def test_useless_areas_are_named(options, error, words):
    with pytest.raises(error, match=words):
        region_of(**({"aoi": None, "bbox": None, "resolution": 10} | options))


def test_an_area_without_extent_is_named(tmp_path):
    gpd.GeoSeries([shapely.Polygon([(1, 1), (2, 2), (1, 1)])], crs="EPSG:4326").to_file(tmp_path / "aoi.geojson")
    with pytest.raises(EmptyAOIError, match="no extent"):
        region_of(aoi=tmp_path / "aoi.geojson", bbox=None, resolution=10)
