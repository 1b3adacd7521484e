"""A region through several nights, on a real STAC API and a real file server."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pystac
import pytest
from catalogue import catalogue
from region_scans import told
from region_world import acquire, region_on, when

from landslide_geo.cli.main import run
from landslide_geo.errors import (
    BundleError,
    LockLostError,
    NoAnswerError,
    OutputError,
    ParameterError,
    RegionBusyError,
    SourceNotFoundError,
)
from landslide_geo.regions.acquisitions import find_new
from landslide_geo.regions.history import History
from landslide_geo.regions.inventory import applied_scans, read_running
from landslide_geo.regions.publishing import publish
from landslide_geo.regions.run import (
    Steps,
    apply,
    pending,
    prepare_scene,
    region_lease,
    retry,
    run_region,
    scan_scene,
    settle,
)
from landslide_geo.regions.status import new_landslides

pytestmark = pytest.mark.integration

A, B, C = (20, 20, 12), (60, 70, 15), (90, 20, 10)


def until(day: int) -> datetime:
    return when(day).replace(tzinfo=UTC) + timedelta(hours=20)


def key(day: int) -> str:
    return f"s2-{when(day):%Y%m%d}-sentinel-2a-r074"


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    """Addresses of the catalogue as it stands in three nights; images of a forest, then one bare place, then two."""
    with catalogue(tmp_path_factory.mktemp("world")) as made:
        acquire(made, 0, [])
        acquire(made, 5, [A])
        with made.served() as first:
            acquire(made, 10, [A, B], cloud=0.9)
            acquire(made, 15, [A, B])
            with made.served() as second:
                acquire(made, 20, [B, C])
                with made.served() as third:
                    yield first, second, third


def test_three_nights(nights, tmp_path):
    found = run_region(region_on(tmp_path, nights[0]), until=until(6))
    assert found["found"] == [key(0), key(5)]
    assert list(found["done"]) == [key(5)] and "is not later" in found["skipped"][key(0)]
    region = region_on(tmp_path, nights[1])
    rows = read_running(region.inventory)
    assert told(rows, "status", "n_detections", "first_seen") == [("provisional", 1, when(5).date())]
    assert rows.geometry.iloc[0].area == pytest.approx(12 * 12 * 100, rel=0.2)
    (name,) = rows["landslide_id"]

    found = run_region(region, until=until(16))
    assert found["found"] == [key(10), key(15)]
    assert list(found["done"]) == [key(15)] and "most of the area (3%)" in found["skipped"][key(10)]
    rows = read_running(region.inventory)
    assert told(rows, "status", "n_detections") == [("confirmed", 2), ("provisional", 1)]
    assert name in set(rows["landslide_id"])
    (fresh,) = new_landslides(region, found["done"])
    assert fresh["landslide_id"] in set(rows["landslide_id"]) - {name}
    assert (fresh["first_seen"], fresh["scan"], fresh["status"]) == ("2026-03-16", key(15), "provisional")

    region = region_on(tmp_path, nights[2])
    found = run_region(region, until=until(21))
    assert found["done"][key(20)] == {
        "found": 2, "new": 1, "again": 1, "outlined": 1, "mapped": 0, "merged": 0, "not_found": 1, "edited": 0,
        "unusable": 0, "fresh": True,
    }  # fmt: skip
    rows = read_running(region.inventory)
    assert told(rows, "status", "n_detections", "n_shown") == [
        ("confirmed", 2, 2), ("no_longer_visible", 2, 3), ("provisional", 1, 1)
    ]  # fmt: skip
    again = run_region(region, until=until(21))
    assert (again["found"], again["done"]) == ([], {})
    pd.testing.assert_frame_equal(read_running(region.inventory), rows)
    assert not any(region.scenes.iterdir()), "scenes go when they are scanned"
    assert applied_scans(region.inventory) == [key(5), key(15), key(20)]
    assert [path.name for path in sorted(region.scans.iterdir())] == [key(5), key(15), key(20)]


def test_step_by_step_and_each_again(nights, tmp_path):
    region = region_on(tmp_path, nights[0], keep_scenes=True, reference=None, gap_days=2)
    assert pending(region) == [] and new_landslides(region, [key(5)]) == []
    assert find_new(region, until=until(6)) == [key(0), key(5)]
    assert find_new(region, until=until(6)) == [] and pending(region) == [key(0), key(5)]
    scene = prepare_scene(region, key(5))
    before = (scene / "item.json").stat()
    assert prepare_scene(region, key(5)) == scene and (scene / "item.json").stat().st_ino == before.st_ino
    out = scan_scene(region, key(5))
    mark = (out / "scan.json").stat().st_ino
    assert scan_scene(region, key(5)) == out and (out / "scan.json").stat().st_ino == mark
    with region_lease(region) as lease:
        assert apply(region, key(5), lease)["fresh"]
        assert not apply(region, key(5), lease)["fresh"]
        with pytest.raises(RegionBusyError):
            run_region(region)
    record = json.loads((out / "scan.json").read_text())
    assert (record["date_pre"], record["date_post"]) == ("2026-03-01", "2026-03-06")
    assert read_running(region.inventory)["scene_ids"].tolist() == [key(5)]


def test_one_that_fails_five_times_is_parked_and_stops_no_other(nights, tmp_path):
    region = region_on(tmp_path, nights[1])
    broken = region.scenes / key(5)
    broken.parent.mkdir(parents=True)
    broken.write_text("in the way")
    for attempt in range(1, 6):
        found = run_region(region, until=until(16))
        state = "failed" if attempt < 5 else "parked"
        assert list(found[state]) == [key(5)] and "is a file" in found[state][key(5)]
        assert list(found["done"]) == ([key(15)] if attempt == 1 else [])
    assert run_region(region, until=until(16))["parked"] == {}, "it is not tried any more"
    broken.unlink()
    with pytest.raises(ParameterError, match="is done"):
        retry(region, key(15))
    assert retry(region, key(5)).state == "new"
    assert list(run_region(region, until=until(16))["done"]) == [key(5)]
    rows = read_running(region.inventory)
    assert told(rows, "first_seen", "last_seen", "n_detections") == [
        (when(15).date(), when(15).date(), 1), (when(5).date(), when(15).date(), 2)
    ]  # fmt: skip


def test_a_scan_that_cannot_be_read_stops_no_other(nights, tmp_path):
    region = region_on(tmp_path, nights[1])
    find_new(region, until=until(6))
    prepare_scene(region, key(5))
    scan_scene(region, key(5))
    scanned = region.scans / key(5) / "landslides.gpkg"
    scanned.write_bytes(scanned.read_bytes()[:20_000])
    found = run_region(region, until=until(16))
    assert list(found["done"]) == [key(15)]
    assert "remove the folder" in found["failed"][key(5)] and applied_scans(region.inventory) == [key(15)]
    shutil.rmtree(scanned.parent)
    assert list(run_region(region, until=until(16))["done"]) == [key(5)]


def test_a_catalogue_that_does_not_answer_is_nobodys_failure(nights, tmp_path):
    region = region_on(tmp_path, nights[0])
    run_region(region, until=until(4))
    silent = region_on(tmp_path, "http://127.0.0.1:9/")
    with pytest.raises(NoAnswerError):
        run_region(silent, until=until(6))
    # It may also fall silent after the search, and the history may be held by another program meanwhile.
    find_new(region, until=until(6))
    with pytest.raises(NoAnswerError):
        run_region(silent, until=until(6), steps=Steps(find=lambda **given: []))
    held = OutputError("history.sqlite: another program has held it for 60 s")
    held.__cause__ = sqlite3.OperationalError("database is locked")
    with pytest.raises(OutputError, match="held it"):
        settle(region, key(5), held)
    assert [entry.failures for entry in History(region.history).entries()] == [0, 0]


def test_a_clock_that_was_wrong_at_the_first_search_hides_nothing_when_it_is_right(nights, tmp_path):
    region = region_on(tmp_path, nights[1])
    assert find_new(region, until=until(3650)) == [], "it was ahead by years"
    assert find_new(region, until=until(16)) == [key(day) for day in (0, 5, 10, 15)]
    assert find_new(region, until=until(-3650)) == [], "put back, it finds nothing, and forgets nothing"
    assert pending(region) == [key(day) for day in (0, 5, 10, 15)]


def test_a_model_or_elevation_that_is_gone_is_nobodys_failure(tmp_path):
    # It is looked at before the catalogue is asked.
    for changes, error in (({"scan": {"model": "gone"}}, BundleError), ({"dem": "gone.tif"}, SourceNotFoundError)):
        region = region_on(tmp_path, "http://127.0.0.1:9/", **changes)
        with pytest.raises(error, match="no such"):
            run_region(region)
        assert History(region.history).entries() == []


def test_a_full_disk_ends_the_night_and_parks_nothing(nights, tmp_path, monkeypatch):
    region = region_on(tmp_path, nights[0])

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        patch.setattr(Path, "replace", full)
        with pytest.raises(OutputError, match=r"disk is full .*No space left"):
            run_region(region, until=until(6))
    with monkeypatch.context() as patch:
        # Libraries have names of their own for a disk without any space left.
        patch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**9, 10**9, 0))
        with pytest.raises(OutputError, match=r"disk is full \(strip 3"):
            settle(region, key(5), ValueError("strip 3 cannot be written"))
    entries = {entry.key: entry for entry in History(region.history).entries()}
    assert (entries[key(5)].state, entries[key(5)].failures) == ("new", 0)
    assert list(run_region(region, until=until(6))["done"]) == [key(5)]


def test_after_an_event_images_before_it_are_the_earlier_ones(nights, tmp_path):
    region = region_on(
        tmp_path, nights[2], event={"name": "Iburi", "day": "2026-03-14"}, sinks={"stac": False}, settle_hours=900,
        reference=None,
    )  # fmt: skip
    found = run_region(region, until=until(21))
    assert list(found["done"]) == [key(15), key(20)]
    rows = read_running(region.inventory)
    assert set(rows["event_id"]) == {"Iburi"} and set(rows["date_pre"].astype(str)) == {"2026-03-06"}


def test_from_the_command_line(nights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    region_on(tmp_path, nights[1], look_back_days=3000)
    where = ["--regions", "regions", "--data", "data"]
    assert run(["region", "list", "--json", *where]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"name": "small", "schedule": None, "model": "rdndvi", "sensor": "s2"}
    ]
    assert run(["region", "run", "small", *where]) == 0
    told = capsys.readouterr().out
    assert "4 found, 2 done, 2 skipped, 0 failed, 0 parked" in told and "data/small/inventory.gpkg" in told
    assert run(["region", "status", "small", "--json", *where]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["states"] == {"skipped": 2, "done": 2}
    assert status["landslides"] == {"confirmed": 1, "provisional": 1} and status["held_by"] is None
    assert run(["region", "status", "small", *where]) == 0
    assert f"{key(10)}: skipped: no Sentinel-2" in capsys.readouterr().out
    assert run(["region", "retry", "small", key(10), *where]) == 0
    assert run(["region", "retry", "small", "none", *where]) == 2
    capsys.readouterr()
    assert run(["region", "history", "small", "--last", "1", "--json", *where]) == 0
    (event,) = json.loads(capsys.readouterr().out)
    assert (event["kind"], event["key"]) == ("new", key(10))
    assert run(["region", "run", "nowhere", *where]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "there are: small" in error


def test_of_two_runs_at_a_time_one_works_and_the_other_says_who(nights, tmp_path):
    region_on(tmp_path, nights[0])
    command = [
        sys.executable, "-c",
        "import sys; from landslide_geo.cli.main import run; sys.exit(run(sys.argv[1:]))", "region", "run", "small",
        "--regions", str(tmp_path / "regions"), "--data", str(tmp_path / "data"), "--quiet",
    ]  # fmt: skip
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = [(process.communicate(timeout=300)[1], process.returncode) for process in both]
    assert sorted(code for _, code in ended) in ([0, 2], [0, 0]), ended
    for error, code in ended:
        assert (code == 0) == (error == "")
        assert code == 0 or ("another run holds the region (process" in error and error.count("\n") == 1)


def test_a_run_that_lost_its_region_enters_nothing(nights, tmp_path):
    region = region_on(tmp_path, nights[0])
    run_region(region, until=until(4))
    find_new(region, until=until(6))
    prepare_scene(region, key(5))
    scan_scene(region, key(5))
    with region_lease(region, term_s=60) as lease:
        with sqlite3.connect(region.history) as database:  # as whoever takes over does
            database.execute("UPDATE holder SET token = token + 1")
        database.close()
        with pytest.raises(LockLostError, match="taken the region over"):
            apply(region, key(5), lease)
        with pytest.raises(LockLostError):
            publish(region, lease)
    assert applied_scans(region.inventory) == [] and pending(region) == [key(5)]


def test_the_public_folder_holds_what_the_catalogue_names(nights, tmp_path):
    region = region_on(tmp_path, nights[1], sinks={"folder": "../public"})
    found = run_region(region, until=until(16))
    assert found["published"]["folder"]["scans"] == 2
    public = tmp_path / "public"
    items = list(pystac.Collection.from_file(str(public / "catalogue/collection.json")).get_items())
    assert {item.id for item in items} == {key(5), key(15)}
    for item in items:
        for asset in item.get_assets().values():
            assert Path(asset.get_absolute_href()).is_relative_to(public) and Path(asset.get_absolute_href()).is_file()
    pd.testing.assert_frame_equal(read_running(public / "inventory.gpkg"), read_running(region.inventory))
    again = run_region(region, until=until(16))
    assert again["published"]["folder"]["scans"] == 0, "what is there is not copied again"
