"""After an event every image is mapped against the last one before it, and published when it is scanned."""

from __future__ import annotations

import pytest
from catalogue import catalogue
from region_world import BBOX, acquire, when

from landslide_geo.errors import ParameterError
from landslide_geo.regions.history import History
from landslide_geo.regions.inventory import read_running
from landslide_geo.regions.region import read_region

pytest.importorskip("prefect", reason="the extra 'flows' is not installed")

pytestmark = pytest.mark.integration

A, B = (20, 20, 12), (60, 70, 15)


def test_images_after_an_event_are_mapped_one_by_one_and_published_at_once(prefect_server, tmp_path):
    from flows.event import event_response

    options = {
        "ingest": {"sensors": ["s2"], "bands": ["red", "green", "nir"], "align": False},
        "scan": {"model": "rdndvi", "window": 64, "overlap": 16, "min_slope_deg": 0, "flat_slope_deg": 0},
    }
    folders = {"regions": tmp_path / "regions", "work": tmp_path / "data"}
    day = when(3).date()
    with catalogue(tmp_path / "world") as made:
        acquire(made, 0, [])
        acquire(made, 5, [A])
        acquire(made, 10, [A, B])
        with made.served() as url:
            options["ingest"]["stac"] = url
            told = event_response("quake", day, bbox=BBOX, options=options, **folders)
            again = event_response("quake", day, bbox=BBOX, options=options, **folders)
            with pytest.raises(ParameterError, match="choose another name"):
                event_response("quake", when(4).date(), bbox=BBOX, options=options, **folders)
    assert len(told["done"]) == 2 and not again["done"]
    region = read_region("quake", **folders)
    rows = read_running(region.inventory)
    assert sorted(rows["n_detections"]) == [1, 2]
    assert set(rows["date_pre"]) == {when(0).date()}, "the earlier image lies before the event, whatever came since"
    assert set(rows["event_id"]) == {"quake"} and set(rows["event_date"]) == {day}
    steps = [event["kind"] for event in History(region.history).events() if event["kind"] in ("done", "published")]
    assert steps[:4] == ["done", "published", "done", "published"], "the first results wait for no others"
