from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import geopandas as gpd
import killing
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from region_scans import CRS, bounds, day, scan_file, scanned, square, told

from landslide_geo.errors import InventoryError, LockLostError, OutputError, SourceNotFoundError
from landslide_geo.inventory import read_layer, schema
from landslide_geo.inventory.geopackage import read_inventory
from landslide_geo.inventory.traced import read_history
from landslide_geo.regions import features
from landslide_geo.regions.database import transaction
from landslide_geo.regions.fields import LANDSLIDES, SCANS, empty
from landslide_geo.regions.inventory import (
    applied_scans,
    apply_scan,
    copy_inventory,
    fence,
    read_running,
    refresh_status,
)
from landslide_geo.regions.merging import merge


def enter(path: Path, shapes, number: int, *, hidden=None, **options):
    """Enter a scan of a day."""
    name = f"s{number}"
    file = scan_file(path.parent, shapes, scan_id=name, when=day(number), hidden=hidden)
    return apply_scan(path, file, scan_id=name, when=day(number), after_detections=2, **options)


def edit(path: Path, statement: str, *values) -> None:
    """What an analyst saves from QGIS."""
    with transaction(path, prepare=features.prepare) as database:
        database.execute(statement, values)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "inventory.gpkg"


def test_a_landslide_seen_twice_keeps_its_identifier_and_is_confirmed(path):
    first = enter(path, [square(100, 100)], 0)
    assert (first.counts["new"], first.fresh) == (1, True)
    (row,) = read_running(path).itertuples()
    assert (row.status, row.n_detections, row.first_seen) == ("provisional", 1, day(0))
    enter(path, [square(110, 100), square(900, 900)], 5)
    found = read_running(path)
    again = found[found["landslide_id"] == row.landslide_id].iloc[0]
    assert (again["status"], again["n_detections"]) == ("confirmed", 2)
    assert (again["first_seen"], again["last_seen"], again["scene_ids"]) == (day(0), day(5), "s0;s5")
    assert bounds(found[found["landslide_id"] == row.landslide_id]) == [(110, 100, 210, 200)], "as it was seen last"
    assert len(found) == 2 and applied_scans(path) == ["s0", "s5"]
    assert told(read_layer(path, "crowns"), "landslide_id") == told(found, "landslide_id")


def test_the_same_scan_again_does_nothing(path):
    enter(path, [square(100, 100)], 0)
    before = path.read_bytes()
    again = enter(path, [square(100, 100)], 0)
    assert not again.fresh and again.counts["new"] == 1
    assert path.read_bytes() == before


def test_what_a_later_scene_shows_and_does_not_find_is_no_longer_visible_until_it_is_found_again(path):
    enter(path, [square(100, 100), square(900, 900)], 0)
    enter(path, [], 5, hidden=shapely.box(*square(800, 800, 400).bounds))
    names = "status", "n_detections", "n_shown", "last_shown"
    assert told(read_running(path), *names) == [
        ("no_longer_visible", 1, 2, day(5)),
        ("provisional", 1, 1, day(0)),
    ], "of what lies under clouds nothing new is known"
    enter(path, [square(100, 100)], 9)
    assert told(read_running(path), "status", "n_detections") == [("confirmed", 2), ("no_longer_visible", 1)]


def test_an_older_scene_that_comes_late_adds_to_the_past_only(path):
    enter(path, [square(100, 100)], 9)
    enter(path, [square(120, 100)], 3)
    enter(path, [], 6)
    (row,) = read_running(path).itertuples()
    assert (row.first_seen, row.last_seen, row.n_detections, row.n_shown) == (day(3), day(9), 2, 3)
    assert row.status == "confirmed", "it was seen after the day on which it was not"
    assert bounds(read_running(path)) == [(100, 100, 200, 200)]


def test_one_that_grows_takes_on_the_outline_and_one_that_is_swallowed_says_by_whom(path):
    enter(path, [square(100, 100), square(300, 100, 50)], 0)
    large, small = read_running(path)["landslide_id"]
    done = enter(path, [square(100, 100, 300)], 5)
    assert (done.counts["new"], done.counts["merged"], done.counts["again"]) == (0, 1, 2)
    found = read_running(path).set_index("landslide_id")
    assert found.loc[large].geometry.area == 300 * 300
    assert (found.loc[small, "status"], found.loc[small, "merged_into"]) == ("merged", large)
    enter(path, [square(300, 100, 50)], 9)
    assert len(read_running(path)) == 2, "it lies on a landslide that is known"


def test_parts_of_one_that_splits_name_it(path):
    enter(path, [square(100, 100, 300, 100)], 0)
    (name,) = read_running(path)["landslide_id"]
    enter(path, [square(100, 100, 200, 100), square(320, 100, 80, 100)], 5)
    found = read_running(path)
    assert told(found, "parent_id") == [(name,), (None,)]
    assert found["landslide_id"].is_unique


def test_what_an_analyst_entered_is_never_written_over(path):
    enter(path, [square(100, 100), square(600, 100), square(1100, 100)], 0)
    ids = list(read_running(path)["landslide_id"])
    edit(path, "UPDATE landslides SET review_status='rejected', reject_reason='field', notes='wheat' WHERE fid=1")
    redrawn = features.blob(square(590, 90, 130), 32654)
    edit(path, "UPDATE landslides SET geom=? WHERE fid=2", redrawn)
    edit(path, "UPDATE landslides SET confidence=8, category='debris_flow' WHERE fid=3")
    done = enter(path, [square(105, 100), square(600, 100), square(1105, 100)], 5)
    assert (done.counts["edited"], done.counts["new"]) == (3, 0)
    for number in (9, 12):
        found = read_running(path).set_index("landslide_id").loc[ids]
        assert list(found["review_status"]) == ["rejected", "edited", "edited"]
        assert list(found["status"]) == ["rejected", "confirmed", "confirmed"]
        assert found["notes"].iloc[0] == "wheat" and found["reject_reason"].iloc[0] == "field"
        assert bounds(found) == [(100, 100, 200, 200), (590, 90, 720, 220), (1100, 100, 1200, 200)]
        assert (found["confidence"].iloc[2], found["category"].iloc[2]) == (8, "debris_flow")
        enter(path, [square(105, 100), square(600, 100), square(1105, 100)], number)
    assert list(read_running(path)["n_detections"]) == [4, 4, 4]
    assert not read_history(path).edited


def test_a_status_that_is_none_is_left_as_it_was_entered(path):
    enter(path, [square(100, 100), square(600, 100)], 0)
    edit(path, "UPDATE landslides SET review_status = 'Rejected ' WHERE fid = 1")
    edit(path, "UPDATE landslides SET review_status = 'ask Kenji' WHERE fid = 2")
    enter(path, [square(110, 100), square(610, 100)], 5)
    found = read_running(path)
    assert list(found["review_status"]) == ["rejected", "ask Kenji"]
    assert list(found["status"]) == ["rejected", "confirmed"]
    assert bounds(found) == [(100, 100, 200, 200), (600, 100, 700, 200)]


def test_what_was_deleted_stays_as_rejected_and_what_was_drawn_gets_an_identifier(path):
    enter(path, [square(100, 100), square(600, 100)], 0)
    ids = list(read_running(path)["landslide_id"])
    edit(path, "DELETE FROM landslides WHERE fid=1")
    edit(path, "INSERT INTO landslides (geom, notes) VALUES (?, 'mine')", features.blob(square(900, 900), 32654))
    enter(path, [square(100, 100), square(600, 100)], 5)
    found = read_running(path).set_index("landslide_id")
    assert set(ids) < set(found.index) and len(found) == 3
    assert (found.loc[ids[0], "status"], found.loc[ids[0], "notes"]) == ("rejected", "deleted in review")
    (mine,) = set(found.index) - set(ids)
    assert (found.loc[mine, "status"], found.loc[mine, "notes"]) == ("confirmed", "mine")
    assert pd.isna(found.loc[mine, "first_seen"]) and found.loc[mine, "n_detections"] == 0


def test_halves_of_a_split_one_have_identifiers_of_their_own(path):
    enter(path, [square(100, 100, 200, 100)], 0)
    (name,) = read_running(path)["landslide_id"]
    edit(path, "UPDATE landslides SET geom=?", features.blob(square(100, 100), 32654))
    half = features.blob(square(200, 100), 32654)
    edit(path, "INSERT INTO landslides (geom, landslide_id) VALUES (?, ?)", half, name)
    enter(path, [square(100, 100, 200, 100)], 5)
    found = read_running(path)
    assert found["landslide_id"].is_unique and list(found["parent_id"]) == [name, name]
    assert list(found["first_seen"]) == [day(0)] * 2 and list(found["last_seen"]) == [day(5)] * 2


def test_outlines_that_cannot_be_used_are_left_alone(path):
    enter(path, [square(100, 100), square(600, 100)], 0)
    edit(path, "UPDATE landslides SET geom=NULL WHERE fid=1")
    bow = shapely.MultiPolygon([shapely.Polygon([(580600, 4720100), (580700, 4720200), (580700, 4720100),
                                                 (580600, 4720200)])])  # fmt: skip
    edit(path, "UPDATE landslides SET geom=? WHERE fid=2", features.blob(bow, 32654))
    assert enter(path, [square(1200, 1200)], 5).counts["unusable"] == 1
    enter(path, [square(1200, 1200)], 6)
    found = read_running(path)
    assert found.geometry.iloc[0] is None
    assert found.geometry.iloc[1].equals_exact(bow, 0), "mended to be compared, not in the file"
    assert len(found) == 3


def test_a_later_run_keeps_an_earlier_one_out(path):
    enter(path, [square(100, 100)], 0, token=7)
    assert fence(path) == 7
    before = path.read_bytes()
    with pytest.raises(LockLostError, match="a later run"):
        enter(path, [square(100, 100)], 1, token=6)

    def lost() -> None:
        raise LockLostError("gone")

    with pytest.raises(LockLostError, match="gone"):
        enter(path, [square(100, 100)], 1, token=8, guard=lost)
    assert applied_scans(path) == ["s0"] and fence(path) == 7
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_readers_see_the_old_or_the_new_state_and_a_writer_is_waited_for(path, mode):
    enter(path, [square(100, 100)], 0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute(f"PRAGMA journal_mode = {mode}")
    other.execute("BEGIN")
    assert other.execute("SELECT count(*) FROM landslides").fetchone() == (1,)
    if mode == "wal":
        enter(path, [square(100, 100), square(600, 100)], 5)
        assert other.execute("SELECT count(*) FROM landslides").fetchone() == (1,), "as it was when it began to read"
    else:
        with pytest.raises(OutputError, match=r"another program has held it for 0\.3 s"):
            enter(path, [square(100, 100), square(600, 100)], 5, busy_s=0.3)
    other.execute("COMMIT")
    enter(path, [square(100, 100), square(600, 100)], 5)
    assert other.execute("SELECT count(*) FROM landslides").fetchone() == (2,)
    other.close()


def test_the_file_is_a_sound_geopackage_afterwards(path):
    enter(path, [square(100, 100), square(300, 100, 50)], 0)
    enter(path, [square(100, 100, 300), square(900, 900)], 5)
    edit(path, "DELETE FROM landslides WHERE fid = 1")
    enter(path, [square(900, 900, 200)], 6)
    with transaction(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        for layer in ("landslides", "crowns", "visibility", "scans"):
            rows = database.execute(f"SELECT fid FROM {layer} WHERE geom NOT NULL").fetchall()
            assert database.execute(f"SELECT id FROM rtree_{layer}_geom ORDER BY id").fetchall() == sorted(rows)
            (count,) = database.execute(
                "SELECT feature_count FROM gpkg_ogr_contents WHERE table_name = ?", (layer,)
            ).fetchone()
            assert count == len(rows)
    found = read_running(path)
    info = pyogrio.read_info(path, layer="landslides")
    assert tuple(info["total_bounds"]) == tuple(found.total_bounds)
    box = square(850, 850, 20).bounds
    assert pyogrio.read_dataframe(path, layer="landslides", bbox=box).empty
    assert len(pyogrio.read_dataframe(path, layer="landslides", bbox=square(950, 950, 20).bounds)) == 1
    assert (
        gpd.read_file(path, layer="landslides")
        .geometry.geom_equals_exact(found.geometry.reset_index(drop=True), 0)
        .all()
    )
    assert len(read_inventory(path).landslides) == len(found), "other commands read it as any landslides.gpkg"


def test_a_copy_holds_what_lies_in_the_log_only(path, tmp_path):
    enter(path, [square(100, 100)], 0)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA journal_mode = wal")
    enter(path, [square(100, 100), square(600, 100)], 5)
    copy_inventory(path, tmp_path / "copy.gpkg")
    assert len(read_running(tmp_path / "copy.gpkg")) == 2
    assert not (tmp_path / "copy.gpkg-wal").exists()
    other.close()


def test_a_copy_is_brought_up_to_date_while_others_have_it_open(path, tmp_path):
    target = tmp_path / "public/copy.gpkg"
    enter(path, [square(100, 100)], 0)
    copy_inventory(path, target)
    reader = sqlite3.connect(target, isolation_level=None)
    reader.execute("PRAGMA journal_mode = wal")  # as QGIS does
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM landslides").fetchone() == (1,)
    enter(path, [square(100, 100), square(600, 100)], 5)
    copy_inventory(path, target)
    assert reader.execute("SELECT count(*) FROM landslides").fetchone() == (1,)
    reader.execute("COMMIT")
    assert reader.execute("SELECT count(*) FROM landslides").fetchone() == (2,)
    assert reader.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    reader.execute("BEGIN IMMEDIATE")
    with pytest.raises(OutputError, match=r"copy\.gpkg: another program has held it for 0\.3 s"):
        copy_inventory(path, target, busy_s=0.3)
    reader.close()
    assert [each.name for each in target.parent.iterdir()] == ["copy.gpkg"]


def test_status_follows_a_review_without_a_scan(path):
    enter(path, [square(100, 100), square(600, 100)], 0)
    edit(path, "UPDATE landslides SET review_status='confirmed' WHERE fid=2")
    refresh_status(path, after_detections=2)
    assert list(read_running(path)["status"]) == ["provisional", "confirmed"]
    before = path.read_bytes()
    refresh_status(path, after_detections=2)
    assert path.read_bytes() == before


def test_what_is_no_running_inventory_is_said(path, tmp_path):
    with pytest.raises(SourceNotFoundError, match="run the region first"):
        read_running(path)
    other = scan_file(tmp_path, [square(0, 0)], scan_id="other")
    with pytest.raises(InventoryError, match="has no layer 'scans'"):
        apply_scan(other, other, scan_id="x", when=day(0), after_detections=2)
    path.write_text("no database, but long enough to be looked at")
    with pytest.raises(InventoryError, match="is no database"):
        read_running(path)


cells = st.tuples(st.integers(0, 15), st.integers(0, 15), st.integers(1, 6), st.integers(1, 6))
scans = st.lists(
    st.tuples(st.integers(0, 30), st.lists(cells, max_size=5), st.none() | cells), min_size=1, max_size=6
)  # fmt: skip


def apart(found) -> list[shapely.MultiPolygon]:
    """Rectangles of a grid, without those that share ground with one before: a scan's outlines do not."""
    shapes: list[shapely.MultiPolygon] = []
    for x, y, width, height in found:
        shape = square(x * 90.0, y * 90.0, width * 90.0, height * 90.0)
        if all(not shape.intersects(other) for other in shapes):
            shapes.append(shape)
    return shapes


@given(scans)
@settings(max_examples=60)
def test_nothing_vanishes_and_nothing_is_counted_that_was_not_seen(drawn):
    rows = empty(LANDSLIDES, crs=CRS)
    for number, (when, found, cloud) in enumerate(drawn):
        hidden = None if cloud is None else apart([cloud])[0]
        scan = scanned(apart(found), scan_id=f"s{number}", when=day(when), hidden=hidden)
        before = list(rows["landslide_id"])
        done = merge(rows, scan, scan_id=f"s{number}", when=day(when), after_detections=2)
        rows = done.landslides
        assert list(rows["landslide_id"])[: len(before)] == before
        assert rows["landslide_id"].is_unique
        assert done.counts["found"] == len(scan.landslides)
        outlines = rows[rows["merged_into"].isna()].geometry.to_numpy()
        for shape, name in zip(scan.landslides.geometry, scan.landslides["landslide_id"], strict=True):
            # Each outline of the latest scan is in: as a landslide's own, or where landslides are.
            late = when >= max(each for each, *_ in drawn[: number + 1])
            assert not late or shapely.intersection(shape, shapely.union_all(outlines)).area > 0.09 * shape.area, name
    seen = rows["scene_ids"].str.split(";")
    assert (rows["n_detections"] == seen.map(len)).all()
    assert (rows["n_detections"] <= rows["n_shown"]).all() and (rows["n_shown"] <= len(drawn)).all()
    assert (rows["first_seen"] <= rows["last_seen"]).all() and (rows["last_seen"] <= rows["last_shown"]).all()
    assert all(rows.geometry.is_valid) and set(rows["merged_into"].dropna()) <= set(rows["landslide_id"])


@given(scans)
@settings(max_examples=4)
def test_entered_twice_is_entered_once(tmp_path_factory, drawn):
    folder, drawn = tmp_path_factory.mktemp("twice"), drawn[:3]
    columns = [field.name for field in LANDSLIDES.fields]
    results = []
    for name, times in (("once", 1), ("twice", 2)):
        path = folder / f"{name}.gpkg"
        for _ in range(times):
            for number, (when, found, _cloud) in enumerate(drawn):
                scan = scan_file(folder, apart(found), scan_id=f"s{number}", when=day(when))
                apply_scan(path, scan, scan_id=f"s{number}", when=day(when), after_detections=2)
        results.append(read_running(path))
    pd.testing.assert_frame_equal(results[0][columns], results[1][columns])
    assert results[0].geometry.geom_equals_exact(results[1].geometry, 0).all()


def enter_many(path: Path, files: list[Path]) -> None:
    for number, file in enumerate(files):
        apply_scan(path, file, scan_id=file.stem, when=day(number), after_detections=2)
    os._exit(0)


@pytest.mark.parametrize("times", [5, pytest.param(40, marks=pytest.mark.slow)])
def test_a_kill_at_any_moment_leaves_the_old_or_the_new_state(tmp_path, times):
    files = [
        scan_file(tmp_path, [square(x * 200, y * 200 + 10 * number) for x in range(5) for y in range(5)],
                  scan_id=f"s{number}", when=day(number))
        for number in range(4)
    ]  # fmt: skip
    lasts = killing.seconds(enter_many, tmp_path / "whole.gpkg", files)
    expected = read_running(tmp_path / "whole.gpkg")
    path = tmp_path / "killed.gpkg"

    def after_kill() -> None:
        if path.exists():
            count = len(applied_scans(path))
            rows = read_running(path)
            assert len(rows) == (25 if count else 0)
            assert (rows["n_detections"] == count).all() if count else True

    def after_end() -> None:
        found = read_running(path)
        pd.testing.assert_frame_equal(found.drop(columns=["geometry"]), expected.drop(columns=["geometry"]))
        assert found.geometry.geom_equals_exact(expected.geometry, 0).all()
        path.unlink()

    killing.until_killed(
        times, enter_many, path, files, lasts=lasts, seed=times, after_kill=after_kill, after_end=after_end
    )


WRITER = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
database.execute("COMMIT")
"""


def test_another_programs_transaction_is_waited_for(path):
    enter(path, [square(100, 100)], 0)
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path), "1.0"], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        begun = time.monotonic()
        enter(path, [square(100, 100)], 5)
        assert time.monotonic() - begun > 0.5
    assert applied_scans(path) == ["s0", "s5"]


def test_the_scans_layer_says_what_each_brought(path):
    enter(path, [square(100, 100), square(600, 100)], 0)
    enter(path, [square(100, 100), square(900, 900)], 5, hidden=shapely.box(*square(1000, 0, 1000, 2000).bounds))
    rows = read_running(path, layer=SCANS)
    names = "scan_id", "date_post", "n_landslides", "n_new", "n_again", "n_not_found", "visible_share"
    assert told(rows, *names) == [("s0", day(0), 2, 2, 0, 0, 1.0), ("s5", day(5), 2, 1, 1, 1, 0.5)]
    assert schema.VISIBILITY.name in pyogrio.list_layers(path)[:, 0]
