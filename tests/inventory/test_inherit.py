from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, box

from landslide_geo.inventory import Inventory, schema
from landslide_geo.inventory.inherit import SAME_IOU, Inherited, inherit, matches, without_rejected

CRS = "EPSG:32654"
WHEN = datetime(2026, 1, 1, tzinfo=UTC)


def inventory(shapes: list[Any], prefix: str = "new", extents: tuple[Any, ...] = (), **columns: Any) -> Inventory:
    given = {
        "landslide_id": [f"{prefix}-{i}" for i in range(len(shapes))], "review_status": "unreviewed",
        "n_detections": 1, "scene_ids": f"scene-{prefix}", "detected_at": WHEN, "confidence": 2,
        "elev_max_m": 100.0,
    } | columns  # fmt: skip
    multi = [shape if shape.geom_type == "MultiPolygon" else MultiPolygon([shape]) for shape in shapes]
    landslides = schema.frame(schema.LANDSLIDES, given, multi, crs=CRS)
    points = [shape.centroid for shape in shapes]
    crowns = {"landslide_id": list(landslides["landslide_id"]), "elevation_m": 100.0}
    return Inventory(
        landslides=landslides,
        crowns=schema.frame(schema.CROWNS, crowns, points, crs=CRS),
        visibility=schema.frame(schema.VISIBILITY, {}, [], crs=CRS),
        reviewed_extent=schema.frame(schema.REVIEWED_EXTENT, {}, [MultiPolygon([e]) for e in extents], crs=CRS),
    )


def by_id(found: Inherited) -> pd.DataFrame:
    return found.inventory.landslides.set_index("landslide_id")


def squares(*lefts: float) -> list[Any]:
    return [box(left, 0, left + 30, 30) for left in lefts]


def test_a_reviewed_outline_stands_for_the_new_one_that_matches_it():
    old = inventory(
        squares(0, 100),
        "old",
        review_status=["confirmed", "rejected"],
        reject_reason=[None, "field"],
        category=["flow", None],
        confidence=[8, 2],
    )
    found = inherit(inventory([box(0, 0, 30, 25), box(98, 0, 131, 30), box(300, 0, 330, 30)]), old)
    frame = by_id(found)
    assert list(frame.index) == ["old-0", "old-1", "new-2"]
    assert frame.geometry["old-0"].equals_exact(old.landslides.geometry[0], 0)
    assert list(frame["review_status"]) == ["confirmed", "rejected", "unreviewed"]
    assert list(frame["reject_reason"]) == [None, "field", None]
    assert (frame["category"]["old-0"], frame["confidence"]["old-0"]) == ("flow", 8)
    assert list(frame["n_detections"]) == [2, 2, 1]
    assert frame["scene_ids"]["old-0"] == "scene-old;scene-new"
    assert frame["scene_ids"]["new-2"] == "scene-new"
    assert found.counts == {"inherited": 2, "kept": 0, "known": 0, "new": 1, "mapped": 0}
    assert sorted(found.inventory.crowns["landslide_id"]) == ["new-2", "old-0", "old-1"]
    assert len(without_rejected(found.inventory).landslides) == 2


@pytest.mark.parametrize(("width", "again"), [(60, True), (60.1, False), (15, True), (14.9, False)])
def test_a_decision_reaches_as_far_as_half_of_both(width, again):
    """Against a square of 30 m: the intersection over union is 30 over the width, or the width over 30."""
    old = inventory(squares(0), "old", review_status="rejected", reject_reason="field")
    found = inherit(inventory([box(0, 0, width, 30)]), old)
    assert found.counts["inherited"] == again
    assert ("new-0" in set(found.inventory.landslides["landslide_id"])) == (not again)
    if not again:
        assert by_id(found)["review_status"]["new-0"] == "unreviewed", "one rejected field hides no landslide"
        assert by_id(found)["n_detections"]["old-0"] == 1


def test_a_reviewed_outline_that_is_not_found_again_stays():
    drawn = inventory(
        squares(0, 500), "old", review_status=["edited", "added"], n_detections=[1, 0], extents=(box(0, 0, 900, 900),)
    )
    found = inherit(inventory([]), drawn)
    pd.testing.assert_frame_equal(pd.DataFrame(found.inventory.landslides), pd.DataFrame(drawn.landslides))
    assert found.counts["kept"] == 2
    assert len(found.inventory.reviewed_extent) == 1
    assert set(found.inventory.crowns["landslide_id"]) == {"old-0", "old-1"}


def test_an_unreviewed_outline_leaves_its_identifier_only():
    old = inventory(squares(0, 200), "old", n_detections=[3, 1])
    found = inherit(inventory([box(0, 0, 30, 28)]), old)
    frame = by_id(found)
    assert list(frame.index) == ["old-0"]
    assert frame.geometry["old-0"].equals(box(0, 0, 30, 28))
    assert frame["n_detections"]["old-0"] == 4
    assert frame["scene_ids"]["old-0"] == "scene-old;scene-new"
    assert set(found.inventory.crowns["landslide_id"]) == {"old-0"}
    assert found.counts == {"inherited": 0, "kept": 0, "known": 1, "new": 0, "mapped": 0}


def test_of_two_that_match_the_better_one_does():
    old = inventory([box(0, 0, 30, 30), box(0, 0, 30, 20)], "old", review_status="confirmed")
    assert dict(matches(np.array(squares(0)), old.landslides.geometry.to_numpy(), SAME_IOU)) == {0: 0}
    found = inherit(inventory(squares(0)), old)
    assert list(by_id(found)["n_detections"]) == [2, 1]


def test_what_was_split_does_not_come_back_whole():
    parts = [box(0, 0, 14, 30), box(14, 0, 30, 30)]
    old = inventory(
        parts, "part", review_status=["edited", "rejected"], reject_reason=[None, "road"], parent_id="whole"
    )
    found = inherit(inventory(squares(0)), old)
    assert list(by_id(found)["n_detections"]) == [2, 2]
    assert found.counts == {"inherited": 2, "kept": 0, "known": 0, "new": 0, "mapped": 0}


def test_what_was_merged_does_not_come_back_in_parts():
    old = inventory([box(0, 0, 100, 30)], "old", review_status="edited", parent_id="a;b")
    found = inherit(inventory([box(0, 0, 45, 30), box(55, 0, 100, 31), box(90, 31, 130, 60)]), old)
    assert list(by_id(found).index) == ["old-0", "new-2"]
    assert found.counts == {"inherited": 0, "kept": 1, "known": 0, "new": 1, "mapped": 2}


def test_a_part_of_a_rejected_field_is_new():
    old = inventory([box(0, 0, 100, 30)], "old", review_status="rejected", reject_reason="field")
    assert inherit(inventory([box(0, 0, 45, 30)]), old).counts["new"] == 1


def test_an_identifier_that_a_reviewed_outline_has_is_not_given_twice():
    """The same place in the same scene, where an analyst drew something else."""
    old = inventory([box(0, 0, 10, 30)], "same", review_status="edited")
    found = inherit(inventory(squares(0), "same"), old)
    frame = found.inventory.landslides
    assert frame["landslide_id"].is_unique
    assert frame["landslide_id"][0] == "same-0"
    assert set(found.inventory.crowns["landslide_id"]) == set(frame["landslide_id"])
    again = inherit(inventory(squares(0), "same"), old).inventory.landslides
    assert list(again["landslide_id"]) == list(frame["landslide_id"])


def test_decisions_in_another_projection_are_brought_to_the_new_one():
    old = inventory(squares(580000), "old", review_status="confirmed")
    away = Inventory(**{layer.name: getattr(old, layer.name).to_crs("EPSG:32653") for layer in schema.LAYERS})
    found = inherit(inventory(squares(580000)), away)
    assert found.inventory.landslides.crs == CRS
    assert found.counts["inherited"] == 1
    assert found.inventory.landslides.geometry[0].equals_exact(old.landslides.geometry[0], 0.01)


rectangles = st.lists(
    st.builds(
        lambda x, y, w, h: box(10 * x, 10 * y, 10 * (x + w), 10 * (y + h)),
        st.integers(0, 12), st.integers(0, 12), st.integers(1, 6), st.integers(1, 6),
    ),
    max_size=7,
)  # fmt: skip


@settings(max_examples=25)
@given(rectangles, rectangles, st.data())
def test_no_reviewed_outline_is_lost_or_changed_and_no_new_ground_hidden(new, old, data):
    status = data.draw(st.lists(st.sampled_from(schema.REVIEW_STATUS), min_size=len(old), max_size=len(old)))
    parents = data.draw(st.lists(st.sampled_from([None, "p", "q"]), min_size=len(old), max_size=len(old)))
    before = inventory(old, "same", review_status=status, parent_id=parents)
    found = inherit(inventory(new, "same"), before)
    frame = by_id(found)
    assert frame.index.is_unique
    reviewed = before.landslides[before.landslides["review_status"] != "unreviewed"].set_index("landslide_id")
    same = [name for name in reviewed.columns if name not in ("n_detections", "scene_ids", "geometry")]
    pd.testing.assert_frame_equal(pd.DataFrame(frame.loc[reviewed.index, same]), pd.DataFrame(reviewed[same]))
    assert shapely.equals_exact(frame.loc[reviewed.index].geometry.to_numpy(), reviewed.geometry.to_numpy(), 0).all()
    assert (frame.loc[reviewed.index, "n_detections"] - reviewed["n_detections"]).isin([0, 1]).all()
    counts = found.counts
    assert counts["inherited"] + counts["kept"] == len(reviewed)
    assert len(frame) == len(reviewed) + counts["known"] + counts["new"]
    # A new outline is there, or a decision matches it, or landslides that were reviewed lie under it.
    stays = {shape.wkb for shape in frame.geometry}
    accepted = shapely.union_all(reviewed.geometry[reviewed["review_status"] != "rejected"].to_numpy())
    groups = [g.geometry.union_all() for _, g in reviewed.groupby("parent_id")]
    for shape in new:
        if MultiPolygon([shape]).wkb not in stays:
            shares = [shape.intersection(o).area / shape.union(o).area for o in [*reviewed.geometry, *groups]]
            mapped = shape.intersection(accepted).area / shape.area
            assert max([*shares, 0]) >= SAME_IOU - 1e-9 or mapped >= 0.9 - 1e-9


@settings(max_examples=25)
@given(rectangles)
def test_a_scan_that_finds_the_same_changes_no_outline(shapes):
    apart = [shapely.affinity.translate(shape, 1000 * i, 0) for i, shape in enumerate(shapes)]
    status = ["confirmed" if i % 2 else "unreviewed" for i in range(len(apart))]
    before = inventory(apart, "same", review_status=status)
    found = inherit(inventory(apart, "same"), before)
    assert set(found.inventory.landslides["landslide_id"]) == set(before.landslides["landslide_id"])
    assert (found.inventory.landslides["n_detections"] == 2).all()
    assert found.counts["new"] == found.counts["kept"] == found.counts["mapped"] == 0


def test_many_outlines_are_matched_by_an_index():
    """Twenty thousand on either side: every pair would take hours."""
    xs = np.arange(20_000)
    shapes = shapely.box(100 * (xs % 200), 100 * (xs // 200), 100 * (xs % 200) + 30, 100 * (xs // 200) + 30)
    assert len(matches(shapes, shapes, SAME_IOU)) == 20_000
