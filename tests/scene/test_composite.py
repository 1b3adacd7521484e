from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from landslide_geo.scene.composite import PREFERENCE, best_class, best_look, median, mosaic, taken
from landslide_geo.scene.visibility import Visibility, is_valid

C, W, S, X, N = Visibility.CLEAR, Visibility.WATER, Visibility.CLOUD_SHADOW, Visibility.CLOUD, Visibility.NODATA
CODES = st.sampled_from([int(code) for code in Visibility])


def column(*values, dtype=np.uint16) -> np.ndarray:
    """(look, 1, 1): one pixel, some looks."""
    return np.array(values, dtype).reshape(-1, 1, 1)


def test_a_mosaic_takes_the_first_value():
    assert mosaic(column(0, 0, 7, 9))[0, 0] == 7
    assert mosaic(column(np.nan, -12.5, 3, dtype=np.float32))[0, 0] == -12.5
    assert np.isnan(mosaic(column(np.nan, np.nan, dtype=np.float32))[0, 0])


def test_the_median_is_that_of_what_can_be_mapped():
    seen = column(C, C, W, X, S, N, dtype=np.uint8)
    assert median(column(500, 300, 400, 9000, 10, 0), seen)[0, 0] == 400
    assert median(column(500, 300, 9000), column(C, C, X, dtype=np.uint8))[0, 0] == 400
    assert median(column(500, 9000), column(S, X, dtype=np.uint8))[0, 0] == 500, "none can: the least bad"
    assert median(column(0, 0), column(N, N, dtype=np.uint8))[0, 0] == 0
    assert median(column(0, 600), column(C, C, dtype=np.uint8))[0, 0] == 600, "a hole does not count"


def test_the_best_look_is_the_first_of_the_best_class():
    classes = column(X, C, W, C, dtype=np.uint8)
    assert best_look(classes)[0, 0] == 1
    assert taken(column(1, 2, 3, 4), best_look(classes))[0, 0] == 2
    assert set(PREFERENCE) == set(Visibility)


@given(arrays(np.uint8, (4, 3, 5), elements=CODES), arrays(np.uint16, (4, 3, 5), elements=st.integers(1, 60000)))
def test_composites_show_what_any_look_shows(classes, values):
    shown = best_class(classes)
    assert np.array_equal(is_valid(shown), is_valid(classes).any(axis=0))
    for made in (median(values, classes), taken(values, best_look(classes))):
        assert made.dtype == np.uint16
        some = is_valid(classes).any(axis=0)
        usable = np.where(is_valid(classes), values, 0)
        lowest = np.where(is_valid(classes), values, 65535).min(axis=0)
        assert (made <= usable.max(axis=0))[some].all() and (made >= lowest)[some].all()
    block = np.s_[:, 1:3, 2:4]
    assert np.array_equal(median(values, classes)[1:3, 2:4], median(values[block], classes[block])), (
        "by blocks or whole"
    )


@given(arrays(np.uint16, (5, 4, 3), elements=st.integers(1, 65534)), arrays(np.bool_, (5, 4, 3)))
def test_the_median_is_that_of_statistics(values, seen):
    seen[0] = True
    made = median(values, np.where(seen, C, X).astype(np.uint8))
    expected = np.nanmedian(np.where(seen, values.astype(float), np.nan), axis=0)
    assert np.array_equal(made, np.floor(expected + 0.5))
