"""The earlier image on the later one: shifts that are known are found again, and undone."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasterio.transform import from_origin
from scipy import ndimage

from landslide_geo import open_scene
from landslide_geo.scene.alignment import Shift, aligned, measured, shift_between
from landslide_geo.scene.grid import Block

SIZE = 300


def ground(size: int = SIZE, seed: int = 0) -> np.ndarray:
    """Fields and roads of a few pixels, (size, size) about 1,000."""
    rng = np.random.default_rng(seed)
    fields = ndimage.gaussian_filter(rng.standard_normal((size, size)), 2)
    return (1000 + 300 * np.tanh(8 * fields)).astype(np.float32)


@settings(max_examples=12, deadline=None)
@given(st.floats(-4, 4), st.floats(-4, 4), st.integers(0, 100))
def test_a_shift_is_found_again_whatever_the_light(rows, cols, seed):
    whole = ground(seed=seed)
    moved = ndimage.shift(whole, (-rows, -cols), order=3, mode="nearest")  # moving it by the shift brings it back
    inner = slice(20, -20)
    later, earlier = whole[inner, inner], 0.7 * moved[inner, inner] + 90
    found = shift_between(later, earlier)
    assert found is not None
    assert found == pytest.approx((rows, cols), abs=0.08)


def test_change_and_clouds_do_not_move_the_rest():
    whole = ground()
    later, earlier = whole[4:-4, 4:-4].copy(), whole[3:-5, 5:-3].copy()  # one row down, one column to the left
    later[40:80, 50:70] += 900  # a landslide
    earlier[200:220, 200:230] = np.nan  # a small cloud
    assert shift_between(later, earlier) == pytest.approx((-1, 1), abs=0.1)


def test_what_shows_nothing_or_is_hidden_says_nothing():
    whole = ground()
    hidden = np.where(np.arange(SIZE)[:, None] < 60, np.nan, whole)
    assert shift_between(whole, hidden) is None
    assert shift_between(np.full_like(whole, 7), np.full_like(whole, 7)) is None


def write(folder, name, values, *, east=0.0, north=0.0):
    path = folder / f"{name}.tif"
    transform = from_origin(500_000 + east, 5_000_000 + north, 10, 10)
    with rasterio.open(
        path, "w", driver="GTiff", height=values.shape[0], width=values.shape[1], count=1, dtype="float32",
        crs="EPSG:32633", transform=transform,
    ) as dataset:  # fmt: skip
        dataset.write(values.astype(np.float32), 1)
    return path


@pytest.fixture
def scene(tmp_path):
    """The earlier image was written 8 m east and 6 m north of where it belongs."""
    size = 700
    whole = ground(size, seed=3)
    sources = [
        f"red={write(tmp_path, 'red', whole)}",
        f"pre_red={write(tmp_path, 'pre_red', whole, east=8, north=6)}",
        f"pre_blue={write(tmp_path, 'pre_blue', 0.5 * whole, east=8, north=6)}",
    ]
    return open_scene(sources), whole


def test_a_scene_is_measured_and_put_right(scene, tmp_path):
    before, whole = scene
    shift = measured(before)
    assert shift is not None
    assert (shift.rows, shift.cols) == pytest.approx((0.6, -0.8), abs=0.1)
    assert shift.certain and shift.worth_applying and shift.band == "red"
    assert shift.told()["pixels"] == pytest.approx(1.0, abs=0.15)
    after = aligned(before, shift, tmp_path / "aligned")
    inner = Block(50, 50, 500, 500)
    wrong, right = (np.abs(s.read(["pre_red"], inner)[0] - whole[inner.slices]).mean() for s in (before, after))
    assert right < 0.15 * wrong
    np.testing.assert_array_equal(after.read(["red"], inner), before.read(["red"], inner))
    left = measured(after)
    assert left is not None and left.pixels < 0.1 and not left.worth_applying
    with rasterio.open(tmp_path / "aligned/pre_blue.tif") as dataset:
        assert GeoBox.from_rio(dataset) == before.geobox


def test_places_that_disagree_are_not_followed(tmp_path):
    red, other = ground(700, seed=1), ground(700, seed=2)
    found = measured(open_scene([f"red={write(tmp_path, 'red', red)}", f"pre_red={write(tmp_path, 'pre_red', other)}"]))
    assert found is not None and not found.certain and not found.worth_applying
    assert measured(open_scene([f"red={write(tmp_path, 'red', red)}"])) is None


def test_few_places_are_not_enough():
    assert not Shift(1.0, 0.0, spread=0.0, places=2, band="red").certain
    assert Shift(1.0, 0.0, spread=0.0, places=3, band="red").worth_applying
    assert not Shift(0.3, 0.3, spread=0.0, places=9, band="red").worth_applying
