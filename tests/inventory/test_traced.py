from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pandas.testing
import pyogrio
import pytest
import shapely

from landslide_geo.errors import InventoryError, SourceNotFoundError
from landslide_geo.inventory import Inventory, read_layer, schema, write_geopackage
from landslide_geo.inventory.geopackage import read_inventory, read_traced
from landslide_geo.inventory.traced import read_history, snapshot

CRS = "EPSG:32654"


def inventory(count: int) -> Inventory:
    shapes = [shapely.MultiPolygon([shapely.box(100 * i, 0, 100 * i + 30, 30)]) for i in range(count)]
    columns = {"landslide_id": [f"id-{i}" for i in range(count)], "review_status": "unreviewed", "n_detections": 1}
    empty = {layer.name: schema.frame(layer, {}, [], crs=CRS) for layer in schema.LAYERS[1:]}
    return Inventory(landslides=schema.frame(schema.LANDSLIDES, columns, shapes, crs=CRS), **empty)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_geopackage(tmp_path / "l.gpkg", inventory(3))
    return tmp_path / "l.gpkg"


@contextmanager
def editor(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        # What GDAL and QGIS bring along for the triggers of the spatial index.
        for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
            database.create_function(name, 1, lambda _: 0)
        yield database


def execute(path: Path, *statements: str) -> None:
    with editor(path) as database:
        for statement in statements:
            database.execute(statement)


@pytest.mark.parametrize("count", [0, 3])
def test_the_record_keeps_what_was_written_and_is_no_layer(count: int, tmp_path: Path) -> None:
    path = tmp_path / "l.gpkg"
    write_geopackage(path, inventory(count))
    before = read_layer(path)
    assert {name for name, _ in pyogrio.list_layers(path)} == {layer.name for layer in schema.LAYERS} | {"layer_styles"}
    execute(
        path, "UPDATE landslides SET review_status = 'confirmed', geom = NULL", "DELETE FROM landslides WHERE fid > 1"
    )
    traced = read_traced(path)
    assert traced is not None
    assert traced.crs == CRS
    pandas.testing.assert_frame_equal(pd.DataFrame(traced), pd.DataFrame(before))
    assert isinstance(traced, gpd.GeoDataFrame)


def test_a_file_of_an_earlier_version_has_no_record(file: Path) -> None:
    execute(file, "DROP TABLE gpkgext_landslide_geo_traced", "DROP TABLE gpkgext_landslide_geo_lineage")
    assert read_traced(file) is None
    history = read_history(file)
    assert history.written is None
    assert history.edited


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE landslides SET review_status = 'confirmed' WHERE fid = 2",
        "UPDATE landslides SET notes = 'look again' WHERE fid = 2",
        "UPDATE landslides SET geom = (SELECT geom FROM landslides WHERE fid = 1) WHERE fid = 2",
        "DELETE FROM landslides WHERE fid = 2",
        "INSERT INTO reviewed_extent (geom) SELECT geom FROM landslides WHERE fid = 1",
    ],
)
def test_every_edit_is_noticed_and_nothing_else(edit: str, file: Path, tmp_path: Path) -> None:
    assert not read_history(file).edited
    execute(file, "VACUUM") if edit.startswith("DELETE") else None
    again = tmp_path / "again.gpkg"
    write_geopackage(again, read_inventory(file), sources=read_history(file).lineage)
    assert not read_history(again).edited
    assert read_history(again).sources == {read_history(file).content}
    execute(file, edit)
    assert read_history(file).edited
    assert read_history(file).content not in read_history(again).lineage


def test_a_snapshot_holds_what_lies_in_the_log_only_and_changes_nothing(file: Path) -> None:
    with editor(file) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("UPDATE landslides SET notes = 'only in the log' WHERE fid = 2")
        assert Path(f"{file}-wal").stat().st_size > 0
        before = {path: path.read_bytes() for path in file.parent.iterdir() if not path.name.endswith("-shm")}
        with snapshot(file) as copy:
            assert list(read_layer(copy)["notes"]) == [None, "only in the log", None]
            assert not Path(f"{copy}-wal").exists()
        assert not copy.exists()
        assert {path: path.read_bytes() for path in before} == before


def test_a_snapshot_of_a_file_left_in_wal_mode_leaves_no_log_behind(file: Path) -> None:
    execute(file, "PRAGMA journal_mode = WAL")
    with snapshot(file) as copy:
        assert len(read_layer(copy)) == 3
    read_history(file)
    assert [path.name for path in file.parent.iterdir()] == ["l.gpkg"]


def test_a_snapshot_of_a_read_only_file(file: Path) -> None:
    file.chmod(0o444)
    file.parent.chmod(0o555)
    try:
        with snapshot(file) as copy:
            assert len(read_layer(copy)) == 3
    finally:
        file.parent.chmod(0o755)


def test_a_file_that_is_kept_locked_or_is_none_is_one_line(file: Path, tmp_path: Path) -> None:
    with editor(file) as database:
        database.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InventoryError, match="close it there") as caught, snapshot(file):
            pass
        assert "\n" not in str(caught.value)
    (tmp_path / "text.gpkg").write_text("no")
    with pytest.raises(InventoryError, match="no GeoPackage"), snapshot(tmp_path / "text.gpkg"):
        pass
    with pytest.raises(SourceNotFoundError), snapshot(tmp_path / "none.gpkg"):
        pass
    with pytest.raises(InventoryError):
        read_history(tmp_path / "text.gpkg")


def test_a_half_done_edit_of_a_killed_program_is_refused(file: Path, tmp_path: Path) -> None:
    """The log of a killed program would have to be played back into the file, which is not ours to write."""
    copy = tmp_path / "killed.gpkg"
    with editor(file) as database:
        database.execute("PRAGMA cache_size = 1")
        database.execute("BEGIN")
        database.execute("UPDATE landslides SET notes = 'half done'")
        database.execute("CREATE TABLE filler AS SELECT zeroblob(300000) AS x")
        shutil.copy(f"{file}-journal", f"{copy}-journal")
        shutil.copy(file, copy)
        database.execute("ROLLBACK")
    before = copy.read_bytes()
    with pytest.raises(InventoryError, match="close it there"), snapshot(copy):
        pass
    assert copy.read_bytes() == before
