from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from inventory_scenes import GRID, PIXEL
from rasterio.features import rasterize, shapes
from scipy import ndimage

from landslide_geo.inventory import generalise
from landslide_geo.inventory.generalise import simplified, smooth

#: Masks whose objects touch at corners only, and outlines that were cut into parts with borders in common.
MASKS = hnp.arrays(np.uint8, st.tuples(st.integers(2, 24), st.integers(2, 24)), elements=st.integers(0, 1))
PARTS = hnp.arrays(np.uint8, st.tuples(st.integers(2, 14), st.integers(2, 14)), elements=st.integers(0, 3))
WAYS = st.one_of(
    st.floats(1, 60).map(lambda tolerance: lambda found: simplified(found, tolerance)),
    st.just(lambda found: smooth(found, pixel=PIXEL)),
)


def outlined(values: np.ndarray) -> np.ndarray:
    traced = [geometry for geometry, value in shapes(values, connectivity=4, transform=GRID) if value]
    found = [shapely.Polygon(each["coordinates"][0], each["coordinates"][1:]) for each in traced]
    return np.array(found, dtype=object)


def blobs(seed: int) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((150, 150)), 3)
    return (noise > noise.std()).astype(np.uint8)


@settings(max_examples=100, deadline=None)
@given(values=st.one_of(MASKS, PARTS, PARTS.map(lambda small: np.kron(small, np.ones((4, 4), np.uint8)))), way=WAYS)
def test_outlines_stay_valid_and_apart_and_keep_their_area(
    values: np.ndarray, way: Callable[[np.ndarray], np.ndarray]
) -> None:
    found = outlined(values)
    after = way(found)
    assert len(after) == len(found)
    if not len(found):
        return
    assert shapely.is_valid(after).all()
    before_m2, after_m2 = shapely.area(found), shapely.area(after)
    assert (np.abs(after_m2 - before_m2) <= 0.1 * before_m2 + 1e-6).all()
    assert abs(after_m2.sum() - before_m2.sum()) <= 0.02 * before_m2.sum() + 1e-6
    left, right = shapely.STRtree(after).query(after, predicate="intersects")
    shared = shapely.area(shapely.intersection(after[left], after[right]))
    assert (shared[left != right] <= 1e-6).all()
    beside = shapely.length(shapely.intersection(found[left], found[right])) > 0
    assert (shapely.length(shapely.intersection(after[left], after[right]))[beside] > 0).all(), "borders stay common"
    # No gap opens between those that were one outline.
    joined = shapely.union_all(found), shapely.union_all(after)
    assert sum(map(holes, joined[1:])) <= sum(map(holes, joined[:1]))


def holes(shape: shapely.Geometry) -> int:
    return int(shapely.get_num_interior_rings(shapely.get_parts(shape)).sum())


def test_simplification_drops_the_staircase_of_a_slope() -> None:
    (outline,) = outlined(np.tril(np.ones((40, 40), dtype=np.uint8)))
    (simple,) = simplified(np.array([outline], dtype=object), 10)
    assert shapely.get_num_coordinates(simple) < shapely.get_num_coordinates(outline) / 5
    assert simple.area == pytest.approx(outline.area, rel=0.02)
    assert simplified(np.array([outline], dtype=object), 0)[0] is outline


@pytest.mark.parametrize("radius", [4, 8, 20])
def test_a_smoothed_disk_of_pixels_is_a_disk(radius: float) -> None:
    disk = shapely.Point(GRID.c + 250, GRID.f - 250).buffer(radius * PIXEL, quad_segs=64)
    (outline,) = found = outlined(rasterize([disk], (50, 50), transform=GRID).astype(np.uint8))
    (round_,) = smooth(found, pixel=PIXEL)
    assert round_.length == pytest.approx(disk.length, rel=0.05), "the staircase is 27 % too long"
    assert round_.area == pytest.approx(outline.area, rel=0.005)
    assert shapely.hausdorff_distance(round_.exterior, outline.exterior) < PIXEL
    assert shapely.get_num_coordinates(round_) < 2 * shapely.get_num_coordinates(outline)


@pytest.mark.parametrize("seed", range(3))
def test_batches_change_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = outlined(np.random.default_rng(seed).integers(0, 3, (30, 30), np.uint8) * blobs(seed)[:30, :30])
    at_once = smooth(found, pixel=PIXEL)
    monkeypatch.setattr(generalise, "_TOGETHER", 3)
    assert shapely.equals_exact(shapely.normalize(smooth(found, pixel=PIXEL)), shapely.normalize(at_once)).all()


@pytest.mark.parametrize("seed", range(3))
def test_nearly_all_outlines_are_smoothed(seed: int) -> None:
    found = outlined(blobs(seed))
    found = found[shapely.area(found) >= 900]
    after = smooth(found, pixel=PIXEL)
    assert shapely.equals(found, after).mean() < 0.02
    assert np.median(shapely.length(after) / shapely.length(found)) < 0.85
