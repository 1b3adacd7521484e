from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pystac
import pytest
import shapely
from inventory_scenes import CRS, GRID, write
from stac_items import check_item, checked_assets

from landslide_geo.errors import OutputError
from landslide_geo.report import scan_item, write_item

FOOTPRINT = shapely.box(141.9, 42.6, 142.0, 42.7)
WHEN = datetime(2018, 9, 8, tzinfo=UTC)
SCAN = {
    "scene_id": "scene-1",
    "started_at": "2026-11-20T12:30:00+00:00",
    "model": {"name": "default"},
    "parameters": {"threshold": 0.4},
    "summary": {"landslides": 3, "area_m2": 1200.0, "visible_m2": 1e6},
}


@pytest.fixture
def assets(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "review").mkdir()
    for name in ("landslides.gpkg", "quicklook.png", "report.html", "review.qgz"):
        (tmp_path / name).touch()
    return {
        "probability": write(tmp_path / "probability.tif", np.zeros((6, 8), np.float32)),
        "visibility": write(tmp_path / "review" / "visibility.tif", np.zeros((6, 8), np.uint8)),
        "landslides": tmp_path / "landslides.gpkg",
        "quicklook": tmp_path / "quicklook.png",
        "report": tmp_path / "report.html",
        "review": tmp_path / "review.qgz",
    }


def test_item_stands_alone_with_relative_addresses(assets: dict[str, Path], tmp_path: Path) -> None:
    item = scan_item(SCAN, geometry_wgs84=FOOTPRINT, bbox=FOOTPRINT.bounds, assets=assets, datetime=WHEN)
    write_item(tmp_path / "item.json", item)
    raw = json.loads((tmp_path / "item.json").read_text(encoding="utf-8"))
    assert raw["links"] == []
    assert {key: asset["href"] for key, asset in raw["assets"].items()} == {
        "probability": "./probability.tif",
        "visibility": "./review/visibility.tif",
        "landslides": "./landslides.gpkg",
        "quicklook": "./quicklook.png",
        "report": "./report.html",
        "review": "./review.qgz",
    }
    checked_assets(check_item(raw, extensions={"proj"}), tmp_path)
    read = pystac.Item.from_file(str(tmp_path / "item.json"))
    assert read.id == "scene-1"
    assert read.datetime == WHEN
    assert read.properties["landslide:count"] == 3
    assert read.properties["landslide:threshold"] == 0.4
    assert read.properties["proj:code"] == CRS
    assert read.assets["probability"].extra_fields["proj:shape"] == [6, 8]
    assert read.assets["probability"].extra_fields["proj:transform"] == list(GRID)[:6]
    assert read.assets["quicklook"].roles == ["overview"]
    assert shapely.geometry.shape(read.geometry).equals(FOOTPRINT)


def test_unknown_acquisition_is_said(assets: dict[str, Path]) -> None:
    geometry = shapely.geometry.mapping(FOOTPRINT)
    item = scan_item(SCAN, geometry_wgs84=geometry, bbox=FOOTPRINT.bounds, assets=assets, datetime=None)
    assert item.datetime == datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
    assert "not known" in item.properties["landslide:datetime_is"]


def test_files_that_are_still_to_be_written_and_bare_records_do(tmp_path: Path) -> None:
    item = scan_item(
        {}, geometry_wgs84=FOOTPRINT, bbox=FOOTPRINT.bounds, assets={"p": tmp_path / "later.tif"}, datetime=WHEN
    )
    assert item.assets["p"].href == "./later.tif"
    assert item.id == tmp_path.name
    with pytest.raises(OutputError):
        write_item(tmp_path / "absent" / "item.json", item)
