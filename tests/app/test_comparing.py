"""What changed from one scan to another, worked out once."""

from __future__ import annotations

import pytest

from landslide_geo.app import comparing
from landslide_geo.app.folder import AppFolder
from landslide_geo.errors import SourceNotFoundError
from landslide_geo.pipeline.inventories import compare_files
from tests.app.conftest import World


def test_changes_are_those_of_landslide_compare(world: World, tmp_path) -> None:
    folder = AppFolder(world.folder)
    made = comparing.changes(folder, "early", "late")
    told = compare_files(world.early / "landslides.gpkg", world.late / "landslides.gpkg", tmp_path / "c.gpkg")
    expected = {status: entry["count"] for status, entry in told["changes"].items() if entry["count"]}
    summary = comparing.summary(made)
    assert {row["status"]: row["count"] for row in summary["changes"]} == expected and expected
    shown = comparing.view(made, bounds=(-180, -90, 180, 90), zoom=14)
    assert shown["total"] == len(shown["features"]) == sum(expected.values())
    assert comparing.view(made, bounds=(0, 0, 1, 1), zoom=14)["features"] == []


def test_the_same_files_are_compared_once(world: World) -> None:
    folder = AppFolder(world.folder)
    made = comparing.changes(folder, "early", "late")
    written = made.stat().st_mtime_ns
    assert comparing.changes(folder, "early", "late") == made and made.stat().st_mtime_ns == written
    assert comparing.changes(folder, "late", "early") != made


def test_scans_are_looked_up(world: World) -> None:
    with pytest.raises(SourceNotFoundError):
        comparing.changes(AppFolder(world.folder), "early", "../late")
