from __future__ import annotations

import geopandas as gpd
import pytest
import shapely

from landslide_geo.errors import InventoryError, MissingCRSError, SourceNotFoundError
from landslide_geo.inventory.outlines import read_outlines

BOW = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])  # crosses itself


def write(path, shapes, *, crs="EPSG:32654", layer=None):
    gpd.GeoDataFrame({"n": range(len(shapes))}, geometry=shapes, crs=crs).to_file(path, layer=layer)
    return path


def test_invalid_outlines_are_mended_and_counted(tmp_path):
    found = read_outlines(write(tmp_path / "a.gpkg", [BOW, shapely.box(20, 0, 30, 10)]))
    assert (found.repaired, found.dropped) == (1, 0)
    assert shapely.is_valid(found.shapes).all()
    assert shapely.area(found.shapes).tolist() == [50, 100]


def test_outlines_without_area_are_left_out_and_counted(tmp_path):
    line = shapely.Polygon([(0, 0), (10, 0), (5, 0)])
    found = read_outlines(write(tmp_path / "a.gpkg", [None, line, shapely.box(0, 0, 1, 1)]))
    assert (len(found.frame), found.dropped) == (1, 2)
    assert found.frame["n"].tolist() == [2]


def test_degrees_become_metres(tmp_path):
    found = read_outlines(write(tmp_path / "a.gpkg", [shapely.box(142, 42, 142.001, 42.001)], crs="EPSG:4326"))
    assert found.frame.crs.to_epsg() == 32654
    assert shapely.area(found.shapes)[0] == pytest.approx(82.9 * 111.07, rel=0.01)
    other = read_outlines(tmp_path / "a.gpkg", crs=gpd.GeoSeries(crs="EPSG:32655").crs)
    assert other.frame.crs.to_epsg() == 32655


def test_the_layer_of_landslides_is_found_among_others(tmp_path):
    path = write(tmp_path / "a.gpkg", [shapely.box(0, 0, 1, 1)], layer="visibility")
    write(path, [shapely.box(0, 0, 2, 2)], layer="landslides")
    assert shapely.area(read_outlines(path).shapes).tolist() == [4]
    assert shapely.area(read_outlines(path, layer="visibility").shapes).tolist() == [1]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda p: p, SourceNotFoundError, "no such file"),
        (lambda p: p.write_text("no") and p, InventoryError, "cannot be read"),
        (lambda p: write(p, [shapely.Point(0, 0)]), InventoryError, "could hold the polygons"),
        (lambda p: write(p, [shapely.box(0, 0, 1, 1)], crs=None), MissingCRSError, "no CRS"),
    ],
)
def test_what_is_no_inventory_is_named(tmp_path, make, error, words):
    path = tmp_path / "bad.gpkg"
    make(path)
    with pytest.raises(error, match=words) as told:
        read_outlines(path)
    assert "bad.gpkg" in str(told.value)


def test_several_layers_to_choose_from_are_named(tmp_path):
    path = write(tmp_path / "a.gpkg", [shapely.box(0, 0, 1, 1)], layer="one")
    write(path, [shapely.box(0, 0, 2, 2)], layer="two")
    with pytest.raises(InventoryError, match="one, two"):
        read_outlines(path)
    with pytest.raises(InventoryError, match="no layer 'three'; it has one, two"):
        read_outlines(path, layer="three")
