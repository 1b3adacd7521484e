from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pystac
import pytest
import shapely
from pystac.validation import validate_dict

from landslide_geo.errors import OutputError
from landslide_geo.regions.catalogue import write_catalogue
from landslide_geo.report import scan_item, write_item


def scan(base: Path, key: str, day: int) -> None:
    folder = base / "scans" / key
    (folder / "review").mkdir(parents=True)
    for name in ("landslides.gpkg", "quicklook.png", "review/post.tif"):
        (folder / name).write_text(key)
    box = shapely.box(141.9, 42.6, 142.0, 42.7 + day / 100)
    assets = {name: folder / name for name in ("landslides.gpkg", "quicklook.png", "review/post.tif")}
    record = {"scene_id": key, "summary": {"landslides": day}}
    when = datetime(2026, 3, day, tzinfo=UTC)
    write_item(
        folder / "item.json", scan_item(record, geometry_wgs84=box, bbox=box.bounds, assets=assets, datetime=when)
    )


def test_it_is_a_valid_catalogue_that_may_be_moved(tmp_path):
    base = tmp_path / "region"
    assert write_catalogue(base, "iburi", []) is None
    for day in (1, 5):
        scan(base, f"s2-{day}", day)
    write_catalogue(base, "iburi", ["s2-1", "s2-5", "removed"])
    moved = shutil.move(base, tmp_path / "elsewhere")
    collection = pystac.Collection.from_file(str(Path(moved) / "catalogue/collection.json"))
    assert (collection.id, collection.title) == ("iburi", "Landslide scans of iburi")
    assert collection.extent.temporal.intervals[0] == [
        datetime(2026, 3, 1, tzinfo=UTC),
        datetime(2026, 3, 5, tzinfo=UTC),
    ]
    assert collection.extent.spatial.bboxes[0] == pytest.approx([141.9, 42.6, 142.0, 42.75])
    items = sorted(collection.get_items(), key=lambda item: item.id)
    assert [item.id for item in items] == ["s2-1", "s2-5"]
    for item in items:
        assert item.get_collection().id == "iburi"
        for asset in item.get_assets().values():
            assert Path(asset.get_absolute_href()).read_text() == item.id
    for path in (Path(moved) / "catalogue").rglob("*.json"):
        content = json.loads(path.read_text())
        hrefs = [link["href"] for link in content["links"]] + [a["href"] for a in content.get("assets", {}).values()]
        assert all(href.startswith(".") for href in hrefs), "relative, so that it may lie anywhere"
        # The extension's own schema is on the network; the core's is a part of pystac.
        validate_dict(content | {"stac_extensions": []})
    with pytest.raises((pystac.errors.STACValidationError, jsonschema.ValidationError)):
        validate_dict({**items[0].to_dict(), "stac_extensions": [], "geometry": 1})


def test_what_did_not_change_is_not_written(tmp_path):
    for day in (1, 5):
        scan(tmp_path, f"s2-{day}", day)
    write_catalogue(tmp_path, "iburi", ["s2-1"])
    files = {path: path.stat().st_ino for path in (tmp_path / "catalogue").rglob("*.json")}
    write_catalogue(tmp_path, "iburi", ["s2-1"])
    assert {path: path.stat().st_ino for path in files} == files
    write_catalogue(tmp_path, "iburi", ["s2-1", "s2-5"])
    assert (tmp_path / "catalogue/s2-1/s2-1.json").stat().st_ino == files[tmp_path / "catalogue/s2-1/s2-1.json"]
    assert len(list((tmp_path / "catalogue").iterdir())) == 3


def test_a_broken_item_is_named_and_nothing_is_written(tmp_path):
    scan(tmp_path, "s2-1", 1)
    (tmp_path / "scans/s2-1/item.json").write_text("{")
    with pytest.raises(OutputError, match=r"s2-1/item\.json: cannot be read as a STAC item"):
        write_catalogue(tmp_path, "iburi", ["s2-1"])
    assert not (tmp_path / "catalogue").exists()
