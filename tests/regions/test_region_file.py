from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
import yaml

from landslide_geo.errors import LandslideError, OutputError, ParameterError, SourceNotFoundError
from landslide_geo.regions.events import event_region
from landslide_geo.regions.region import add_region, names, read_region, region_file

MINIMAL = {"name": "iburi", "bbox": [141.93, 42.70, 141.98, 42.74]}


def area(path: Path) -> Path:
    ring = [[141.93, 42.70], [141.98, 42.70], [141.98, 42.74], [141.93, 42.70]]
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return path


def test_what_was_added_is_read_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {
        "name": "iburi", "aoi": area(tmp_path / "iburi.geojson").name, "scan": {"threshold": 0.6},
        "schedule": {"cron": "0 3 * * *", "timezone": "Asia/Tokyo"}, "sinks": {"folder": "public", "postgis": "PG_URL"},
    }  # fmt: skip
    made = add_region(given)
    read = read_region("iburi")
    assert read.params == made.params
    assert read.params.scan.threshold == 0.6
    assert read.beside(read.params.aoi).resolve() == tmp_path / "iburi.geojson", "paths count from the file"
    assert read.beside(read.params.sinks.folder).resolve() == tmp_path / "public"
    assert read.ground.geobox.crs.to_epsg() == 32654
    assert names() == ["iburi"]
    text = Path("regions/iburi.yaml").read_text()
    assert "before_days" not in text, "defaults are not frozen in the file"
    with pytest.raises(OutputError, match="there is such a region"):
        add_region(given)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "Iburi"}, "name: "),
        ({"bbox": None}, "one of aoi and bbox"),
        ({"ingest": {"sensors": ["s2", "s1"]}}, "one sensor"),
        ({"ingest": {"stax": "x"}}, "ingest.stax: "),
        ({"scan": {"threshold": 2}}, "scan.threshold: .*less than 1"),
        ({"schedule": {"cron": "0 3 * *"}}, "schedule.cron: five parts"),
        ({"schedule": {"cron": "0 25 * * *"}}, "schedule.cron: is no cron expression"),
        ({"schedule": {"cron": "0 3 * * *", "timezone": "Mars/Olympus"}}, "schedule.timezone: is no time zone"),
        ({"sinks": {"postgis": "postgresql://user:secret@host/db"}}, "sinks.postgis: "),
        ({"sinks": {"webhook": {"url": "https://user:secret@host/"}}}, "sinks.webhook: url holds a password"),
        ({"sinks": {"webhook": {"url": "ftp://host/"}}}, "write it as https"),
        ({"sinks": {"webhook": {}}}, "one of url and url_env"),
        ({"sinks": {"mail": {"to": ["nobody"]}}}, "sinks.mail.to: 'nobody' is no mail address"),
        ({"sinks": {"mail": {"to": ["a@b\nBcc: c@d"]}}}, "is no mail address"),
        ({"gap_days": 100}, "gap_days leaves no time"),
        ({"look_back_days": 0}, "look_back_days: "),
    ],
)
def test_a_wrong_field_is_named_with_the_file_and_a_remedy(tmp_path, change, told):
    values = {key: value for key, value in (MINIMAL | change).items() if value is not None}
    (tmp_path / "iburi.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(ParameterError, match=told) as error:
        read_region("iburi", regions=tmp_path)
    assert str(error.value).startswith(str(tmp_path / "iburi.yaml")) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["../etc", "a/b", "", ".hidden", "a.b"])
def test_a_name_stays_in_its_folder(tmp_path, name):
    with pytest.raises(ParameterError, match="names have a-z"):
        region_file(name, tmp_path)


def test_what_is_no_region_file_is_said(tmp_path):
    with pytest.raises(SourceNotFoundError, match="landslide region add"):
        read_region("iburi", regions=tmp_path)
    file = tmp_path / "iburi.yaml"
    for text, told in (("a: [", "not valid YAML"), ("- a", "holds no fields"), ("", "holds no fields")):
        file.write_text(text)
        with pytest.raises(ParameterError, match=told):
            read_region("iburi", regions=tmp_path)
    file.write_text(yaml.safe_dump(MINIMAL | {"name": "other"}))
    with pytest.raises(ParameterError, match="rename the file"):
        read_region("iburi", regions=tmp_path)


@pytest.mark.parametrize(
    "change", [{"aoi": "none.geojson", "bbox": None}, {"dem": "none.tif"}, {"scan": {"model": "none"}}]
)
def test_nothing_is_written_for_a_region_that_could_not_be_scanned(tmp_path, change):
    with pytest.raises(LandslideError):
        add_region(MINIMAL | change, regions=tmp_path / "regions")
    assert not (tmp_path / "regions").exists()


def test_the_file_in_the_docs_is_one(tmp_path):
    text = (Path(__file__).parents[2] / "docs/regions.md").read_text(encoding="utf-8")
    (block,) = [part.partition("```")[0] for part in text.split("```yaml\n")[1:]]
    (tmp_path / "iburi.yaml").write_text(block, encoding="utf-8")
    params = read_region("iburi", regions=tmp_path).params
    unset = set(type(params).model_fields) - set(yaml.safe_load(block))
    assert unset == {"bbox"}, "every other field is shown"
    assert params.event.name == "Iburi" and params.sinks.mail.to == ("duty@example.org",)


def test_the_region_of_an_event_is_made_once_and_stands_for_that_event_and_area(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, day = area(tmp_path / "area.geojson"), date(2026, 3, 4)
    made = event_region("quake", day, {"aoi": path.name, "name": "other", "scan": {"threshold": 0.6}})
    assert names() == ["quake"] and made.params.settle_hours == 0 and made.params.event.day == day
    for values in ({"aoi": path}, {"aoi": path.name}, {"aoi": None}, {}):
        assert event_region("quake", day, values).params == made.params
    for values in ({"bbox": MINIMAL["bbox"]}, {"aoi": tmp_path / "another.geojson"}):
        with pytest.raises(ParameterError, match="of another area; edit that file"):
            event_region("quake", day, values)
    event_region("flood", day, {"bbox": MINIMAL["bbox"]})
    event_region("flood", day, {"bbox": MINIMAL["bbox"]})
    with pytest.raises(ParameterError, match="of another area"):
        event_region("flood", day, {"aoi": path})


def test_the_line_that_is_no_yaml_is_told(tmp_path):
    (tmp_path / "iburi.yaml").write_text("name: iburi\nbbox: [141.9, 42.7\nscan: {model: rdndvi}\n")
    with pytest.raises(ParameterError, match="not valid YAML in line 3: expected ','") as caught:
        read_region("iburi", regions=tmp_path)
    assert "\n" not in str(caught.value)
