from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.errors import ParameterError
from landslide_geo.inference.windows import WindowGrid, blend_weights, window_starts


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
    weights = blend_weights(window, data.draw(st.integers(0, window - 1)))
    assert weights.shape == (window, window)
    assert weights.min() > 0
    assert weights.max() <= 1
    assert np.array_equal(weights, weights.T)
    assert np.array_equal(weights, weights[::-1, ::-1])


def test_neighbours_cross_fade_to_one():
    profile = blend_weights(32, 8)[16]
    np.testing.assert_allclose(profile[-8:] + profile[:8], 1, atol=1e-6)


@pytest.mark.parametrize(("window", "overlap"), [(0, 0), (16, 16), (16, -1)])
def test_windows_that_cannot_be_are_refused(window, overlap):
    with pytest.raises(ParameterError):
        WindowGrid(10, 10, window, overlap)
