from __future__ import annotations

import numpy as np
import pytest
import shapely
import shapely.affinity
from hypothesis import given, settings
from hypothesis import strategies as st

from landslide_geo.errors import ParameterError
from landslide_geo.inventory.compare import Status, compare, totals

BOXES = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 6), st.integers(1, 6)), max_size=10
).map(lambda found: np.array([shapely.box(x, y, x + w, y + h) for x, y, w, h in found], dtype=object))


def boxes(*bounds: tuple[float, float, float, float]) -> np.ndarray:
    return np.array([shapely.box(*each) for each in bounds], dtype=object)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([], [(0, 0, 10, 10)], [Status.NEW]),
        ([(0, 0, 10, 10)], [], [Status.GONE]),
        ([(0, 0, 10, 10)], [(0, 0, 10, 11)], [Status.UNCHANGED]),
        ([(0, 0, 10, 10)], [(0, 0, 10, 13)], [Status.GROWN]),
        ([(0, 0, 10, 10)], [(0, 0, 10, 7)], [Status.SHRUNK]),
        ([(0, 0, 4, 10), (6, 0, 10, 10)], [(0, 0, 10, 10)], [Status.MERGED]),
        ([(0, 0, 10, 10)], [(0, 0, 4, 10), (6, 0, 10, 10)], [Status.SPLIT, Status.SPLIT]),
        ([(0, 0, 10, 10)], [(10, 0, 20, 10)], [Status.NEW, Status.GONE]),
        ([(0, 0, 10, 10)], [(9.5, 0, 20, 10)], [Status.NEW, Status.GONE]),
        (
            [(0, 0, 10, 10), (12, 0, 22, 10), (50, 0, 60, 10)],
            [(5, 0, 17, 10), (50, 0, 60, 10)],
            [Status.MERGED, Status.UNCHANGED],
        ),
    ],
)
def test_what_became_of_it(old, new, expected):
    assert [change.status for change in compare(boxes(*old), boxes(*new))] == expected


def test_ground_that_the_new_scene_does_not_show_is_not_gone():
    old = boxes((0, 0, 10, 10), (20, 0, 30, 10))
    found = compare(old, boxes(), visible_new=np.array([0.4, 0.6]))
    assert [change.status for change in found] == [Status.NOT_VISIBLE, Status.GONE]
    assert [change.change_m2 for change in found] == [-100, -100]


def test_what_a_reviewer_rejected_since_is_not_gone():
    old = boxes((0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10))
    share, visible = np.array([0.5, 0.4, 1.0]), np.array([0.0, 1.0, 1.0])
    found = compare(old, boxes((40, 0, 50, 10)), rejected=share, visible_new=visible)
    assert [change.status for change in found] == [Status.UNCHANGED, Status.REJECTED, Status.GONE]
    assert totals(found)["rejected"] == {"count": 1, "area_old_m2": 100, "area_new_m2": 0, "change_m2": -100}


def test_new_where_nothing_could_be_seen_before_is_told_apart():
    new = boxes((0, 0, 10, 10), (20, 0, 30, 10))
    assert [c.seen_before for c in compare(boxes(), new, visible_old=np.array([0.0, 1.0]))] == [False, True]
    assert [c.seen_before for c in compare(boxes(), new)] == [None, None]


def test_areas_are_of_the_whole_group_and_counted_once():
    old, new = boxes((0, 0, 10, 10)), boxes((0, 0, 4, 10), (5, 0, 10, 10), (50, 50, 60, 60))
    changes = compare(old, new)
    assert [change.old for change in changes] == [(0,), (0,), ()]
    assert [change.new for change in changes] == [(0, 1), (0, 1), (2,)]
    found = totals(changes)
    assert found["split"] == {"count": 2, "area_old_m2": 100, "area_new_m2": 90, "change_m2": -10}
    assert found["new"]["change_m2"] == 100
    assert found["grown"]["count"] == 0


@settings(max_examples=80, deadline=None)
@given(old=BOXES, new=BOXES)
def test_every_outline_is_accounted_for_once(old, new):
    changes = compare(old, new)
    news = [change.at for change in changes if change.new]
    assert news == list(range(len(new)))
    kept = {i for change in changes if change.new for i in change.old}
    gone = [change.at for change in changes if not change.new]
    assert sorted(kept | set(gone)) == list(range(len(old)))
    assert kept.isdisjoint(gone)
    found = totals(changes)
    assert sum(row["count"] for row in found.values()) == len(changes)
    assert sum(row["area_new_m2"] for row in found.values()) == pytest.approx(shapely.area(new).sum())
    assert sum(row["area_old_m2"] for row in found.values()) == pytest.approx(shapely.area(old).sum())


@settings(max_examples=40, deadline=None)
@given(shapes=BOXES)
def test_an_inventory_has_not_changed_against_itself(shapes):
    moved = [shapely.affinity.translate(shape, 100 * i) for i, shape in enumerate(shapes)]  # each on its own ground
    apart = np.array(moved, dtype=object)
    assert {change.status for change in compare(apart, apart)} <= {Status.UNCHANGED}


def test_shares_are_shares():
    with pytest.raises(ParameterError, match="between 0 and 1"):
        compare(boxes(), boxes(), shared=0)
