from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pandas.testing
import pyogrio
import pytest
from inventory_scenes import CRS, PROVENANCE, layers, ramp, square

from landslide_geo.errors import InventoryError, OutputError, SourceNotFoundError
from landslide_geo.inventory import Inventory, geopackage, read_layer, schema, vectorize, write_geopackage

SHAPE = (60, 60)


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    folder = tmp_path_factory.mktemp("scan")
    mask = square(SHAPE, 20, 15, 20) | square(SHAPE, 45, 45, 5)
    scan = layers(folder, mask, dem=ramp(folder / "dem.tif", SHAPE, north=0.5))
    return vectorize(scan, PROVENANCE, threshold=0.5, min_area_m2=900, min_slope_deg=10)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    scan = layers(tmp_path_factory.mktemp("empty"), np.zeros(SHAPE, dtype=bool))
    return vectorize(scan, PROVENANCE, threshold=0.5, min_area_m2=900, min_slope_deg=10)


def test_what_is_written_is_read_back(inventory: Inventory, tmp_path: Path) -> None:
    write_geopackage(tmp_path / "l.gpkg", inventory)
    assert [row[0] for row in pyogrio.list_layers(tmp_path / "l.gpkg")][:4] == [each.name for each in schema.LAYERS]
    for layer in schema.LAYERS:
        expected, found = getattr(inventory, layer.name), read_layer(tmp_path / "l.gpkg", layer.name)
        assert found.crs == CRS
        pandas.testing.assert_frame_equal(
            pd.DataFrame(found.drop(columns="geometry")), pd.DataFrame(expected.drop(columns="geometry"))
        )
        assert found.geometry.geom_equals_exact(expected.geometry, 0).all()


@pytest.mark.parametrize("which", ["inventory", "empty"])
def test_columns_have_their_types_also_without_a_row(
    which: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    write_geopackage(tmp_path / "l.gpkg", request.getfixturevalue(which))
    with sqlite3.connect(tmp_path / "l.gpkg") as database:
        types = {row[1]: row[2] for row in database.execute("PRAGMA table_info(landslides)")}
    wanted = {
        "text": "TEXT",
        "int": "MEDIUMINT",
        "real": "REAL",
        "bool": "BOOLEAN",
        "date": "DATE",
        "datetime": "DATETIME",
    }
    assert {field.name: types[field.name] for field in schema.LANDSLIDES.fields} == {
        field.name: wanted[field.kind] for field in schema.LANDSLIDES.fields
    }


def test_every_layer_has_a_spatial_index(inventory: Inventory, tmp_path: Path) -> None:
    write_geopackage(tmp_path / "l.gpkg", inventory)
    for layer in schema.LAYERS:
        assert pyogrio.read_info(tmp_path / "l.gpkg", layer=layer.name)["capabilities"]["fast_spatial_filter"]


def test_nulls_are_nulls_and_times_are_utc(inventory: Inventory, tmp_path: Path) -> None:
    write_geopackage(tmp_path / "l.gpkg", inventory)
    with sqlite3.connect(tmp_path / "l.gpkg") as database:
        row = database.execute(
            "SELECT date_post, date_pre, detected_at, amalgamated, change_score, parent_id FROM landslides"
        ).fetchone()
    assert row == ("2018-09-08", None, "2026-11-20T12:30:00.000Z", 0, None, None)


def test_styles_are_where_qgis_looks_for_them(empty: Inventory, tmp_path: Path) -> None:
    write_geopackage(tmp_path / "l.gpkg", empty)
    with sqlite3.connect(tmp_path / "l.gpkg") as database:
        rows = database.execute(
            "SELECT f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, useAsDefault, styleQML"
            " FROM layer_styles"
        ).fetchall()
        kind = database.execute("SELECT data_type FROM gpkg_contents WHERE table_name = 'layer_styles'").fetchone()
        column = database.execute("SELECT column_name FROM gpkg_geometry_columns WHERE table_name = 'landslides'")
        geometry = column.fetchone()[0]
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert kind == ("attributes",)
    assert {row[2] for row in rows} == {layer.name for layer in schema.LAYERS}
    for row in rows:
        assert row[:2] == ("", "")
        assert row[3] == geometry
        assert len(row[4]) <= 30
        assert row[6].startswith("<!DOCTYPE qgis")
    assert [row[2] for row in rows if row[5]] == [layer.name for layer in schema.LAYERS], "one default for each"
    assert [row[4] for row in rows if not row[5]] == ["landslides by review status"]


def test_an_old_file_is_replaced_whole(inventory: Inventory, empty: Inventory, tmp_path: Path) -> None:
    path = tmp_path / "l.gpkg"
    write_geopackage(path, inventory)
    write_geopackage(path, empty)
    assert len(read_layer(path)) == 0
    assert [each.name for each in tmp_path.iterdir()] == ["l.gpkg"]


def test_failure_leaves_the_old_file_and_nothing_else(
    inventory: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "l.gpkg"
    write_geopackage(path, inventory)
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk full")

    monkeypatch.setattr(geopackage, "add_styles", fail)
    with pytest.raises(OutputError, match="disk full"):
        write_geopackage(path, replace(inventory))
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["l.gpkg"]


def test_a_file_open_elsewhere_or_a_missing_folder_is_one_line(empty: Inventory, tmp_path: Path) -> None:
    (tmp_path / "l.gpkg-wal").write_bytes(b"")
    with pytest.raises(OutputError, match="another program") as caught:
        write_geopackage(tmp_path / "l.gpkg", empty)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "l.gpkg").exists()
    with pytest.raises(OutputError, match="cannot be written"):
        write_geopackage(tmp_path / "absent" / "l.gpkg", empty)


def test_bad_files_are_told(empty: Inventory, tmp_path: Path) -> None:
    with pytest.raises(SourceNotFoundError):
        read_layer(tmp_path / "absent.gpkg")
    (tmp_path / "text.gpkg").write_text("no")
    with pytest.raises(InventoryError):
        read_layer(tmp_path / "text.gpkg")
    bare = empty.reviewed_extent.drop(columns="notes")
    pyogrio.write_dataframe(bare, tmp_path / "bare.gpkg", layer="reviewed_extent", geometry_type="MultiPolygon")
    with pytest.raises(InventoryError, match="lacks the field 'notes'"):
        read_layer(tmp_path / "bare.gpkg", "reviewed_extent")
    with pytest.raises(InventoryError):
        read_layer(tmp_path / "bare.gpkg", "landslides")
