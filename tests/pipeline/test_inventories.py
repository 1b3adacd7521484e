"""Inventories in files: the 3,820 landslides of Balakot against copies of themselves with known answers."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
import shapely.affinity
from inventory_scenes import write as write_raster
from rasterio.features import rasterize
from rasterio.transform import from_origin

from landslide_geo.cli.main import run
from landslide_geo.errors import OutputError, ParameterError
from landslide_geo.inventory import schema
from landslide_geo.inventory.objects import hysteresis_mask
from landslide_geo.inventory.polygons import trace
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


def test_balakot_on_pixels_of_10_m_is_traced_into_4_connected_objects(balakot, tmp_path):
    frame = gpd.read_file(balakot)
    left, bottom, right, top = frame.total_bounds
    shape, grid = (int((top - bottom) // 10) + 2, int((right - left) // 10) + 2), from_origin(left, top, 10, 10)
    mask = rasterize(frame.geometry, shape, transform=grid)
    path = write_raster(tmp_path / "p.tif", mask.astype("float32"), crs=UTM, transform=grid)
    hysteresis_mask(path, tmp_path / "m.tif", threshold=0.5)
    found = trace(tmp_path / "m.tif", min_area_m2=0, min_hole_m2=0).polygons
    assert len(found) == 3792  # 8-connected 3,515
    assert shapely.area(found).sum() == pytest.approx(100 * mask.sum())


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
    whole = write(tmp_path / "whole.gpkg", [*shapes, *squares((1500, 0))])
    changes = compare_files(whole, reviewed, tmp_path / "changes.gpkg")["changes"]
    counts = {name: row["count"] for name, row in changes.items() if row["count"]}
    assert counts == {"unchanged": 2, "rejected": 1, "no longer visible": 1}


def test_inventories_of_different_places_are_refused(tmp_path, capsys):
    here = write(tmp_path / "here.gpkg", squares((500_000, 3_800_000)))
    near = write(tmp_path / "near.gpkg", squares((590_000, 3_800_000)))
    far = write(tmp_path / "far.gpkg", squares((500_000, 4_700_000)), crs="EPSG:32654")
    out = tmp_path / "changes.gpkg"
    assert run(["compare", str(here), str(far), "--out", str(out)]) == 2
    assert "km apart" in capsys.readouterr().err
    assert not out.exists()
    none = tmp_path / "none.gpkg"
    gpd.read_file(here).iloc[:0].to_file(none)
    assert compare_files(none, far, out)["changes"]["new"]["count"] == 1
    assert compare_files(here, near, out)["changes"]["new"]["count"] == 1


def test_what_was_exported_is_read_again(tmp_path):
    shapes = squares((500_000, 3_800_000), (500_100, 3_800_000))
    source = write(tmp_path / "a.gpkg", shapes, review_status=["confirmed", "rejected"])
    frame = gpd.read_file(source)
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_crs(4326).to_file(tmp_path / "a.geojson")
    frame.to_file(tmp_path / "a.fgb", driver="FlatGeobuf")
    for name in ("a.parquet", "a.geojson", "a.fgb"):
        found = score_files(tmp_path / name, source)
        assert (found["mapped"]["count"], found["iou_0.5"]["f1"]) == (1, 1)
        changes = compare_files(source, tmp_path / name, tmp_path / "c.gpkg")["changes"]
        assert changes["unchanged"]["count"] == 1


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_read_only_file_in_wal_mode_is_read_and_left_alone(tmp_path):
    folder = tmp_path / "kept"
    folder.mkdir()
    path = write(folder / "a.gpkg", squares((500_000, 3_800_000)))
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",)
    before = path.read_bytes()
    path.chmod(0o444)
    folder.chmod(0o555)
    try:
        assert score_files(path, path)["iou_0.5"]["f1"] == 1
        assert compare_files(path, path, tmp_path / "c.gpkg")["changes"]["unchanged"]["count"] == 1
        assert [each.name for each in folder.iterdir()] == ["a.gpkg"]
    finally:
        folder.chmod(0o755)
    assert path.read_bytes() == before


def test_locked_files_are_one_line(tmp_path, capsys):
    path, other = (write(tmp_path / f"{name}.gpkg", squares((500_000, 3_800_000))) for name in ("a", "b"))
    out = tmp_path / "c.gpkg"
    compare_files(path, other, out)
    before = out.read_bytes()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        database.execute("CREATE TABLE half_done (x)")
        for command in (
            ["compare", path, other, "--out", out],
            ["compare", other, path, "--out", out],
            ["score", path, other],
        ):
            assert run([str(word) for word in command]) == 2
            told = capsys.readouterr().err
            assert "a.gpkg" in told
            assert told.count("\n") == 1
    with contextlib.closing(sqlite3.connect(out, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE mine (x)")
        assert run(["compare", str(path), str(other), "--out", str(out)]) == 2
        assert "another program has it open" in capsys.readouterr().err
        assert database.execute("SELECT count(*) FROM mine").fetchone() == (0,)
    assert len(out.read_bytes()) >= len(before)


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
