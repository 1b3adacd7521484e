"""Speckle filters: closed forms, known statistics of speckle, and what becomes of unknown pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from landslide_geo.errors import ParameterError
from landslide_geo.scene.sar import (
    LOOKS,
    despeckled,
    difference,
    lee_filter,
    median_filter,
    polarisation_ratio,
    to_decibels,
    to_linear,
)

BACKSCATTER = st.floats(-35, 10, width=32)
FILTERS = [lambda values, size: median_filter(values, size=size), lambda values, size: lee_filter(values, size=size)]


def images(low: int = 5) -> st.SearchStrategy[np.ndarray]:
    shape = st.tuples(st.integers(low, 9), st.integers(low, 9))
    return shape.flatmap(lambda of: arrays.arrays(np.float32, of, elements=BACKSCATTER | st.just(np.float32(np.nan))))


def test_decibels_are_ten_times_the_logarithm() -> None:
    np.testing.assert_allclose(to_linear(np.float32([-10, 0, 10, 3.0103])), [0.1, 1, 10, 2], rtol=1e-5)
    np.testing.assert_allclose(to_decibels(np.float32([0.1, 1, 100, 0, -1, np.nan])), [-10, 0, 20] + [np.nan] * 3)


def test_change_and_polarisation_are_ratios_of_power() -> None:
    after, before = np.float32([[-8.0]]), np.float32([[-14.0]])
    assert difference(after, before)[0, 0] == 6
    power = to_linear(after) / to_linear(before)
    np.testing.assert_allclose(to_decibels(power), polarisation_ratio(after, before), rtol=1e-5)


@pytest.mark.parametrize("filtered", FILTERS)
@settings(max_examples=40, deadline=None)
@given(image=images(), size=st.sampled_from([1, 3, 5]), gain=st.floats(-20, 20))
def test_what_every_filter_keeps(filtered, image: np.ndarray, size: int, gain: float) -> None:
    out = filtered(image, size)
    assert out.shape == image.shape
    assert out.dtype == np.float32
    # Unknown pixels stay unknown, and make no others so.
    assert (np.isnan(out) == np.isnan(image)).all()
    # Nothing darker or brighter than what is known around it.
    reach = size // 2
    padded = np.pad(image, reach, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size)).reshape(*image.shape, -1)
    known = ~np.isnan(image)
    low, high = np.nanmin(windows[known], axis=-1), np.nanmax(windows[known], axis=-1)
    assert (out[known] >= low - 1e-3).all()
    assert (out[known] <= high + 1e-3).all()
    # A gain of power is a shift of decibels.
    np.testing.assert_allclose(filtered(image + np.float32(gain), size), out + np.float32(gain), atol=2e-3)
    # Each image of a stack by itself.
    stack = filtered(np.stack([image, image[::-1]]), size)
    np.testing.assert_array_equal(stack[0], out)
    if size == 1:
        np.testing.assert_allclose(out, image, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(image=images())
def test_the_median_is_that_of_known_pixels(image: np.ndarray) -> None:
    padded = np.pad(image, 1, mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).reshape(*image.shape, 9)
    wanted = np.full(image.shape, np.nan)
    known = ~np.isnan(image)
    wanted[known] = np.nanmedian(windows[known], axis=-1)
    np.testing.assert_allclose(median_filter(image, size=3), wanted, rtol=1e-6)


@pytest.mark.parametrize("filtered", FILTERS)
def test_blocks_with_a_margin_agree_with_the_whole(filtered) -> None:
    rng = np.random.default_rng(1)
    image = rng.normal(-12, 4, (40, 40)).astype(np.float32)
    image[rng.random(image.shape) < 0.1] = np.nan
    whole = filtered(image, 5)
    np.testing.assert_array_equal(filtered(image[8:32, 10:30], 5)[2:-2, 2:-2], whole[10:30, 12:28])


def test_lee_averages_even_ground_and_keeps_a_point() -> None:
    rng = np.random.default_rng(2)
    speckle = rng.gamma(LOOKS, 1 / LOOKS, (200, 200))
    even = to_decibels((0.1 * speckle).astype(np.float32))
    out = to_linear(lee_filter(even, size=7))
    # The mean stays, and most of the variance of the speckle is gone.
    assert out.mean() == pytest.approx(0.1, rel=0.01)
    assert out.var() < 0.25 * to_linear(even).var()
    point = np.full((21, 21), -15, np.float32)
    point[10, 10] = 15
    kept = lee_filter(point, size=5)[10, 10]
    # In closed form: 25 pixels, one of them 1000 times as bright.
    z, size = 10**1.5, 25
    m = (z + (size - 1) * 10**-1.5) / size
    v = (z**2 + (size - 1) * 10**-3) / size - m**2
    signal = (v - m**2 / LOOKS) / (1 + 1 / LOOKS)
    assert kept == pytest.approx(10 * np.log10(m + signal / (m**2 / LOOKS + signal) * (z - m)), abs=1e-3)
    assert kept > 14
    assert median_filter(point, size=5)[10, 10] == -15


def test_only_radar_is_filtered() -> None:
    image = np.zeros((3, 8, 8), np.float32)
    image[:, 4, 4] = 9
    out = despeckled(image, ("red", "pre_vv_desc", "slope"), kind="median", size=3)
    assert out[:, 4, 4].tolist() == [9, 0, 9]
    assert despeckled(image, ("red", "vv_asc", "slope"), kind="none", size=3) is image


def test_windows_without_a_middle_are_refused() -> None:
    image = np.zeros((8, 8), np.float32)
    for size, said in ((4, "odd"), (0, "odd"), (9, "larger than an image of 8")):
        for filtered in FILTERS:
            with pytest.raises(ParameterError, match=said):
                filtered(image, size)
    with pytest.raises(ParameterError, match="0 looks"):
        lee_filter(image, looks=0)
