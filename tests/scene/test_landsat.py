from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.scene.landsat import reflectance, visibility
from landslide_geo.scene.visibility import Visibility


@pytest.mark.parametrize(
    ("qa", "label"),
    [
        # Values of QA_PIXEL as the product guide lists them.
        (1, "nodata"), (21824, "clear"), (21952, "water"), (22280, "cloud"), (23888, "cloud_shadow"),
        (30048, "snow"), (54596, "cloud"), (21826, "cloud"),
    ],
)  # fmt: skip
def test_quality_bits_become_visibility(qa, label):
    assert Visibility(int(visibility(np.array([qa], np.uint16))[0])).label == label


@given(st.integers(1, 65535))
def test_numbers_become_reflectance(number):
    values = reflectance(np.array([0, number], np.uint16))
    assert np.isnan(values[0]) and values[1] == pytest.approx(number * 2.75e-5 - 0.2, abs=1e-6)
