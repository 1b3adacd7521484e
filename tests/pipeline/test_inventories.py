"""Inventories in files: the 3,820 landslides of Balakot against copies of themselves with known answers."""

from __future__ import annotations

import json
import sqlite3

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
import shapely.affinity

from landslide_geo.cli.main import run
from landslide_geo.errors import OutputError, ParameterError
from landslide_geo.inventory import schema
from landslide_geo.pipeline.inventories import compare_files, score_files

UTM = "EPSG:32643"


@pytest.fixture(scope="module")
def balakot(mirror):
    path = mirror / "inventory_balakot" / "landslides.shp"
    if not path.exists():
        pytest.skip("the Balakot inventory is not in the mirror folder")
    return path


def write(path, shapes, *, crs=UTM, layer=None, **columns):
    gpd.GeoDataFrame(columns or {"n": range(len(shapes))}, geometry=list(shapes), crs=crs).to_file(path, layer=layer)
    return path


def squares(*corners, side=30):
    return [shapely.box(x, y, x + side, y + side) for x, y in corners]


def test_balakot_agrees_with_itself_in_another_projection(balakot, tmp_path):
    degrees = tmp_path / "degrees.gpkg"
    gpd.read_file(balakot).to_crs(4326).to_file(degrees)
    found = score_files(degrees, balakot)
    assert found["mapped"]["count"] == found["reference"]["count"] == 3820
    assert found["reference"]["repaired"] == 1
    assert found["iou_0.5"]["f1"] > 0.999
    assert found["boundary"]["f1"] == 1
    assert found["cells"]["rho"] > 0.999
    assert 2 < found["size_frequency"]["reference"]["alpha"] < 3.5, "landslides: Malamud et al. 2004 give 2.4"


def test_shifted_thinned_and_merged_copies_of_balakot_have_known_answers(balakot, tmp_path):
    frame = gpd.read_file(balakot)
    kept = frame[::4].copy()
    thinned = tmp_path / "thinned.gpkg"
    kept.to_file(thinned)
    found = score_files(thinned, balakot)
    assert found["iou_0.5"]["recall"] == pytest.approx(0.25, abs=1e-3)
    assert found["iou_0.5"]["precision"] == pytest.approx(1, abs=1e-3)
    shifted = tmp_path / "shifted.gpkg"
    frame.set_geometry(frame.geometry.translate(5000)).to_file(shifted)
    away = score_files(shifted, balakot)
    assert away["area_ratio"] == pytest.approx(1)
    assert away["iou_0.1"]["f1"] < 0.02
    merged = tmp_path / "merged.gpkg"
    whole = shapely.union_all(shapely.make_valid(frame.geometry.to_numpy()))
    write(merged, [whole])
    one = score_files(merged, balakot)
    assert one["any_overlap"]["recall"] == 1
    assert one["iou_0.5"]["reference_matched"] <= 1
    assert one["area_ratio"] == pytest.approx(1, abs=1e-3)


def test_balakot_compared_with_a_changed_copy(balakot, tmp_path):
    frame = gpd.read_file(balakot).set_geometry(
        gpd.GeoSeries(shapely.make_valid(gpd.read_file(balakot).geometry.to_numpy()), crs=UTM)
    )
    # Those that stand alone, so that what is done to one concerns no other.
    i, j = frame.sindex.query(frame.geometry, predicate="intersects")
    alone = frame[~frame.index.isin(np.unique(i[i != j]))].iloc[:300].reset_index(drop=True)
    old = tmp_path / "old.gpkg"
    alone.to_file(old)
    new = alone.iloc[50:].copy()  # fifty are gone
    shapes = new.geometry.tolist()
    shapes[:30] = [shapely.affinity.scale(shape, 0.8, 0.8) for shape in shapes[:30]]  # thirty shrank to 64 %
    far = squares(*((800_000 + 100 * k, 3_900_000) for k in range(7)))
    new = write(tmp_path / "new.gpkg", shapes + far)
    found = compare_files(old, new, tmp_path / "changes.gpkg")["changes"]
    assert found["new"]["count"] == 7
    assert found["no longer visible"]["count"] == 50
    assert 25 <= found["shrunk"]["count"] + found["split"]["count"] <= 30
    assert sum(row["count"] for row in found.values()) == 250 + 7 + 50


def with_visibility(path, shapes, visible, ids):
    write(path, shapes, layer="landslides", landslide_id=ids)
    hidden = shapely.box(0, 0, 10_000, 10_000).difference(visible)
    write(path, [visible, hidden], layer="visibility", visible=[True, False])
    return path


def test_clouds_are_not_taken_for_healing(tmp_path):
    west, whole = shapely.box(0, 0, 5_000, 10_000), shapely.box(0, 0, 10_000, 10_000)
    old = with_visibility(tmp_path / "old.gpkg", squares((1000, 1000), (8000, 1000)), whole, ["a", "b"])
    new = with_visibility(tmp_path / "new.gpkg", squares((2000, 2000)), west, ["c"])
    out = tmp_path / "changes.gpkg"
    found = compare_files(old, new, out)
    assert {status: row["count"] for status, row in found["changes"].items() if row["count"]} == {
        "new": 1, "no longer visible": 1, "not visible": 1,
    }  # fmt: skip
    layer = gpd.read_file(out, layer="changes")
    assert layer.set_index("landslide_id")["status"].to_dict() == {
        "a": "no longer visible", "b": "not visible", "c": "new",
    }  # fmt: skip
    assert layer.set_index("landslide_id").loc["c", "seen_before"]
    back = compare_files(new, old, tmp_path / "back.gpkg")
    assert back["changes"]["new"]["count"] == 2
    seen = gpd.read_file(tmp_path / "back.gpkg").set_index("landslide_id")["seen_before"]
    assert (bool(seen["a"]), bool(seen["b"])) == (True, False)
    with sqlite3.connect(out) as database:
        styles = database.execute("SELECT f_table_name, useAsDefault FROM layer_styles").fetchall()
    assert styles == [("changes", 1)]
    assert list(pyogrio.read_info(out, layer="changes")["fields"]) == [field.name for field in schema.CHANGES.fields]


def test_what_a_reviewer_rejected_is_no_landslide(tmp_path):
    shapes = squares((0, 0), (500, 0), (1000, 0))
    status = ["confirmed", "rejected", None]
    reviewed = write(tmp_path / "reviewed.gpkg", shapes, layer="landslides", review_status=status)
    truth = write(tmp_path / "truth.gpkg", [shapes[0], shapes[2]])
    found = score_files(reviewed, truth)
    assert (found["mapped"]["count"], found["iou_0.5"]["f1"]) == (2, 1)
    changes = compare_files(reviewed, truth, tmp_path / "changes.gpkg")["changes"]
    assert {name: row["count"] for name, row in changes.items() if row["count"]} == {"unchanged": 2}


def test_the_inventories_are_never_written_over(tmp_path):
    old, new = (write(tmp_path / f"{name}.gpkg", squares((0, 0))) for name in ("old", "new"))
    before = old.read_bytes()
    with pytest.raises(ParameterError, match="name another file"):
        compare_files(old, new, old)
    with pytest.raises(OutputError, match=r"\.gpkg"):
        compare_files(old, new, tmp_path / "changes.shp")
    assert old.read_bytes() == before


def test_commands_print_tables_and_json(tmp_path, capsys):
    old, new = (write(tmp_path / f"{name}.gpkg", squares((0, 0), (500, 0))) for name in ("old", "new"))
    assert run(["compare", str(old), str(new), "--out", str(tmp_path / "c.gpkg")]) == 0
    assert "unchanged" in capsys.readouterr().out
    assert run(["compare", str(old), str(new), "--out", str(tmp_path / "c.gpkg"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changes"]["unchanged"]["count"] == 2
    assert run(["score", str(new), str(old), "--out", str(tmp_path / "s.json")]) == 0
    assert "IoU ≥ 0.5" in capsys.readouterr().out
    assert json.loads((tmp_path / "s.json").read_text())["iou_0.5"]["f1"] == 1
    assert run(["score", str(new), str(tmp_path / "none.gpkg")]) == 2
    assert "no such file" in capsys.readouterr().err
