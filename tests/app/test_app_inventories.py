"""What a screen and a table show of an inventory."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.app import inventories
from landslide_geo.app.decide import Decision, decide
from landslide_geo.app.inventories import Filter, Landslides, Opened, mark_of, simplified
from landslide_geo.errors import ParameterError, SourceNotFoundError
from landslide_geo.regions.features import prepare
from tests.app.conftest import World

EARTH = (-180.0, -90.0, 180.0, 90.0)


@pytest.fixture(scope="module")
def landslides(scanned: World) -> Landslides:
    return Landslides(scanned.late / "landslides.gpkg")


def test_a_screen_of_all_the_earth_shows_all(landslides: Landslides) -> None:
    shown = landslides.view(bounds=EARTH, zoom=14, which=Filter())
    assert shown["total"] == len(shown["features"]) == len(landslides.frame) > 3
    areas = [feature["properties"]["area_m2"] for feature in shown["features"]]
    assert areas == sorted(areas, reverse=True)
    json.dumps(shown, allow_nan=False)


def test_a_screen_elsewhere_shows_nothing(landslides: Landslides) -> None:
    assert landslides.view(bounds=(0, 0, 1, 1), zoom=5, which=Filter())["features"] == []


def test_of_more_than_a_screen_holds_the_largest_are_shown(
    landslides: Landslides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventories, "MOST", 2)
    shown = landslides.view(bounds=EARTH, zoom=14, which=Filter())
    assert shown["total"] == len(landslides.frame) and len(shown["features"]) == 2
    largest = landslides.frame["area_m2"].nlargest(2).tolist()
    assert [feature["properties"]["area_m2"] for feature in shown["features"]] == largest


def test_filters_agree_with_the_table(landslides: Landslides) -> None:
    middle = float(landslides.frame["area_m2"].median())
    for which in (
        Filter(min_area_m2=middle),
        Filter(min_confidence=2),
        Filter(status="confirmed"),
        Filter(status="all"),
    ):
        shown = landslides.view(bounds=EARTH, zoom=14, which=which)
        table = landslides.page(which=which, order="confidence", start=0, rows=10_000)
        assert shown["total"] == table["total"] == which.of(landslides.frame).sum()
    with pytest.raises(ParameterError, match="status 'maybe'"):
        Filter(status="maybe")


@pytest.mark.parametrize("order", inventories.ORDERS)
def test_pages_follow_one_another_without_gap_or_repeat(landslides: Landslides, order: str) -> None:
    whole = landslides.page(which=Filter(), order=order, start=0, rows=10_000)["rows"]
    paged = [
        row
        for start in range(0, len(whole), 3)
        for row in landslides.page(which=Filter(), order=order, start=start, rows=3)["rows"]
    ]
    assert paged == whole
    column = inventories.ORDERS[order]
    values = [row[column] for row in whole]
    assert values == sorted(values, reverse=True)


def test_one_landslide_tells_all_that_is_known(landslides: Landslides) -> None:
    id = landslides.frame["landslide_id"].iloc[0]
    told = landslides.one(id)
    texts = {each["name"]: each["text"] for each in told["attributes"]}
    assert texts["area_m2"].endswith(" m²") and texts["review_status"] == "unreviewed"
    assert "notes" not in texts  # nobody wrote any
    assert shapely.box(*told["bounds"]).contains(landslides.outlines[0])
    with pytest.raises(SourceNotFoundError):
        landslides.one("nobody")


def test_what_is_open_follows_the_file(world: World) -> None:
    path = world.late / "landslides.gpkg"
    opened = Opened()
    first = opened.get(path)
    id = first.frame["landslide_id"].iloc[0]
    before = mark_of(path)
    opened.decided(path, id, decide(path, id, Decision(status="rejected", reason="road")), before=before)
    assert opened.get(path) is first, "what was just written needs no reading"
    assert opened.get(path).one(id)["reject_reason"] == "road"
    fresh = Landslides(path)
    assert fresh.frame.drop(columns="reviewed_at").equals(first.frame.drop(columns="reviewed_at"))
    decide(path, id, Decision(status="unreviewed"))  # by another program
    assert opened.get(path).one(id)["review_status"] == "unreviewed"
    path.unlink()
    with pytest.raises(SourceNotFoundError):
        opened.get(path)


def test_what_another_program_saved_into_its_log_is_seen(world: World) -> None:
    path = world.late / "landslides.gpkg"
    opened = Opened()
    first, second, *_ = opened.get(path).frame["landslide_id"]
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as qgis:
        qgis.execute("PRAGMA journal_mode = WAL")
        prepare(qgis)
        assert opened.get(path).one(first)["review_status"] == "unreviewed"
        said = "UPDATE landslides SET review_status = 'confirmed' WHERE landslide_id = ?"
        qgis.execute(said, (first,))
        assert opened.get(path).one(first)["review_status"] == "confirmed"
        before = mark_of(path)
        qgis.execute(said, (second,))  # while a decision about the first is on its way
        changes = decide(path, first, Decision(status="unreviewed"))
        stale = (*before[:-1], 0)
        opened.decided(path, first, changes, before=stale)
        assert [opened.get(path).one(id)["review_status"] for id in (first, second)] == ["unreviewed", "confirmed"]


@given(
    corners=st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=3, max_size=12),
    pixel=st.floats(1e-4, 0.5),
)
def test_simplified_outlines_are_never_lost_and_stay_within_a_pixel(
    corners: list[tuple[float, float]], pixel: float
) -> None:
    outline = shapely.convex_hull(shapely.MultiPoint(corners))
    if outline.geom_type != "Polygon" or outline.area < 1e-9:
        return
    (drawn,) = simplified(np.array([outline]), pixel)
    assert not drawn.is_empty and drawn.area > 0
    assert shapely.hausdorff_distance(drawn, outline) <= pixel
