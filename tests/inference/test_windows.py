from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.errors import ParameterError
from landslide_geo.inference.windows import WindowGrid, blend_profile, summed_weights, window_starts


@given(st.integers(1, 400), st.integers(1, 64), st.data())
def test_starts_cover_every_pixel_with_the_overlap_asked_for(length, window, data):
    overlap = data.draw(st.integers(0, window - 1))
    starts = window_starts(length, window, overlap)
    covered = np.zeros(max(length, window), dtype=int)
    for start in starts:
        covered[start : start + window] += 1
    assert starts[0] == 0
    assert (covered[:length] >= 1).all()
    assert starts == sorted(set(starts)), "no window twice"
    assert all(b - a <= window - overlap for a, b in pairwise(starts))
    assert length < window or starts[-1] + window == length, "the last window ends at the rim"


@given(st.integers(1, 64), st.data())
def test_weights_are_above_zero_symmetric_and_at_most_one(window, data):
    profile = blend_profile(window, data.draw(st.integers(0, window - 1)))
    assert profile.shape == (window,)
    assert profile.min() > 0
    assert profile.max() <= 1
    assert np.array_equal(profile, profile[::-1])


def test_neighbours_cross_fade_to_one():
    profile = blend_profile(32, 8)
    np.testing.assert_allclose(profile[-8:] + profile[:8], 1, atol=1e-6)


@pytest.mark.parametrize(("window", "overlap"), [(0, 0), (16, 16), (16, -1)])
def test_windows_that_cannot_be_are_refused(window, overlap):
    with pytest.raises(ParameterError):
        WindowGrid(10, 10, window, overlap)


@st.composite
def grids(draw):
    window = draw(st.integers(1, 12))
    overlap = draw(st.integers(0, window - 1))
    block = draw(st.sampled_from([1, 16, 100, 4096]))
    return WindowGrid(draw(st.integers(1, 120)), draw(st.integers(1, 700)), window, overlap, block)


@given(grids())
def test_strips_of_all_parts_cover_every_pixel_once(grid):
    covered = np.zeros((grid.height, grid.width), dtype=int)
    for part in grid.parts():
        for index in part.blocks:
            for row in part.rows:
                covered[grid.strip(grid.column_blocks[index], row).slices] += 1
    assert (covered == 1).all()


@given(grids())
def test_a_column_block_knows_every_window_that_reaches_into_it(grid):
    for block in grid.column_blocks:
        reaching = [
            i for i, left in enumerate(grid.col_starts) if left < block.right and left + grid.window > block.left
        ]
        assert reaching == list(range(block.reach, block.last))
        before = grid.column_blocks[block.index - 1] if block.index else None
        assert block.reach >= (before.first if before else 0), "rims come from the next block only"
        assert block.read_left == grid.col_starts[block.reach]
        assert block.read_right == min(grid.col_starts[block.last - 1] + grid.window, grid.width)


@pytest.mark.parametrize(("window", "overlap"), [(256, 64), (512, 128), (256, 192), (256, 0), (1024, 256)])
def test_a_scene_of_a_hundred_thousand_pixels_has_few_parts_and_repeats_few_windows(window, overlap):
    grid = WindowGrid(100_000, 100_000, window, overlap)
    parts = list(grid.parts())
    run = 0
    for part in parts:
        first, last = grid.column_blocks[part.blocks[0]], grid.column_blocks[part.blocks[-1]]
        top = next(row for row in range(part.rows.stop) if part.rows.start in grid.reaches(row))
        run += (part.rows.stop - top) * (last.last - first.reach)
    assert 10 < len(parts) < 10_000
    assert run / len(grid) < 1.05


@given(grids())
def test_weights_of_a_direction_are_the_sum_of_its_windows(grid):
    profile = blend_profile(grid.window, grid.overlap)
    direct = np.zeros(grid.width + grid.window)
    for left in grid.col_starts:
        direct[left : left + grid.window] += profile
    np.testing.assert_allclose(summed_weights(grid.width, grid.col_starts, profile), direct[: grid.width])


@pytest.mark.parametrize(
    ("columns", "wish", "batch"),
    [(22, 8, 11), (11, 8, 11), (24, 8, 12), (7, 4, 1), (23, 4, 6), (5, 8, 5), (30, 8, 10), (1, 8, 1), (9, 1, 1)],
)
def test_batches_leave_little_empty(columns, wish, batch):
    assert WindowGrid(10, 10 * columns, 10, 0).batch(wish) == batch


@given(grids(), st.integers(1, 9))
def test_no_batch_is_more_than_half_as_large_again_as_wished(grid, wish):
    assert 1 <= grid.batch(wish) <= 1.5 * wish
