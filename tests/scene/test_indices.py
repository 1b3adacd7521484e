"""Spectral indices against their formulas and against one another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.scene.indices import INDICES, evi, gndvi, ndvi, ndwi, ngrdi, savi

REFLECTANCES = st.floats(0.0078125, 1, width=32)


def of(*numbers: float) -> list[np.ndarray]:
    return [np.array([[number]], np.float32) for number in numbers]


@given(REFLECTANCES, REFLECTANCES, REFLECTANCES, REFLECTANCES)
def test_formulas_and_how_they_hang_together(near: float, red: float, green: float, blue: float) -> None:
    n, r, g, b = of(near, red, green, blue)
    assert ndvi(n, r)[0, 0] == pytest.approx((near - red) / (near + red), abs=1e-6)
    assert savi(n, r, scale=1, soil=0)[0, 0] == pytest.approx(ndvi(n, r)[0, 0], abs=1e-6)
    assert savi(n, r, scale=1)[0, 0] == pytest.approx(1.5 * (near - red) / (near + red + 0.5), abs=1e-6)
    assert gndvi(n, g)[0, 0] == -ndwi(g, n)[0, 0]
    assert ngrdi(g, r)[0, 0] == -ngrdi(r, g)[0, 0]
    below = near + 6 * red - 7.5 * blue + 1
    found = evi(n, r, b, scale=1)[0, 0]
    if below > 0.1:
        assert found == pytest.approx(2.5 * (near - red) / below, rel=1e-3, abs=1e-4)
    elif below < -0.1:
        assert np.isnan(found)


@given(st.floats(0.1, 10))
def test_the_unit_plays_no_part_once_the_scale_is_said(gain: float) -> None:
    rng = np.random.default_rng(0)
    stack = rng.random((4, 3, 5, 6), dtype=np.float32) * 0.3 + 0.05
    bands = dict(zip(("nir", "red", "green", "blue"), stack, strict=True))
    for index in INDICES.values():
        plain = index.of([bands[name] for name in index.bands], 1.0)
        scaled = index.of([bands[name] * np.float32(gain) for name in index.bands], 1 / gain)
        assert plain.shape == (3, 5, 6)
        assert plain.dtype == np.float32
        np.testing.assert_allclose(plain, scaled, rtol=1e-3, atol=1e-4)
        # Without the scale only those say the same that are ratios.
        unscaled = index.of([bands[name] * 1000 for name in index.bands], 1.0)
        assert index.of_reflectance != np.allclose(plain, unscaled, rtol=1e-3, atol=1e-4)


def test_unknown_stays_where_it_is() -> None:
    values = np.full((4, 4), 0.2, np.float32)
    holed = values.copy()
    holed[1, 2] = np.nan
    for index in INDICES.values():
        found = index.of([holed, *[values * np.float32(1.5)] * (len(index.bands) - 1)], 1.0)
        assert np.argwhere(np.isnan(found)).tolist() == [[1, 2]]
