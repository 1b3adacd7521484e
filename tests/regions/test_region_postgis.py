"""The running inventory in a real PostGIS."""

from __future__ import annotations

from pathlib import Path

import pytest
from postgres import postgres
from region_scans import day, scan_file, square
from test_region_inventory import edit

from landslide_geo.config.regions import RegionParams
from landslide_geo.errors import ParameterError, PublishError
from landslide_geo.regions import features
from landslide_geo.regions.inventory import apply_scan, read_running
from landslide_geo.regions.postgis import write_postgis
from landslide_geo.regions.region import Region

pytestmark = pytest.mark.integration
psycopg = pytest.importorskip("psycopg")


@pytest.fixture(scope="module")
def server():
    with postgres() as address:
        yield address


@pytest.fixture
def database(server, monkeypatch):
    """A connection to a database of the test's own, whose address is in the environment."""
    with psycopg.connect(server, autocommit=True) as other:
        other.execute("DROP DATABASE IF EXISTS test WITH (FORCE)")
        other.execute("CREATE DATABASE test")
    address = server.replace("dbname=postgres", "dbname=test")
    monkeypatch.setenv("LANDSLIDE_TEST_PG", address)
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


def region(folder: Path, name: str = "one") -> Region:
    params = RegionParams(name=name, bbox=(141, 42, 142, 43), sinks={"postgis": "LANDSLIDE_TEST_PG"})
    return Region(params, folder / f"{name}.yaml", folder / name)


def enter(one: Region, shapes, number: int) -> None:
    name = f"s{number}"
    file = scan_file(one.file.parent, shapes, scan_id=name, when=day(number))
    apply_scan(one.inventory, file, scan_id=name, when=day(number), after_detections=2)


def test_rows_follow_the_inventory(database, tmp_path):
    database.execute("CREATE EXTENSION postgis")
    one, two = region(tmp_path), region(tmp_path, "two")
    enter(one, [square(100, 100), square(600, 600)], 0)
    enter(two, [square(100, 100)], 0)
    assert write_postgis(one) == {"landslides": 2, "landslide_scans": 1}
    assert write_postgis(two) == {"landslides": 1, "landslide_scans": 1}
    enter(one, [square(100, 100)], 5)
    edit(one.inventory, "UPDATE landslides SET notes = 'größer', review_status = 'confirmed' WHERE fid = 1")
    versions = "SELECT region, landslide_id, xmin::text FROM landslides"  # who wrote a row last
    before = set(database.execute(f"{versions} WHERE region = 'two'").fetchall())
    write_postgis(one)
    rows = read_running(one.inventory)
    asked = "SELECT landslide_id, status, notes, first_seen, n_detections, ST_Area(geom::geography), detected_at"
    found = {row[0]: row[1:] for row in database.execute(f"{asked} FROM landslides WHERE region = 'one'").fetchall()}
    assert set(found) == set(rows["landslide_id"])
    first = found[rows["landslide_id"].iloc[0]]
    assert first[:4] == ("confirmed", "größer", day(0), 2)
    assert first[4] == pytest.approx(1e4, rel=0.01) and first[5] == rows["detected_at"].iloc[0]
    assert found[rows["landslide_id"].iloc[1]][0] == "no_longer_visible"
    after = set(database.execute(versions).fetchall())
    assert before < after and len(after) == 3, "rows of another region are left alone"
    write_postgis(one)
    assert set(database.execute(versions).fetchall()) == after, "what did not change is not written again"
    assert database.execute("SELECT count(*) FROM landslide_scans WHERE region = 'one'").fetchone() == (2,)


def test_readers_see_all_of_it_or_nothing(database, tmp_path):
    database.execute("CREATE EXTENSION postgis")
    one = region(tmp_path)
    enter(one, [square(100, 100)], 0)
    write_postgis(one)
    enter(one, [square(100, 100), square(600, 600)], 5)
    # The scans come after the landslides: what goes wrong there undoes both.
    database.execute("ALTER TABLE landslide_scans ADD CHECK (scan_id <> 's5')")
    with pytest.raises(PublishError, match="LANDSLIDE_TEST_PG cannot be written") as told:
        write_postgis(one)
    assert "\n" not in str(told.value)
    assert database.execute("SELECT count(*), max(n_detections) FROM landslides").fetchone() == (1, 1)


def test_outlines_are_at_their_place(database, tmp_path):
    database.execute("CREATE EXTENSION postgis")
    one = region(tmp_path)
    enter(one, [square(100, 100)], 0)
    edit(one.inventory, "INSERT INTO landslides (geom) VALUES (?)", features.blob(square(0, 0).geoms[0], 32654))
    write_postgis(one)
    place = (
        "SELECT round(ST_X(p)), round(ST_Y(p)) FROM (SELECT ST_Transform(ST_Centroid(geom), 32654) p FROM landslides) q"
    )
    assert database.execute(place).fetchall() == [(580150, 4720150)], (
        "what has no identifier yet waits for the next scan"
    )


def test_what_is_missing_is_said(database, tmp_path, monkeypatch):
    one = region(tmp_path)
    enter(one, [square(100, 100)], 0)
    with pytest.raises(PublishError, match="has no PostGIS; run CREATE EXTENSION"):
        write_postgis(one)
    monkeypatch.setenv("LANDSLIDE_TEST_PG", "host=/nowhere password=secret dbname=x")
    with pytest.raises(PublishError, match="LANDSLIDE_TEST_PG cannot be written") as told:
        write_postgis(one)
    assert "secret" not in str(told.value)
    monkeypatch.delenv("LANDSLIDE_TEST_PG")
    with pytest.raises(ParameterError, match="is not set"):
        write_postgis(one)
