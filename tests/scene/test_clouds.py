"""Clouds by brightness and by the rule of red."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.scene.clouds import CLOUDY_RED, cloud_cover, cloud_score, cloudy


@given(st.integers(0, 20000))
def test_clouds_are_red_far_above_the_mean(number: int) -> None:
    red = np.array([[number, np.nan]], dtype=np.float32)
    for values, scale in ((red, 1e-4), (red / 10000, 1.0)):
        cloud = cloudy(values, scale=scale)
        assert cloud[0, 0] == (number >= 4696)
        assert np.isnan(cloud[0, 1])
    assert pytest.approx(588.4096 + 6 * 684.5688) == CLOUDY_RED


def test_the_score_is_brightness_and_the_cover_a_share_of_what_is_known() -> None:
    red, green, blue = (np.full((2, 4, 4), value, np.float32) for value in (300, 600, 900))
    green[0, 0, 0] = np.nan
    score = cloud_score(red, green, blue)
    assert np.isnan(score[0, 0, 0])
    assert np.nanmin(score) == np.nanmax(score) == 600
    mask = np.zeros((3, 2, 2), np.float32)
    mask[1] = [[1, np.nan], [0, 0]]
    mask[2] = np.nan
    np.testing.assert_allclose(cloud_cover(mask), [0, 1 / 3, np.nan])
