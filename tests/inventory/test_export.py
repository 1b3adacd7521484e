from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from inventory_scenes import CRS, PROVENANCE, layers, square, write

from landslide_geo.cli.main import run
from landslide_geo.errors import InventoryError, ParameterError, SourceNotFoundError
from landslide_geo.inventory import Inventory, Layers, read_layer, schema, vectorize, vocabulary, write_geopackage
from landslide_geo.inventory.export import COOLR_FIELDS, FORMATS, USGS_FIELDS, export

SHAPE = (60, 60)
#: As they occur in the repository's tables.
COOLR_CATEGORIES = {
    "complex", "creep", "debris_flow", "earth_flow", "lahar", "landslide", "mudslide", "other", "riverbank_collapse",
    "rock_fall", "rotational_slide", "snow_avalanche", "topple", "translational_slide", "unknown",
}  # fmt: skip
COOLR_TRIGGERS = {
    "construction", "continuous_rain", "dam_embankment_collapse", "downpour", "earthquake", "flooding", "freeze_thaw",
    "leaking_pipe", "mining", "monsoon", "no_apparent_trigger", "other", "rain", "snowfall_snowmelt",
    "tropical_cyclone", "unknown", "vibration", "volcano",
}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Inventory:
    """Two landslides, the second rejected."""
    folder = tmp_path_factory.mktemp("inventory")
    mask = square(SHAPE, 5, 5, 10) | square(SHAPE, 30, 30, 12)
    found = vectorize(layers(folder, mask), PROVENANCE, threshold=0.5, min_area_m2=900, min_slope_deg=0)
    found.landslides.loc[1, ["review_status", "reject_reason"]] = ["rejected", "field"]
    return found


@pytest.fixture(scope="module")
def inventory(found: Inventory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("inventory") / "landslides.gpkg"
    write_geopackage(path, found)
    return path


def edited(found: Inventory, path: Path, **columns: object) -> Path:
    write_geopackage(path, replace(found, landslides=found.landslides.assign(**columns)))
    return path


@pytest.mark.parametrize("to", ["geoparquet", "flatgeobuf", "geojson"])
def test_what_is_read_back_is_what_was_written(inventory: Path, tmp_path: Path, to: str) -> None:
    out = tmp_path / f"out{FORMATS[to][0]}"
    assert export(inventory, out, to=to, rejected=True) == 2
    original = gpd.read_file(inventory, layer="landslides")
    found = gpd.read_parquet(out) if to == "geoparquet" else gpd.read_file(out)
    found = found.set_index("landslide_id").loc[original["landslide_id"]].reset_index()
    assert {field.name for field in schema.LANDSLIDES.fields} <= set(found.columns)
    np.testing.assert_allclose(found["area_m2"], original["area_m2"])
    np.testing.assert_allclose(found.to_crs(CRS).area, original.area, rtol=1e-4)
    assert [str(day)[:10] for day in found["date_post"]] == [str(day)[:10] for day in original["date_post"]]
    assert found["review_status"].tolist() == ["unreviewed", "rejected"]


def test_rejected_polygons_are_left_out_unless_asked_for(inventory: Path, tmp_path: Path) -> None:
    assert export(inventory, tmp_path / "a.geojson", to="geojson") == 1


def test_geojson_follows_its_standard(inventory: Path, tmp_path: Path) -> None:
    export(inventory, tmp_path / "a.geojson", to="geojson")
    told = json.loads((tmp_path / "a.geojson").read_text())
    assert "crs" not in told
    (feature,) = told["features"]
    shape = shapely.geometry.shape(feature["geometry"])
    assert -180 <= shape.bounds[0] <= 180
    assert all(shapely.is_ccw(part.exterior) for part in shape.geoms)


def test_coolr_has_the_columns_of_the_repository(inventory: Path, tmp_path: Path) -> None:
    export(inventory, tmp_path / "a.csv", to="coolr")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert tuple(row) == COOLR_FIELDS
    original = gpd.read_file(inventory, layer="landslides").iloc[0]
    assert row["event_id"] == original["landslide_id"]
    for name, short in (("latitude", "lat"), ("longitude", "lon")):
        assert float(row[name]) == pytest.approx(original[short], abs=1e-6)
    assert row["landslide_trigger"] == "unknown"
    assert row["event_date"] == ("" if PROVENANCE.event_date is None else PROVENANCE.event_date.isoformat())
    assert "area 10000 m2" in row["notes"]


def test_types_and_triggers_have_the_names_of_the_repository(found: Inventory, tmp_path: Path) -> None:
    """Of its own vocabulary only; what another program stored is passed on."""
    told = {}
    for category, trigger in (
        ("debris_avalanche", "snowfall_snowmelt"),
        ("rock_planar_slide", "river_undercutting"),
        ("Lawine", None),
    ):
        path = edited(found, tmp_path / "edited.gpkg", category=category, trigger=trigger)
        export(path, tmp_path / "a.csv", to="coolr")
        with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
            (row,) = csv.DictReader(file)
        told[category] = (row["landslide_category"], row["landslide_trigger"])
        assert read_layer(path)["category"].eq(category).all()
    assert told == {
        "debris_avalanche": ("debris_flow", "snowfall_snowmelt"),
        "rock_planar_slide": ("translational_slide", "other"),
        "Lawine": ("Lawine", "unknown"),
    }
    assert set(vocabulary.in_coolr(vocabulary.CATEGORIES).values()) <= COOLR_CATEGORIES
    assert set(vocabulary.in_coolr(vocabulary.TRIGGERS).values()) <= COOLR_TRIGGERS


def test_usgs_has_the_fields_of_the_compilation(found: Inventory, tmp_path: Path) -> None:
    changed = {"category": "debris_flow", "date_pre": date(2018, 9, 1), "confidence": 8}
    path, out = edited(found, tmp_path / "edited.gpkg", **changed), tmp_path / "usgs.gpkg"
    assert export(path, out, to="usgs", rejected=True) == 2
    written = gpd.read_file(out, layer="us_ls_v3_poly")
    original = read_layer(path)
    assert tuple(written.columns.drop("geometry")) == USGS_FIELDS
    assert written.crs == "EPSG:4326"
    assert written["Date_Min"].astype(str).tolist() == ["2018-09-01"] * 2
    assert written["Date_Max"].astype(str).tolist() == ["2018-09-08"] * 2
    assert written["Confidence"].tolist() == [8, 8]
    assert written["LS_Type"].tolist() == ["debris flow"] * 2
    assert written[["USGS_ID", "Fatalities", "Inv_URL"]].isna().all(axis=None)
    assert [note.split()[-1] for note in written["Notes"]] == original["landslide_id"].tolist()
    np.testing.assert_allclose(written["Lon_W"], original["lon"])
    np.testing.assert_allclose(written.to_crs(CRS).area, original["area_m2"], rtol=1e-6)
    with pytest.raises(ParameterError, match="is the inventory itself"):
        export(path, path, to="usgs")
    assert run(["export", str(path), "--to", "usgs"]) == 0
    assert (tmp_path / "edited_usgs.gpkg").exists()


@pytest.mark.parametrize("to", ["geojson", "usgs"])
def test_outlines_across_the_antimeridian_are_cut(to: str, tmp_path: Path) -> None:
    """On Taveuni, Fiji, where 180° runs through the island: x = 180 km in zone 1 south."""
    grid = Affine(10, 0, 180_000, 0, -10, 8_130_000)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[10:30, :] = True
    names = {"probability": np.where(mask, 0.9, 0.1).astype("f4"), "visibility": np.ones(SHAPE, np.uint8)}
    rasters = Layers(**{n: write(tmp_path / f"{n}.tif", v, crs="EPSG:32701", transform=grid) for n, v in names.items()})
    found = vectorize(rasters, PROVENANCE, threshold=0.5, min_area_m2=900, min_slope_deg=0)
    write_geopackage(tmp_path / "l.gpkg", found)
    out = tmp_path / f"out{FORMATS[to][0]}"
    export(tmp_path / "l.gpkg", out, to=to)
    (shape,) = gpd.read_file(out).geometry
    west, east = sorted(shape.geoms, key=lambda part: -part.bounds[0])
    assert west.bounds[2] == 180
    assert east.bounds[0] == -180
    assert all(part.bounds[2] - part.bounds[0] < 0.01 for part in (west, east))
    parts = gpd.GeoSeries([west, east], crs=4326).to_crs("EPSG:32701")
    assert parts.area.sum() == pytest.approx(found.landslides.area_m2[0], rel=1e-4)
    assert abs(found.landslides.lon[0]) > 179.9


def test_mistakes_are_named_and_nothing_is_written(inventory: Path, tmp_path: Path, capsys) -> None:
    with pytest.raises(ParameterError, match="use one of geoparquet"):
        export(inventory, tmp_path / "a.kml", to="kml")
    with pytest.raises(ParameterError, match=r"ends with \.parquet"):
        export(inventory, tmp_path / "a.csv", to="geoparquet")
    with pytest.raises(SourceNotFoundError):
        export(tmp_path / "none.gpkg", tmp_path / "a.csv", to="coolr")
    (tmp_path / "bad.gpkg").write_text("no")
    with pytest.raises(InventoryError):
        export(tmp_path / "bad.gpkg", tmp_path / "a.csv", to="coolr")
    assert not (tmp_path / "a.csv").exists()
    assert run(["export", str(inventory), "--to", "kml"]) == 2
    assert "geoparquet" in capsys.readouterr().err
    assert run(["export", str(inventory), "--to", "coolr", "--out", str(tmp_path / "a.csv")]) == 0
    assert "1 landslides" in capsys.readouterr().out
