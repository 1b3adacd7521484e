"""A night killed at any moment and started anew ends in the same inventory."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, timedelta
from pathlib import Path

import geopandas as gpd
import killing
import pandas as pd
import pytest
from catalogue import catalogue
from region_world import acquire, region_on, when

from landslide_geo.regions.history import History
from landslide_geo.regions.inventory import applied_scans, read_running
from landslide_geo.regions.run import run_region

pytestmark = pytest.mark.integration

UNTIL = when(16).replace(tzinfo=UTC) + timedelta(hours=1)
#: Of the fields only this one holds the time of the run.
TIMES = ["detected_at"]


def night(folder: Path, url: str) -> None:
    run_region(region_on(folder, url, sinks={"folder": str(folder / "public")}), until=UNTIL)
    os._exit(0)


def landslides(folder: Path) -> gpd.GeoDataFrame:
    return read_running(folder / "data/small/inventory.gpkg").drop(columns=TIMES)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("times", [5, pytest.param(20, marks=pytest.mark.slow)])
def test_a_night_killed_at_random_moments_ends_in_the_same_inventory(tmp_path, times):
    with catalogue(tmp_path / "files") as made:
        acquire(made, 0, [])
        acquire(made, 5, [(20, 20, 12)])
        acquire(made, 10, [(20, 22, 13), (60, 70, 15)])
        with made.served() as url:
            whole = tmp_path / "whole"
            whole.mkdir()
            lasts = killing.seconds(night, whole, url)
            expected = landslides(whole)
            assert len(expected) == 2
            names = sorted(str(path.relative_to(whole)) for path in (whole / "data").rglob("*"))
            public = sorted(str(path.relative_to(whole)) for path in (whole / "public").rglob("*"))
            folder = tmp_path / "killed"
            folder.mkdir()

            def after_kill() -> None:
                inventory = folder / "data/small/inventory.gpkg"
                if inventory.exists():
                    scans = applied_scans(inventory)
                    rows = read_running(inventory)
                    assert rows["landslide_id"].is_unique
                    assert (rows["n_detections"] == rows["scene_ids"].str.split(";").map(len)).all()
                    assert {name for text in rows["scene_ids"] for name in text.split(";")} <= set(scans)
                copy = folder / "public/inventory.gpkg"
                assert not copy.exists() or len(read_running(copy)) in (1, 2)

            def after_end() -> None:
                found = landslides(folder)
                pd.testing.assert_frame_equal(
                    pd.DataFrame(found.drop(columns="geometry")), pd.DataFrame(expected.drop(columns="geometry"))
                )
                assert found.geometry.geom_equals_exact(expected.geometry, 0).all()
                states = [entry.state for entry in History(folder / "data/small/history.sqlite").entries()]
                assert states == ["skipped", "done", "done"]
                assert sorted(str(path.relative_to(folder)) for path in (folder / "data").rglob("*")) == names
                assert sorted(str(path.relative_to(folder)) for path in (folder / "public").rglob("*")) == public
                shutil.rmtree(folder)
                folder.mkdir()

            killing.until_killed(
                times, night, folder, url, lasts=lasts, seed=times, after_kill=after_kill, after_end=after_end
            )
