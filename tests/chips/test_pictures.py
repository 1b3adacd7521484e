"""Pictures of 0 to 255, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage.color import rgb2yuv

from landslide_geo.chips.pictures import equalised_brightness, noisy, to_picture
from landslide_geo.errors import ParameterError


def grey(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[None], 3, axis=0).astype(np.float32)


@given(seed=st.integers(0, 1000), size=st.integers(1, 40), bands=st.integers(0, 4))
def test_a_picture_fills_its_range(seed: int, size: int, bands: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(1000, 300, (bands, 17, 23) if bands else (17, 23))
    found = to_picture(values, size)
    assert found.shape == (*values.shape[:-2], size, size)
    assert found.dtype == np.uint8
    assert found.max() == (255 if found.size > 1 else 0)
    assert found.min() == 0


def test_it_is_resized_as_pillow_does() -> None:
    values = np.random.default_rng(0).uniform(0, 1, (50, 70)).astype(np.float32)
    for height, width in ((20, 30), (100, 140)):
        pillow = np.asarray(Image.fromarray(values).resize((width, height), Image.Resampling.BICUBIC))
        expected = 255 * (pillow - pillow.min()) / np.ptp(pillow)
        assert np.abs(to_picture(values, (height, width)) - expected).max() <= 0.51


def test_without_resizing_it_is_the_linear_stretch() -> None:
    values = np.arange(16).reshape(4, 4) * 17 - 40
    np.testing.assert_array_equal(to_picture(values, 4), np.arange(16).reshape(4, 4) * 17)
    np.testing.assert_array_equal(to_picture(np.full((2, 4, 4), 9.0), 3), np.zeros((2, 3, 3)))


def test_bands_share_their_range() -> None:
    found = to_picture(np.stack([np.zeros((4, 4)), np.full((4, 4), 10.0), np.full((4, 4), 5.1)]), 4)
    assert [int(band[0, 0]) for band in found] == [0, 255, 130]


def test_pictures_that_cannot_be_made_are_one_line() -> None:
    with pytest.raises(ParameterError, match="not finite"):
        to_picture(np.full((4, 4), np.nan), 4)
    with pytest.raises(ParameterError, match="sides of 1 or more"):
        to_picture(np.zeros((4, 4)), 0)


def test_equal_brightness_is_spread_over_the_range() -> None:
    """The share of pixels that are no brighter, for a ramp of 256 steps of which the lower half is seen."""
    ramp = np.linspace(0, 127.5, 256).reshape(16, 16)
    found = equalised_brightness(grey(ramp))
    expected = 255 * np.arange(1, 257).reshape(16, 16) / 256
    np.testing.assert_allclose(found[0], expected, atol=1.0)
    np.testing.assert_allclose(found[1], found[0], atol=1e-3)


@given(seed=st.integers(0, 1000))
def test_brightness_keeps_its_order_and_colours_their_hue(seed: int) -> None:
    rng = np.random.default_rng(seed)
    picture = (60 + 40 * rng.random((3, 12, 12))).astype(np.float32)
    found = equalised_brightness(picture)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 255
    before, after = (rgb2yuv(one / 255, channel_axis=0).reshape(3, -1) for one in (picture, found))
    shown = ((found > 0.01) & (found < 254.99)).all(axis=0).ravel()  # other colours cannot be shown as they should
    order = np.argsort(before[0][shown])
    assert (np.diff(after[0][shown][order]) >= -1e-5).all()
    np.testing.assert_allclose(after[1:, shown], before[1:, shown], atol=1e-4)


def test_what_is_not_valid_stays_so_and_does_not_count() -> None:
    picture = grey(np.random.default_rng(0).uniform(20, 60, (16, 16)))
    holed, other = picture.copy(), picture.copy()
    holed[:, :4] = np.nan
    other[0, :4] = np.nan  # one band is enough
    for one in (holed, other):
        found = equalised_brightness(one)
        assert np.isnan(found[:, :4]).all()
        np.testing.assert_allclose(found[:, 4:], equalised_brightness(picture[:, 4:]), atol=1e-3)


def test_pictures_without_contrast_or_pixels_stay() -> None:
    flat, empty = grey(np.full((4, 4), 77.0)), grey(np.full((4, 4), np.nan))
    np.testing.assert_array_equal(equalised_brightness(flat), flat)
    assert np.isnan(equalised_brightness(empty)).all()


def test_noise_has_its_variance_and_stays_in_range() -> None:
    middle = grey(np.full((200, 200), 127.5))
    small = noisy(middle, np.random.default_rng(0), variance=0.01) / 255 - 0.5
    assert float(small.var()) == pytest.approx(0.01, rel=0.03)
    assert float(small.mean()) == pytest.approx(0, abs=0.002)
    large = noisy(middle, np.random.default_rng(0))
    assert large.dtype == np.float32
    assert (large.min(), large.max()) == (0, 255)
    # A tenth has a standard deviation of 0.316: 5.7 % lie beyond each end.
    assert float((large == 0).mean()) == pytest.approx(0.0569, abs=0.005)
    np.testing.assert_array_equal(large, noisy(middle, np.random.default_rng(0)))
