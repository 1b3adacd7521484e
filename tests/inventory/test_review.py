from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon, box
from shapely.affinity import translate

from landslide_geo.errors import InventoryError
from landslide_geo.inventory import schema
from landslide_geo.inventory.attributes import outline_columns
from landslide_geo.inventory.edits import checked_extent, checked_landslides, refuse_unreviewed_codes
from landslide_geo.inventory.polygons import usual_edge
from landslide_geo.inventory.review import Review, review

CRS = "EPSG:32654"
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
BEFORE = datetime(2026, 11, 1, tzinfo=UTC)


def frame(shapes: list[Any], **columns: Any) -> gpd.GeoDataFrame:
    given = {
        "landslide_id": [f"id-{i}" for i in range(len(shapes))], "review_status": "unreviewed", "confidence": 2,
        "n_detections": 1, "prob_mean": 0.7, "event_id": "Iburi", "date_post": date(2018, 9, 8), "model_id": "default",
        "area_m2": [shape.area for shape in shapes], "amalgamated": True, "slope_p90_deg": 20.0, "touches_edge": False,
    }  # fmt: skip
    multi = [shape if shape.geom_type == "MultiPolygon" else MultiPolygon([shape]) for shape in shapes]
    return schema.frame(schema.LANDSLIDES, given | columns, multi, crs=CRS)


def squares(count: int) -> list[Polygon]:
    """Squares of 30 m, 100 m from one another, in pixels of 10 m."""
    return [shapely.segmentize(box(100 * i, 0, 100 * i + 30, 30), 10) for i in range(count)]


RECORD = frame(squares(4))


def edit(rows: dict[str, Any] | None = None, **changes: Any) -> gpd.GeoDataFrame:
    """The record with some columns changed; ``geometry`` takes shapes by row."""
    edited = RECORD.copy()
    for at, shape in (rows or {}).items():
        edited.loc[int(at), "geometry"] = shape
    for name, values in changes.items():
        for at, value in values.items():
            edited.loc[at, name] = value
    return edited


def add(edited: gpd.GeoDataFrame, shape: Any, **columns: Any) -> gpd.GeoDataFrame:
    new = schema.frame(schema.LANDSLIDES, columns, [MultiPolygon([shape])], crs=CRS)
    return pd.concat([edited, new], ignore_index=True)


def told(edited: gpd.GeoDataFrame, **options: Any) -> Review:
    return review(checked_landslides(edited, where="file").frame, RECORD, now=NOW, **options)


def row(found: Review, name: str) -> pd.Series:
    return found.landslides.set_index("landslide_id").loc[name]


def test_nothing_done_changes_nothing():
    found = told(RECORD)
    pd.testing.assert_frame_equal(pd.DataFrame(found.landslides), pd.DataFrame(RECORD))
    assert not found.changed.any()
    assert found.counts == {
        "landslides": 4, "unreviewed": 4, "confirmed": 0, "rejected": 0, "edited": 0, "added": 0, "redrawn": 0,
        "split": 0, "merged": 0, "deleted": 0,
    }  # fmt: skip


def test_decisions_are_taken_over_and_dated():
    edited = edit(
        review_status={0: "confirmed", 1: "rejected", 2: "confirmed"}, reject_reason={1: "field"},
        confidence={0: 8}, reviewer={2: "B."}, category={0: "debris flow"}, reviewed_at={2: pd.Timestamp(BEFORE)},
    )  # fmt: skip
    found = told(edited, reviewer="A.")
    frame = found.landslides
    assert list(frame["landslide_id"]) == list(RECORD["landslide_id"])
    assert list(frame["review_status"]) == ["confirmed", "rejected", "confirmed", "unreviewed"]
    assert list(frame["reject_reason"]) == [None, "field", None, None]
    assert list(frame["reviewer"]) == ["A.", "A.", "B.", None]
    assert list(frame["reviewed_at"]) == [NOW, NOW, BEFORE, pd.NaT]
    assert list(frame["confidence"]) == [8, 2, 2, 2]
    assert frame["category"][0] == "debris flow"
    assert list(frame["prob_mean"]) == [0.7] * 4


def test_what_is_not_the_analysts_is_that_of_the_record():
    edited = edit(prob_mean={0: 0.99}, area_m2={1: 1.0}, model_id={2: None}, parent_id={3: "mine"})
    pd.testing.assert_frame_equal(pd.DataFrame(told(edited).landslides), pd.DataFrame(RECORD))


def test_a_redrawn_outline_keeps_its_identifier_and_is_measured_anew():
    found = told(edit({"1": MultiPolygon([box(100, 0, 140, 30)])}))
    (changed,) = np.flatnonzero(found.changed)
    after = row(found, "id-1")
    assert changed == 1
    assert after["review_status"] == "edited"
    assert after["reviewed_at"] == NOW
    assert after["area_m2"] == 1200
    assert np.isnan(after["prob_mean"]), "what was measured on rasters within the old outline is stale"
    assert np.isnan(after["slope_p90_deg"])
    assert after["touches_edge"] is pd.NA
    assert after["parent_id"] is None
    assert after["model_id"] == "default"
    assert np.isnan(after["volume_m3"]), "several landslides in one outline have no volume"
    assert row(found, "id-0")["prob_mean"] == 0.7


@pytest.mark.parametrize(
    ("shape", "same"),
    [
        (box(100, 0, 130, 30), True),  # corners fewer, the same outline
        (Polygon([(130, 30), (130, 0), (100, 0), (100, 30)]), True),  # begun elsewhere, the other way round
        (translate(squares(2)[1], 0.009), True),
        (translate(squares(2)[1], 0.02), False),
        (Polygon([(100, 0), (130, 0), (130, 30), (115, 30.02), (100, 30)]), False),
        (box(100, 0, 130, 30).difference(box(110, 10, 111, 11)), False),
    ],
)
def test_an_outline_is_the_recorded_one_to_the_centimetre(shape, same):
    found = told(edit({"1": MultiPolygon([shape])}))
    assert found.changed[1] == (not same)
    assert (row(found, "id-1")["review_status"] == "edited") == (not same)
    if same:
        assert found.landslides.geometry[1].equals_exact(RECORD.geometry[1], 0)


def test_parts_of_a_split_have_a_parent_and_identifiers_of_their_own():
    left, right = box(100, 0, 110, 30), box(110, 0, 130, 30)
    edited = add(
        edit({"1": MultiPolygon([left])}), right, landslide_id="id-1", review_status="unreviewed", confidence=2
    )
    found = told(edited)
    parts = found.landslides[found.landslides["parent_id"] == "id-1"]
    assert sorted(parts["area_m2"]) == [300, 600]
    assert set(parts["review_status"]) == {"edited"}
    assert "id-1" not in set(found.landslides["landslide_id"])
    assert found.landslides["landslide_id"].is_unique
    assert not parts["amalgamated"].any()
    assert parts["volume_m3"].notna().all()
    assert list(parts["n_detections"]) == [1, 1]
    assert found.counts["split"] == 2
    assert found.counts["deleted"] == 0
    again = told(edited.iloc[::-1].reset_index(drop=True))
    assert set(again.landslides["landslide_id"]) == set(found.landslides["landslide_id"]), "deterministic"


def test_a_part_that_is_rejected_stays_rejected():
    edited = add(
        edit({"1": MultiPolygon([box(100, 0, 110, 30)])}), box(110, 0, 130, 30), landslide_id="id-1",
        review_status="rejected", reject_reason="road",
    )  # fmt: skip
    parts = told(edited).landslides
    assert sorted(parts[parts["parent_id"] == "id-1"]["review_status"]) == ["edited", "rejected"]


def test_a_copy_that_was_moved_leaves_the_original_as_it_was():
    found = told(add(RECORD, box(130, 40, 160, 70), landslide_id="id-1", review_status="unreviewed"))
    assert row(found, "id-1")["review_status"] == "unreviewed"
    assert not found.changed[:4].any()
    assert found.landslides["parent_id"][4] == "id-1"


@pytest.mark.parametrize("kept", ["id-1", None])
def test_merged_outlines_name_all_they_came_from(kept):
    whole = shapely.union_all([*squares(4)[1:4], box(100, 10, 330, 20)])
    edited = edit({"1": MultiPolygon([whole])}).drop(index=[2, 3]).reset_index(drop=True)
    edited.loc[1, "landslide_id"] = kept
    found = told(edited)
    merged = found.landslides.iloc[1]
    assert merged["parent_id"] == "id-1;id-2;id-3"
    assert merged["landslide_id"] not in {"id-1", "id-2", "id-3"}
    assert merged["review_status"] == "edited"
    assert merged["amalgamated"] is pd.NA
    assert merged["model_id"] == "default"
    assert len(found.landslides) == 2
    assert (found.counts["merged"], found.counts["deleted"], found.counts["added"]) == (1, 0, 0)


@pytest.mark.parametrize(("reach", "taken"), [(214.9, False), (215.1, True)])
def test_half_of_what_is_gone_must_be_covered_to_be_merged(reach, taken):
    edited = edit({"1": MultiPolygon([box(100, 0, reach, 30)])}).drop(index=2).reset_index(drop=True)
    found = told(edited)
    assert (found.counts["merged"], found.counts["redrawn"], found.counts["deleted"]) == (taken, not taken, not taken)


def test_of_two_copies_of_an_outline_one_is_the_original():
    found = told(add(RECORD, translate(squares(2)[1], 0.005), landslide_id="id-1"))
    assert found.landslides["landslide_id"].is_unique
    assert not found.changed[:4].any()
    assert found.landslides["parent_id"][4] == "id-1"


def test_two_that_do_not_touch_may_be_merged():
    both = MultiPolygon(squares(2))
    found = told(edit({"0": both}).drop(index=1).reset_index(drop=True))
    merged = found.landslides.iloc[0]
    assert merged["parent_id"] == "id-0;id-1"
    alone = outline_columns(gpd.GeoSeries(squares(1), crs=CRS), pixel=10)
    assert merged["area_m2"] == 1800
    assert merged["perimeter_m"] == pytest.approx(2 * alone["perimeter_m"][0])
    assert merged["compactness"] == pytest.approx(alone["compactness"][0] / 2)


def test_an_outline_drawn_anew_is_added():
    edited = add(RECORD, box(500, 500, 540, 540))
    edited = add(edited, box(600, 500, 640, 540), landslide_id=" ", review_status="confirmed", confidence=8)
    edited = add(edited, box(700, 500, 740, 540), review_status="rejected", reject_reason="quarry")
    found = told(edited, reviewer="A.")
    new = found.landslides.iloc[4:]
    assert list(new["review_status"]) == ["added", "added", "rejected"]
    assert new["landslide_id"].is_unique
    assert list(new["n_detections"]) == [0, 0, 0]
    assert list(new["area_m2"]) == [1600] * 3
    assert set(new["event_id"]) == {"Iburi"}, "known, for all others agree on it"
    assert set(new["date_post"]) == {date(2018, 9, 8)}
    assert new["model_id"].isna().all()
    assert new["parent_id"].isna().all()
    assert list(new["reviewer"]) == ["A."] * 3
    assert found.counts["added"] == 2


def test_an_outline_that_was_deleted_and_drawn_anew_was_redrawn():
    edited = add(RECORD.drop(index=2), box(199, -1, 231, 31))
    found = told(edited)
    assert row(found, "id-2")["review_status"] == "edited"
    assert row(found, "id-2")["model_id"] == "default"
    assert (found.counts["redrawn"], found.counts["added"], found.counts["deleted"]) == (1, 0, 0)


def test_a_deleted_outline_stays_as_rejected():
    found = told(RECORD.drop(index=2).reset_index(drop=True), reviewer="A.")
    gone = row(found, "id-2")
    assert (gone["review_status"], gone["reject_reason"], gone["notes"]) == ("rejected", "other", "deleted in review")
    assert gone["reviewer"] == "A."
    assert gone["reviewed_at"] == NOW
    assert gone["prob_mean"] == 0.7
    assert gone["geometry"].equals_exact(RECORD.geometry[2], 0)
    assert found.counts["deleted"] == 1


def test_an_outline_from_another_inventory_keeps_its_identifier():
    found = told(add(RECORD, box(500, 500, 540, 540), landslide_id="elsewhere", review_status="confirmed"))
    assert row(found, "elsewhere")["review_status"] == "added"


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["keep", "confirm", "reject", "delete", "redraw", "split"]), min_size=4, max_size=4))
def test_no_outline_is_ever_lost(deeds):
    rows = []
    for i, deed in enumerate(deeds):
        same = RECORD.iloc[[i]].copy()
        if deed == "confirm":
            same["review_status"] = "confirmed"
        elif deed == "reject":
            same["review_status"], same["reject_reason"] = "rejected", "field"
        elif deed == "redraw":
            same.loc[i, "geometry"] = MultiPolygon([box(100 * i - 5, 0, 100 * i + 30, 30)])
        elif deed == "split":
            other = same.copy()
            same.loc[i, "geometry"] = MultiPolygon([box(100 * i, 0, 100 * i + 10, 30)])
            other.loc[i, "geometry"] = MultiPolygon([box(100 * i + 10, 0, 100 * i + 30, 30)])
            rows.append(other)
        if deed != "delete":
            rows.append(same)
    edited = pd.concat([*rows, RECORD.iloc[:0]], ignore_index=True)
    found = told(gpd.GeoDataFrame(edited, crs=CRS))
    frame = found.landslides
    assert frame["landslide_id"].is_unique
    ground = shapely.union_all(frame.geometry.to_numpy())
    assert ground.covers(shapely.union_all(RECORD.geometry.to_numpy()))
    known = set(frame["landslide_id"]) | set(frame["parent_id"].dropna())
    assert set(RECORD["landslide_id"]) <= known
    assert found.counts["deleted"] == deeds.count("delete")
    assert found.counts["split"] == 2 * deeds.count("split")
    assert found.counts["redrawn"] == deeds.count("redraw")
    assert found.counts["unreviewed"] == deeds.count("keep")
    # What was imported and left alone is not changed by another import.
    again = review(checked_landslides(frame, where="file").frame, frame, now=NOW)
    pd.testing.assert_frame_equal(pd.DataFrame(again.landslides), pd.DataFrame(frame))


BOWTIE = Polygon([(0, 0), (30, 30), (30, 0), (0, 30)])


@pytest.mark.parametrize(
    ("edited", "words"),
    [
        (edit(review_status={1: "ok", 3: "good"}), r"feature 1 \(id-1\): unknown review_status 'ok'.*, and 1 more"),
        (edit(review_status={1: "rejected"}), r"id-1\): rejected without"),
        (edit(reject_reason={1: "field"}), "reject_reason 'field', but review_status is 'unreviewed'"),
        (edit(review_status={1: "rejected"}, reject_reason={1: "ugly"}), "unknown reject_reason 'ugly'"),
        (edit(confidence={2: 4}), "feature 2 .*unknown confidence 4"),
        (edit({"0": BOWTIE}), "crosses itself"),
        (edit({"0": MultiPolygon()}), "no geometry"),
        (edit({"0": None}), "no geometry"),
        (edit({"0": Polygon([(0, 0), (10, 0), (20, 0)])}), "crosses itself|no area"),
        (edit({"0": shapely.Point(0, 0)}), "is a Point"),
        (add(RECORD, squares(4)[3]), "stands there twice"),
        (add(add(RECORD, box(500, 0, 530, 30)), box(500, 0, 530, 30)), "feature 5: the same outline stands there"),
    ],
)
def test_what_cannot_be_used_is_one_line(edited, words):
    with pytest.raises(InventoryError, match=words) as caught:
        checked_landslides(edited, where="file.gpkg")
    assert str(caught.value).startswith("file.gpkg: ")
    assert "\n" not in str(caught.value)


def test_several_kinds_of_problems_are_told_together():
    with pytest.raises(InventoryError) as caught:
        checked_landslides(edit({"0": BOWTIE}, confidence={2: 4}, review_status={1: "ok"}), where="file.gpkg")
    assert str(caught.value).count(";") >= 2


def test_codes_of_a_review_need_one():
    edited = checked_landslides(edit(confidence={0: 8, 1: 5}, review_status={1: "confirmed"}), where="file").frame
    with pytest.raises(InventoryError, match=r"feature 0 .*set review_status too"):
        refuse_unreviewed_codes(edited, edited["review_status"], where="file")
    refuse_unreviewed_codes(edited, pd.Series(["edited", *edited["review_status"][1:]]), where="file")


def test_a_spike_is_mended_and_a_third_dimension_left_out():
    spiked = Polygon([(0, 0, 5), (30, 0, 5), (30, 15, 5), (40, 15, 5), (30, 15, 5), (30, 30, 5), (0, 30, 5)])
    found = checked_landslides(edit({"0": MultiPolygon([spiked])}), where="file")
    assert found.repaired == 1
    assert found.frame.geometry[0].equals(box(0, 0, 30, 30))
    assert not found.frame.geometry.has_z.any()
    assert found.frame.geometry.is_valid.all()


def test_extents_are_checked_likewise():
    extent = schema.frame(schema.REVIEWED_EXTENT, {}, [BOWTIE], crs=CRS)
    with pytest.raises(InventoryError, match="reviewed_extent feature 0: crosses itself"):
        checked_extent(extent, where="file")
    extent = schema.frame(schema.REVIEWED_EXTENT, {}, [box(0, 0, 1, 1)], crs=CRS)
    assert checked_extent(extent, where="file").frame.geometry[0].geom_type == "MultiPolygon"


def test_the_pixel_is_told_by_the_outlines():
    assert usual_edge(RECORD.geometry.to_numpy()) == 10
    assert usual_edge(np.empty(0, dtype=object)) == 10
