from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from landslide_geo.errors import NoOverlapError, ParameterError
from landslide_geo.inventory.overlap import overlapping
from landslide_geo.inventory.score import (
    boundary_score,
    by_size,
    cell_correlation,
    matched,
    score,
    touched,
)

BOXES = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 6), st.integers(1, 6)), min_size=0, max_size=12
).map(lambda found: np.array([shapely.box(x, y, x + w, y + h) for x, y, w, h in found], dtype=object))


def squares(*corners: tuple[float, float], side: float = 10.0) -> np.ndarray:
    return np.array([shapely.box(x, y, x + side, y + side) for x, y in corners], dtype=object)


def test_an_inventory_agrees_with_itself():
    shapes = squares((0, 0), (100, 50), (3000, 10))
    found = score(shapes, shapes)
    for name in ("any_overlap", "iou_0.1", "iou_0.3", "iou_0.5"):
        assert found[name]["f1"] == 1
    assert found["area_ratio"] == 1
    assert found["boundary"]["f1"] == 1


@pytest.mark.parametrize(("shift", "good"), [(3, (0.1, 0.3, 0.5)), (5, (0.1, 0.3)), (8, (0.1,)), (9, ()), (10, ())])
def test_a_shift_has_a_known_union(shift, good):
    """Squares of 10 m shifted by d share (10 − d) / (10 + d)."""
    mapped, reference = squares((shift, 0), (500 + shift, 0)), squares((0, 0), (500, 0))
    found = score(mapped, reference)
    for iou in (0.1, 0.3, 0.5):
        assert found[f"iou_{iou}"]["f1"] == (1 if iou in good else 0)
    assert found["any_overlap"]["f1"] == (1 if shift < 10 else 0), "a common edge is no common ground"


def test_thinning_costs_recall_and_doubling_costs_precision():
    reference = squares(*((50 * i, 0) for i in range(10)))
    thinned = score(reference[::2], reference)["iou_0.5"]
    assert (thinned["precision"], thinned["recall"]) == (1, 0.5)
    doubled = score(np.concatenate([reference, reference]), reference)
    assert (doubled["iou_0.5"]["precision"], doubled["iou_0.5"]["recall"]) == (0.5, 1)
    assert doubled["any_overlap"]["precision"] == 1, "by overlap alone a copy is as good as the first"
    assert doubled["area_ratio"] == 2


def test_merged_neighbours_are_one_object_of_two():
    reference = squares((0, 0), (10, 0))
    merged = np.array([shapely.union_all(reference)], dtype=object)
    found = score(merged, reference)
    assert found["iou_0.5"]["reference_matched"] == 1
    assert found["any_overlap"]["reference_matched"] == 2
    assert found["area_ratio"] == 1


def test_the_largest_matching_is_found_where_greed_fails():
    # The first mapped strip could take either square, the second one the first square only.
    reference = squares((0, 0), (10, 0))
    mapped = np.array([shapely.box(3, 0, 17, 10), shapely.box(0, 0, 6, 10)], dtype=object)
    pairs = overlapping(mapped, reference)
    assert matched(pairs, 2, 2, iou=0.3).f1 == 1


@settings(max_examples=60, deadline=None)
@given(mapped=BOXES, reference=BOXES)
def test_scores_keep_their_order(mapped, reference):
    pairs = overlapping(mapped, reference)
    counts = [matched(pairs, len(mapped), len(reference), iou=iou).mapped_matched for iou in (0.1, 0.3, 0.5)]
    loose = touched(pairs, len(mapped), len(reference))
    assert min(loose.mapped_matched, loose.reference_matched) >= counts[0] >= counts[1] >= counts[2]
    back = overlapping(reference, mapped)
    assert matched(back, len(reference), len(mapped), iou=0.3).mapped_matched == counts[1]
    assert pairs.shared.sum() == pytest.approx(back.shared.sum())
    assert (pairs.shared <= pairs.union + 1e-9).all()


def test_recall_by_size():
    reference = np.array([shapely.box(0, 0, 20, 20), shapely.box(100, 0, 140, 40), shapely.box(300, 0, 340, 40)])
    rows = by_size(overlapping(reference[:2], reference), shapely.area(reference))
    assert [(row["reference"], row["found"]) for row in rows[:2]] == [(1, 1), (2, 1)]
    assert rows[1]["recall"] == 0.5
    assert rows[2]["recall"] is None
    assert sum(row["reference"] for row in rows) == 3


def test_boundaries_count_within_the_tolerance_only():
    reference, near, far = squares((0, 0), side=100), squares((5, 0), side=100), squares((400, 0), side=100)
    assert boundary_score(near, reference, tolerance_m=5.01)["f1"] == 1
    assert boundary_score(far, reference, tolerance_m=20)["f1"] == 0
    half = boundary_score(np.concatenate([near, far]), reference, tolerance_m=5.01)
    assert half["precision"] == pytest.approx(0.5)
    assert half["recall"] == 1
    assert boundary_score(near[:0], reference, tolerance_m=5)["f1"] is None


def test_cells_correlate_by_rank():
    reference = np.concatenate([squares((1000 * i + 10, 10), side=10 * (i + 1)) for i in range(6)])
    assert cell_correlation(reference, reference, cell_m=1000)["rho"] == pytest.approx(1)
    larger = np.concatenate([squares((1000 * i + 10, 10), side=10 * (i + 1) ** 1.5) for i in range(6)])
    assert cell_correlation(larger, reference, cell_m=1000)["rho"] == pytest.approx(1), "ranks, not areas"
    turned = np.concatenate([squares((1000 * i + 10, 10), side=10 * (6 - i)) for i in range(6)])
    assert cell_correlation(turned, reference, cell_m=1000)["rho"] == pytest.approx(-1)


def test_a_shape_over_several_cells_is_shared_out():
    shapes = np.array([shapely.box(500, 500, 2500, 1500)], dtype=object)
    found = cell_correlation(shapes, np.concatenate([shapes, squares((100, 100))]), cell_m=1000)
    assert found["cells"] == 6
    assert found["rho"] == pytest.approx(1, abs=0.2)


def test_nothing_mapped_is_scored_and_other_places_are_refused():
    reference, nothing = squares((0, 0), (50, 0)), np.empty(0, dtype=object)
    found = score(nothing, reference)
    assert found["iou_0.5"]["recall"] == 0
    assert found["iou_0.5"]["precision"] is None
    assert score(reference, nothing)["area_ratio"] is None
    with pytest.raises(NoOverlapError, match="same region"):
        score(squares((9e6, 0)), reference)
    with pytest.raises(ParameterError, match="positive"):
        score(reference, reference, cell_m=0)
