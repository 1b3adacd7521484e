"""Edited files read back: from a scan's own folder, from elsewhere, and files that cannot be used."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from shapely import MultiPolygon, box

from landslide_geo import scan
from landslide_geo.cli.main import run
from landslide_geo.config import ScanParams
from landslide_geo.errors import OutputError
from landslide_geo.inventory import read_layer, schema
from landslide_geo.inventory.attributes import MEASURED
from landslide_geo.inventory.export import FORMATS
from landslide_geo.inventory.geopackage import read_inventory
from landslide_geo.pipeline.review import import_review
from landslide_geo.report import write_report

RULE = ScanParams(model="red_minus_green")
#: The same scene scanned by other rules: other outlines, in part.
OTHER = ScanParams(model="red_minus_green", grow=1.0)


@pytest.fixture(scope="module")
def finished(simulated, tmp_path_factory) -> Path:
    """A scan's folder; never write into it."""
    return scan(simulated.sources, tmp_path_factory.mktemp("review") / "out", dem=simulated.dem, params=RULE).out


@pytest.fixture
def folder(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "out"))


def change(path: Path, edit: Any, layer: str = "landslides") -> Path:
    """Edit a layer in place as another program would: every feature is written anew, other tables stay."""
    frame = pyogrio.read_dataframe(path, layer=layer)
    frame = edit(frame)
    with sqlite3.connect(path) as database:
        for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
            database.create_function(name, 1, lambda _: 0)
        database.execute(f"DELETE FROM {layer}")
    database.close()
    if len(frame):
        pyogrio.write_dataframe(frame, path, layer=layer, append=True)
    return path


def multi(shape: shapely.Geometry) -> MultiPolygon:
    return shape if shape.geom_type == "MultiPolygon" else MultiPolygon([shape])


def everything(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """One deed of each kind, on the largest landslides."""
    frame = frame.sort_values("area_m2", ascending=False, ignore_index=True)
    frame.loc[0, ["review_status", "confidence"]] = ["confirmed", 8]
    frame.loc[1, ["review_status", "reject_reason"]] = ["rejected", "field"]
    frame.loc[2, "geometry"] = multi(frame.geometry[2].buffer(10, join_style="mitre"))
    left, bottom, right, top = frame.geometry[3].bounds
    middle = (left + right) / 2
    halves = [
        multi(frame.geometry[3].intersection(box(x0, bottom, x1, top))) for x0, x1 in ((left, middle), (middle, right))
    ]
    other = frame.loc[[3]].set_geometry([halves[1]], crs=frame.crs)
    frame.loc[3, "geometry"] = halves[0]
    frame.loc[4, "geometry"] = multi(shapely.union_all(frame.geometry[[4, 5]].to_numpy()))
    x, y = frame.total_bounds[:2]
    new = gpd.GeoDataFrame(
        {"notes": ["drawn"]}, geometry=[MultiPolygon([box(x + 5, y + 5, x + 65, y + 55)])], crs=frame.crs
    )
    return pd.concat([frame.drop(index=[5, 6]), other, new], ignore_index=True)


def test_edits_are_read_back_and_measured_on_the_scan(folder, capsys):
    source = folder / "landslides.gpkg"
    before = read_layer(source).sort_values("area_m2", ascending=False, ignore_index=True)
    change(source, everything)
    change(
        source,
        lambda _: gpd.GeoDataFrame(geometry=[MultiPolygon([box(*before.total_bounds)])], crs=before.crs),
        "reviewed_extent",
    )
    edited = source.read_bytes()
    assert run(["review", "import", str(source), "--reviewer", "A. Geologist", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    wanted = {
        "confirmed": 1, "rejected": 2, "edited": 4, "added": 1, "redrawn": 1, "split": 2, "merged": 1, "deleted": 1,
        "unreviewed": len(before) - 7, "repaired": 0, "measured": True, "dropped_fields": [],
        "reasons": {"field": 1, "other": 1},
    }  # fmt: skip
    assert {name: told[name] for name in wanted} == wanted
    assert told["reviewed_m2"] == pytest.approx(box(*before.total_bounds).area)
    assert source.read_bytes() == edited, "the edited file is left as it is"
    out = folder / "landslides_reviewed.gpkg"
    assert told["out"] == str(out)
    after = read_inventory(out)
    frame = after.landslides
    assert frame["landslide_id"].is_unique
    assert set(frame["reviewer"].dropna()) == {"A. Geologist"}
    assert list(after.reviewed_extent["reviewer"]) == ["A. Geologist"]
    assert after.reviewed_extent["reviewed_at"].notna().all()
    changed = frame[frame["review_status"].isin(["edited", "added"])]
    for name in (*MEASURED, "area_m2", "perimeter_m", "lon", "lat", "volume_m3"):
        if before[name].notna().all() and name != "volume_m3":
            assert changed[name].notna().all(), name
    assert np.allclose(changed["area_m2"], changed.geometry.area)
    assert (changed["relief_m"] >= 0).all()
    assert set(after.crowns["landslide_id"]) == set(frame["landslide_id"])
    pd.testing.assert_frame_equal(
        pd.DataFrame(after.visibility), pd.DataFrame(read_layer(source, schema.VISIBILITY.name))
    )
    # An ordinary inventory, for all commands that take one.
    assert run(["compare", str(source), str(out), "--out", str(folder / "c.gpkg"), "--json"]) == 0
    assert run(["score", str(out), str(source)]) == 0
    assert run(["export", str(out), "--to", "geojson"]) == 0
    capsys.readouterr()
    again = import_review(out, out=folder / "again.gpkg")
    assert {name: again[name] for name in ("edited", "redrawn", "split", "deleted")} == {
        "edited": 4, "redrawn": 0, "split": 0, "deleted": 0,
    }  # fmt: skip
    pd.testing.assert_frame_equal(pd.DataFrame(read_layer(folder / "again.gpkg")), pd.DataFrame(frame))


def test_an_outline_that_is_drawn_as_the_scan_had_it_gets_the_same_attributes(folder):
    """Deleted without a trace, drawn anew: measured by the same means as a scan measures."""
    source = folder / "landslides.gpkg"
    before = read_layer(source)
    change(source, lambda frame: frame.assign(landslide_id=[None, *frame["landslide_id"][1:]]))
    with sqlite3.connect(source) as database:
        database.execute("DELETE FROM gpkgext_landslide_geo_traced WHERE fid = 1")
    database.close()
    import_review(source)
    (after,) = read_layer(folder / "landslides_reviewed.gpkg").query("review_status == 'added'").to_dict("records")
    for name in (*MEASURED, "area_m2", "perimeter_m", "compactness", "lon", "lat"):
        wanted = before[name][0]
        assert after[name] == pytest.approx(wanted, rel=1e-9, nan_ok=True), name


def test_without_a_scan_what_rasters_tell_becomes_null(finished, tmp_path, capsys):
    source = Path(shutil.copy(finished / "landslides.gpkg", tmp_path / "mine.gpkg"))
    change(source, everything)
    assert run(["review", "import", str(source)]) == 0
    assert "no scan's folder" in capsys.readouterr().out
    after = read_inventory(tmp_path / "mine_reviewed.gpkg")
    changed = after.landslides["review_status"].isin(["edited", "added"])
    assert changed.sum() == 5
    assert after.landslides.loc[changed, list(MEASURED)].isna().all(axis=None)
    assert after.landslides.loc[changed, "area_m2"].notna().all()
    assert not set(after.landslides["landslide_id"][changed]) & set(after.crowns["landslide_id"])
    assert run(["review", "import", str(source), "--scan", str(finished), "--out", str(tmp_path / "b.gpkg")]) == 0
    measured = read_inventory(tmp_path / "b.gpkg").landslides
    assert list(measured["landslide_id"]) == list(after.landslides["landslide_id"]), "deterministic"
    assert measured["prob_mean"].notna().all()


def test_a_file_that_forgot_needs_the_original(finished, tmp_path, capsys):
    original = finished / "landslides.gpkg"
    exported = tmp_path / "exported.gpkg"
    for layer in schema.LAYERS:
        frame = pyogrio.read_dataframe(original, layer=layer.name)
        if layer is schema.LANDSLIDES:
            frame = everything(frame).assign(mine=1, worth="much")
        pyogrio.write_dataframe(frame, exported, layer=layer.name, geometry_type=layer.geometry)
    assert run(["review", "import", str(exported)]) == 2
    assert "--original" in capsys.readouterr().err
    assert run(["review", "import", str(exported), "--original", str(original)]) == 0
    printed = capsys.readouterr().out
    assert "left out: mine, worth" in printed
    assert "1 redrawn, 2 split, 1 merged, 1 deleted" in printed
    assert len(read_layer(tmp_path / "exported_reviewed.gpkg")) == len(read_layer(original)) + 1


@pytest.mark.parametrize("layer", ["landslides", "edited"])
def test_a_file_with_the_landslides_only_is_completed_from_the_original(layer, finished, tmp_path, capsys):
    original = finished / "landslides.gpkg"
    edited = tmp_path / "edited.gpkg"
    frame = everything(pyogrio.read_dataframe(original, layer="landslides"))
    frame["category"], frame["trigger"] = "earthflow", [None, "witchcraft", *["rain"] * (len(frame) - 2)]
    pyogrio.write_dataframe(frame, edited, layer=layer, geometry_type="MultiPolygon")
    before = edited.read_bytes()
    assert run(["review", "import", str(edited)]) == 2
    assert "--original" in capsys.readouterr().err
    assert run(["review", "import", str(edited), "--original", str(original)]) == 0
    printed = capsys.readouterr().out
    assert "1 redrawn, 2 split, 1 merged, 1 deleted" in printed
    assert "Note: 1 landslides have a trigger that is not in the list; it stays as written" in printed
    assert "a category that is not" not in printed
    assert edited.read_bytes() == before
    after, whole = read_inventory(tmp_path / "edited_reviewed.gpkg"), read_inventory(original)
    assert "witchcraft" in set(after.landslides["trigger"])
    assert after.visibility.equals(whole.visibility)
    assert after.reviewed_extent.empty
    assert set(after.crowns["landslide_id"]) <= set(whole.crowns["landslide_id"])


def swapped(frame):
    return frame.assign(landslide_id=[f"other-{name}" for name in frame["landslide_id"]])


BAD = {
    "an unknown status": (lambda f: f.assign(review_status="fine"), "unknown review_status 'fine'"),
    "a bow tie": (
        lambda f: f.set_geometry([shapely.from_wkt("MULTIPOLYGON (((0 0, 30 30, 30 0, 0 30, 0 0)))"), *f.geometry[1:]],
                                 crs=f.crs),
        "feature 1 (",
    ),
    "another inventory": (swapped, "shares no identifier"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_edits_are_one_line_and_nothing_is_written(case, folder, capsys):
    edit, words = BAD[case]
    source = change(folder / "landslides.gpkg", edit)
    with sqlite3.connect(source) as database:
        database.execute("UPDATE sqlite_sequence SET seq = 0")
    database.close()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert run(["review", "import", str(source)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "landslides.gpkg" in error
    if case != "a bow tie":
        assert words in error
    else:
        assert "crosses itself" in error
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_files_that_cannot_be_used_are_told(folder, tmp_path, capsys):
    source = folder / "landslides.gpkg"
    no_layer = tmp_path / "no_layer.gpkg"
    pyogrio.write_dataframe(read_layer(source, "crowns"), no_layer, layer="crowns")
    mixed = Path(shutil.copy(source, tmp_path / "mixed.gpkg"))
    with sqlite3.connect(mixed) as database:
        database.execute("UPDATE gpkg_geometry_columns SET srs_id = 4326 WHERE table_name = 'reviewed_extent'")
        database.execute("UPDATE gpkg_contents SET srs_id = 4326 WHERE table_name = 'reviewed_extent'")
    database.close()
    other = str(tmp_path / "other.gpkg")
    cases = {
        "no such GeoPackage": [str(tmp_path / "none.gpkg")],
        "no layer": [str(no_layer)],
        "reviewed_extent is in EPSG:4326": [str(mixed)],
        "name another file": [str(source), "--out", str(source)],
        "name it with .gpkg": [str(source), "--out", str(tmp_path / "a.shp")],
        "no such folder": [str(source), "--scan", str(tmp_path / "none"), "--out", other],
        "holds no scan": [str(source), "--scan", str(tmp_path), "--out", other],
    }
    for words, arguments in cases.items():
        assert run(["review", "import", *arguments]) == 2, words
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
    assert not Path(other).exists()


def test_a_result_that_was_edited_is_not_written_over(folder, capsys):
    source = folder / "landslides.gpkg"
    out = Path(import_review(source)["out"])
    import_review(source)  # nobody touched it in between
    change(out, lambda frame: frame.assign(review_status="confirmed"))
    before = out.read_bytes()
    assert run(["review", "import", str(source)]) == 2
    assert "was edited since" in capsys.readouterr().err
    assert out.read_bytes() == before


def test_edits_in_the_log_of_an_open_file_are_read_and_a_read_only_one_is_read(folder):
    source = folder / "landslides.gpkg"
    database = sqlite3.connect(source, isolation_level=None)
    for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
        database.create_function(name, 1, lambda _: 0)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("UPDATE landslides SET review_status = 'confirmed' WHERE fid = 1")
    assert Path(f"{source}-wal").stat().st_size > 0
    assert import_review(source)["confirmed"] == 1
    database.close()
    source.chmod(0o444)
    assert import_review(source)["confirmed"] == 1


def test_a_rescan_takes_over_decisions(folder, simulated, capsys):
    source = change(folder / "landslides.gpkg", everything)
    whole = gpd.GeoDataFrame(
        geometry=[MultiPolygon([box(*read_layer(source).total_bounds)])], crs=read_layer(source).crs
    )
    change(source, lambda _: whole, "reviewed_extent")
    reviewed = Path(import_review(source)["out"])
    before = read_layer(reviewed)
    decided = before[before["review_status"] != "unreviewed"].set_index("landslide_id")
    command = ["scan", *simulated.sources, "--dem", str(simulated.dem), "--model", "red_minus_green", "--grow", "1"]
    there = folder.parent / "again"
    assert run([*command, "--out", str(there), "--reviewed", str(reviewed), "--quiet"]) == 0
    after = read_inventory(there / "landslides.gpkg")
    frame = after.landslides.set_index("landslide_id")
    assert frame.index.is_unique
    assert shapely.equals_exact(frame.loc[decided.index].geometry.to_numpy(), decided.geometry.to_numpy(), 0).all()
    for name in ("review_status", "reject_reason", "confidence", "notes", "reviewed_at", "area_m2", "prob_mean"):
        pd.testing.assert_series_equal(frame.loc[decided.index, name], decided[name])
    assert len(after.reviewed_extent) == 1
    record = json.loads((there / "scan.json").read_text())
    counts = record["summary"]["reviewed"]
    assert counts["inherited"] + counts["kept"] == len(decided) == 8
    assert counts["kept"] >= 1, "what was drawn on the corner is no landslide to the rule"
    assert counts["known"] > 0
    assert record["summary"]["landslides"] == (frame["review_status"] != "rejected").sum()
    assert record["summary"]["by_confidence"]["8"] == 1
    assert "reviewed" in {entry["role"] for entry in record["inputs"]}
    # The same once more does nothing; without what was reviewed it is another scan, which must not replace this one.
    capsys.readouterr()
    assert run([*command, "--out", str(there), "--reviewed", str(reviewed)]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "nothing had to be done" in printed
    assert f"{counts['inherited']} found again, {counts['kept']} kept" in printed
    assert run([*command, "--out", str(there), "--overwrite", "--quiet"]) == 2
    assert "holds what analysts decided" in capsys.readouterr().err
    # With it, another scan may: all decisions in that folder come from there.
    assert (
        run([*command, "--min-area", "1500", "--out", str(there), "--reviewed", str(reviewed), "--overwrite", "-q"])
        == 0
    )
    assert set(decided.index) <= set(read_layer(there / "landslides.gpkg")["landslide_id"])


@pytest.mark.parametrize(
    ("edit", "layer"),
    [
        (lambda f: f.assign(review_status=["confirmed", *f["review_status"][1:]]), "landslides"),
        (lambda f: f.set_geometry(f.geometry.translate(3), crs=f.crs), "landslides"),
        (lambda f: f.iloc[1:], "landslides"),
        (lambda f: gpd.GeoDataFrame(geometry=[MultiPolygon([box(0, 0, 9, 9)])], crs=f.crs), "reviewed_extent"),
    ],
)  # fmt: skip
def test_what_analysts_did_is_not_written_over(edit, layer, folder, simulated, capsys):
    source = change(folder / "landslides.gpkg", edit, layer)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    command = ["scan", *simulated.sources, "--dem", str(simulated.dem), "--model", "red_minus_green", "--grow", "1"]
    assert run([*command, "--out", str(folder), "--overwrite", "--quiet"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"landslide review import {source}" in error
    assert "--reviewed" in error
    assert run(["vectorize", str(folder / "probability.tif"), "--out", str(source)]) == 2
    assert "holds what analysts decided" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before
    # What was edited and not imported is checked by nobody.
    assert run([*command, "--out", str(folder), "--overwrite", "--reviewed", str(source), "--quiet"]) == 2
    assert "was edited since it was written" in capsys.readouterr().err


def test_decisions_that_are_given_may_be_written_over_and_later_ones_not(folder, simulated):
    source = change(folder / "landslides.gpkg", everything)
    reviewed = import_review(source)["out"]
    change(source, lambda frame: frame.assign(notes="another look"))
    options = {"dem": simulated.dem, "params": OTHER, "overwrite": True}
    with pytest.raises(OutputError, match="holds what analysts decided"):
        scan(simulated.sources, folder, reviewed=reviewed, **options)
    reviewed = import_review(source)["out"]
    result = scan(simulated.sources, folder, reviewed=reviewed, **options)
    assert result.fresh
    assert (read_layer(source)["review_status"] != "unreviewed").sum() == 8


def test_what_analysts_do_during_a_scan_is_not_lost(folder, simulated, monkeypatch):
    source = folder / "landslides.gpkg"

    def edit_then_report(*arguments: Any, **options: Any) -> None:
        change(source, lambda frame: frame.assign(review_status="confirmed"))
        write_report(*arguments, **options)

    monkeypatch.setattr("landslide_geo.pipeline.scan.write_report", edit_then_report)
    with pytest.raises(OutputError, match="holds what analysts decided"):
        scan(simulated.sources, folder, dem=simulated.dem, params=OTHER, overwrite=True)
    assert set(read_layer(source)["review_status"]) == {"confirmed"}


def with_commas(folder: Path, *commands: list[str]) -> str:
    """What commands print where a desktop set decimal commas for every program, this one's libraries included."""
    made = folder / "locales" / "de_DE.UTF-8"
    made.parent.mkdir()
    localedef = shutil.which("localedef")
    how = ["-i", "de_DE", "-f", "UTF-8", str(made)]
    if localedef is None or subprocess.run([localedef, *how], check=False).returncode:
        pytest.skip("no locale with decimal commas can be made here")
    code = (
        "import json, locale, sys; locale.setlocale(locale.LC_ALL, '');"
        "assert locale.localeconv()['decimal_point'] == ',';"
        "from landslide_geo.cli.main import run; sys.exit(max(run(each) for each in json.loads(sys.argv[1])))"
    )
    environment = os.environ | {"LOCPATH": str(made.parent), "LC_ALL": "de_DE.UTF-8"}
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)],
        env=environment, capture_output=True, text=True, check=True, timeout=100,
    )  # fmt: skip
    return done.stdout


def test_a_locale_with_decimal_commas_changes_nothing(folder, tmp_path):
    source = change(folder / "landslides.gpkg", everything)
    printed = with_commas(
        tmp_path, ["review", "import", str(source), "--out", str(tmp_path / "comma.gpkg"), "--json"]
    )  # fmt: skip
    point = import_review(source, out=tmp_path / "point.gpkg")
    assert json.loads(printed) | {"out": ""} == point | {"out": ""}
    left, right = (read_layer(tmp_path / f"{name}.gpkg").drop(columns="reviewed_at") for name in ("comma", "point"))
    pd.testing.assert_frame_equal(pd.DataFrame(left), pd.DataFrame(right))


def test_a_locale_with_decimal_commas_changes_nothing_in_other_commands(finished, tmp_path, capfd):
    source = str(finished / "landslides.gpkg")

    def commands(folder: Path) -> list[list[str]]:
        folder.mkdir()
        other = str(folder / "vectorized.gpkg")
        options = ["--threshold", "0.55", "--smooth", "--simplify", "12.5"]
        return [
            ["vectorize", str(finished / "probability.tif"), "--out", other, *options],
            ["compare", source, other, "--out", str(folder / "changes.gpkg"), "--json"],
            ["score", other, source, "--json", "--tolerance", "12.5"],
            *(["export", source, "--to", to, "--out", f"{folder}/e{end}"] for to, (end, _) in FORMATS.items()),
        ]

    comma, point = tmp_path / "comma", tmp_path / "point"
    printed = with_commas(tmp_path, *commands(comma))
    assert max(run(each) for each in commands(point)) == 0
    assert printed.replace(str(comma), "") == capfd.readouterr().out.replace(str(point), "")
    assert (comma / "e.csv").read_text() == (point / "e.csv").read_text()
    assert (comma / "e.geojson").read_text() == (point / "e.geojson").read_text()
    for name, layer in (("vectorized", "landslides"), ("changes", "changes"), ("e", None)):
        left, right = (pyogrio.read_dataframe(each / f"{name}.gpkg", layer=layer) for each in (comma, point))
        left, right = (frame.drop(columns="detected_at", errors="ignore") for frame in (left, right))
        pd.testing.assert_frame_equal(pd.DataFrame(left), pd.DataFrame(right))
