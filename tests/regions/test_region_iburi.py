"""A region over the real Hokkaido scene, after the earthquake of 6 September 2018."""

from __future__ import annotations

from datetime import UTC, datetime

import pyogrio
import pytest
import yaml
from catalogue import catalogue, hokkaido

from landslide_geo.regions.inventory import read_running
from landslide_geo.regions.region import read_region
from landslide_geo.regions.run import run_region

pytestmark = pytest.mark.integration


def test_the_first_images_after_an_event(tmp_path, mirror):
    values = {
        "name": "iburi", "bbox": [141.93, 42.70, 141.98, 42.74], "event": {"name": "Iburi", "day": "2018-09-06"},
        "ingest": {"sensors": ["s2", "dem"], "bands": ["red", "green", "blue"], "max_cloud": 0.45},
    }  # fmt: skip
    with catalogue(tmp_path / "files") as made:
        hokkaido(made, mirror)
        with made.served() as url:
            values["ingest"]["stac"] = url
            (tmp_path / "iburi.yaml").write_text(yaml.safe_dump(values))
            region = read_region("iburi", regions=tmp_path, work=tmp_path / "work")
            found = run_region(region, until=datetime(2018, 9, 20, tzinfo=UTC))
    key = "s2-20180911-sentinel-2a-r074"
    assert list(found["done"]) == [key] and found["skipped"] == found["failed"] == {}
    rows = read_running(region.inventory)
    assert len(rows) == found["done"][key]["new"] > 20
    scan = pyogrio.read_dataframe(region.scans / key / "landslides.gpkg", layer="landslides")
    assert set(scan["landslide_id"]) == set(rows["landslide_id"])
    assert rows["area_m2"].sum() == pytest.approx(scan["area_m2"].sum())
    assert set(rows["date_pre"].astype(str)) == {"2018-08-12"} and set(rows["event_id"]) == {"Iburi"}
    assert set(rows["status"]) == {"provisional"} and (rows["slope_p90_deg"] >= 10).all()
