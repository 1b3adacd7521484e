from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.scene import Visibility, landsat, sentinel2
from landslide_geo.scene.folder import stored_reflectance
from landslide_geo.scene.told import Codes, Level, Scaling, told_visibility


@given(st.lists(st.integers(1, 65535), min_size=1, max_size=50), st.sampled_from([0, -1000]))
def test_numbers_of_sentinel2_become_what_an_ingested_scene_holds(numbers, offset):
    stored = np.array(numbers, np.uint16)
    values = stored.astype(np.float32)
    Scaling(1.0, offset).apply(values)
    assert np.array_equal(values, stored_reflectance(sentinel2.reflectance(stored, offset)))


@given(st.lists(st.integers(1, 65535), min_size=1, max_size=50))
def test_numbers_of_landsat_become_what_an_ingested_scene_holds(numbers):
    stored = np.array(numbers, np.uint16)
    values = stored.astype(np.float32)
    Scaling(landsat.SCALE * 10_000, landsat.OFFSET * 10_000).apply(values)
    # Which rounds them.
    assert np.abs(values - stored_reflectance(landsat.reflectance(stored))).max() <= 0.51


def test_where_there_is_no_value_there_is_none_after():
    values = np.array([np.nan, 2000], np.float32)
    Scaling(2.0, -1000).apply(values)
    assert np.isnan(values[0]) and values[1] == 3000


def test_each_producers_classes_become_visibility():
    scl = np.array([[2, 3, 4, 6, 9, 11, np.nan]], np.float32)
    names = ("TERRAIN_SHADOW", "CLOUD_SHADOW", "CLEAR", "WATER", "CLOUD", "SNOW", "NODATA")
    assert told_visibility(scl, Codes.SCL).tolist() == [[Visibility[name] for name in names]]
    assert told_visibility(scl, Codes.SCL_BEFORE_4)[0, 0] == Visibility.CLEAR
    bits = np.array([[21824, 21952, 22280, np.nan]], np.float32)  # USGS: clear, water, high-confidence cloud
    found = told_visibility(bits, Codes.QA_PIXEL)[0].tolist()
    assert found == [Visibility.CLEAR, Visibility.WATER, Visibility.CLOUD, Visibility.NODATA]


def test_words_of_bundles_name_one_level_or_none():
    assert Level.wanted("Top-of-atmosphere reflectance") is Level.TOP
    assert Level.wanted("surface reflectance") is Level.SURFACE
    assert Level.wanted("any (top of atmosphere or surface): offsets are normalised away") is None
    assert Level.wanted("as the training chips") is None
