from __future__ import annotations

import numpy as np
import pytest

from landslide_geo.scene.indices import normalised_difference, relative_ndvi_loss
from landslide_geo.scene.visibility import Visibility, classify, is_valid

SHAPE = (40, 40)


def scene(**reflectance: float) -> dict[str, np.ndarray]:
    return {name: np.full(SHAPE, value, dtype=np.float32) for name, value in reflectance.items()}


FOREST = {"blue": 0.09, "green": 0.08, "red": 0.06, "nir": 0.3, "swir16": 0.15}
SCAR = {"blue": 0.13, "green": 0.15, "red": 0.18, "nir": 0.25, "swir16": 0.3}
CLOUD = {"blue": 0.4, "green": 0.4, "red": 0.41, "nir": 0.45, "swir16": 0.3}
WATER = {"blue": 0.1, "green": 0.09, "red": 0.06, "nir": 0.03, "swir16": 0.01}
SNOW = {"blue": 0.6, "green": 0.6, "red": 0.6, "nir": 0.5, "swir16": 0.05}


@pytest.mark.parametrize(
    ("spectrum", "expected"),
    [
        (FOREST, Visibility.CLEAR),
        (SCAR, Visibility.CLEAR),
        (CLOUD, Visibility.CLOUD),
        (WATER, Visibility.WATER),
        (SNOW, Visibility.SNOW),
    ],
)
def test_each_cover_gets_its_class(spectrum, expected):
    result = classify(scene(**spectrum), seen=np.ones(SHAPE, dtype=bool), illumination=None, pixel=10)
    assert (result == expected).all()


def test_rgb_alone_tells_clouds_from_bright_scars():
    rgb = {name: scene(**SCAR)[name] for name in ("red", "green", "blue")}
    for name in rgb:
        rgb[name][10:20, 10:20] = CLOUD[name]
    result = classify(rgb, seen=np.ones(SHAPE, dtype=bool), illumination=None, pixel=10)
    assert (result[10:20, 10:20] == Visibility.CLOUD).all()
    assert (result[1, 15], result[0, 15]) == (Visibility.CLOUD, Visibility.CLEAR), "grown by 90 m, no more"
    coarse = classify(rgb, seen=np.ones(SHAPE, dtype=bool), illumination=None, pixel=30)
    assert (coarse[7, 15], coarse[6, 15]) == (Visibility.CLOUD, Visibility.CLEAR)


def test_a_single_bright_roof_is_no_cloud():
    rgb = {name: scene(**FOREST)[name] for name in ("red", "green", "blue")}
    for name in rgb:
        rgb[name][10:12, 10:12] = CLOUD[name]
    assert (classify(rgb, seen=np.ones(SHAPE, dtype=bool), illumination=None, pixel=10) == Visibility.CLEAR).all()


def test_nodata_and_shadow():
    seen = np.ones(SHAPE, dtype=bool)
    seen[0] = False
    light = np.full(SHAPE, 0.5, dtype=np.float32)
    light[5] = -0.1
    result = classify(scene(**FOREST), seen=seen, illumination=light, pixel=10)
    assert (result[0] == Visibility.NODATA).all()
    assert (result[5] == Visibility.TERRAIN_SHADOW).all()
    assert is_valid(result).sum() == 38 * 40


def test_unknown_units_leave_everything_seen_clear():
    result = classify({}, seen=np.ones(SHAPE, dtype=bool), illumination=None, pixel=10)
    assert (result == Visibility.CLEAR).all()


def test_indices_in_closed_form():
    one = np.float32([0.4])
    np.testing.assert_allclose(normalised_difference(one, np.float32([0.1])), 0.6)
    assert np.isnan(normalised_difference(np.float32([0]), np.float32([0])))
    # NDVI 0.6 before, 0.2 after: 100 (0.2 − 0.6) / sqrt(0.8)
    loss = relative_ndvi_loss(np.float32([0.1]), np.float32([0.4]), np.float32([0.2]), np.float32([0.3]))
    np.testing.assert_allclose(loss, -40 / np.sqrt(0.8), rtol=1e-5)
