from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.scene.sentinel2 import (
    Offset,
    dark_level,
    disagreement,
    judged_offset,
    reflectance,
    told_offset,
    visibility,
)
from landslide_geo.scene.visibility import Visibility, is_valid

OLD, NEW = date(2018, 9, 11), date(2023, 5, 23)


def test_scene_classes_become_visibility():
    classes = np.arange(256, dtype=np.uint8)
    codes = visibility(classes, baseline=5.1)
    assert [Visibility(code).label for code in codes[:12]] == [
        "nodata", "nodata", "terrain_shadow", "cloud_shadow", "clear", "clear", "water", "clear", "cloud", "cloud",
        "cloud", "snow",
    ]  # fmt: skip
    assert not is_valid(codes[12:]).any()
    assert visibility(classes, baseline=2.08)[2] == Visibility.CLEAR, "dark ground was no shadow then"
    assert visibility(classes, baseline=None)[2] == Visibility.TERRAIN_SHADOW


@pytest.mark.parametrize(
    ("properties", "baseline", "day", "expected"),
    [
        ({}, 2.08, OLD, 0),
        ({}, 3.01, NEW, 0),
        ({}, 4.0, NEW, -1000),
        ({}, 5.0, OLD, -1000),  # processed again
        ({}, None, date(2022, 1, 24), 0),
        ({}, None, date(2022, 1, 25), -1000),
        ({"earthsearch:boa_offset_applied": True}, 5.09, NEW, 0),
        ({"earthsearch:boa_offset_applied": False}, 5.09, NEW, -1000),
    ],
)
def test_metadata_tell_the_offset(properties, baseline, day, expected):
    assert told_offset(properties, baseline=baseline, day=day)[0] == expected


@given(st.integers(1, 65535), st.sampled_from([0, -1000]))
def test_numbers_become_reflectance(number, offset):
    values = reflectance(np.array([0, number], np.uint16), offset)
    assert np.isnan(values[0]) and values[1] == pytest.approx((number + offset) / 10000, abs=1e-6)


@given(st.floats(1, 700), st.booleans())
def test_what_dark_ground_shows_overrules_the_catalogue(level, flag):
    """Either way round: the flag may be wrong in both directions, and reflectance is right in all four cases."""
    told, reason = told_offset({"earthsearch:boa_offset_applied": flag}, baseline=5.1, day=NEW)
    taken_off = judged_offset(told, reason, level, baseline=5.1)
    left = judged_offset(told, reason, level + 1060, baseline=5.1)
    assert (taken_off.value, left.value) == (0, -1000)
    assert (taken_off.told != taken_off.value) == (not flag) and (left.told != left.value) == flag


def test_without_dark_ground_the_metadata_stand_and_old_baselines_have_no_offset():
    assert judged_offset(-1000, "it", None, baseline=5.1).value == -1000
    assert "too little dark ground" in judged_offset(0, "it", None, baseline=5.1).reason
    assert judged_offset(0, "it", 1400, baseline=2.08).value == 0, "haze, say"
    assert judged_offset(0, "it", 1400, baseline=None).value == -1000
    assert judged_offset(-1000, "it", 950, baseline=5.1).value == -1000, "in between it says nothing"


def test_dark_ground_is_vegetation_and_water():
    scl = np.array([[4] * 40, [9] * 40, [6] * 40], np.uint8)
    red = np.array([[300] * 40, [5] * 40, [500] * 40], np.uint16)
    assert dark_level([red], scl) == 400
    assert dark_level([red, red // 2], scl) == 200
    assert dark_level([np.zeros_like(red)], scl) is None
    assert dark_level([red], np.full_like(scl, 8)) is None


def test_dates_that_differ_in_dark_ground_are_told():
    def of(level, value=0):
        return Offset(value, "it", value, level)

    assert disagreement([of(400)], [of(450), of(None)]) is None
    assert disagreement([of(400)], [of(1450, -1000)]) is None
    assert disagreement([of(None)], [of(450)]) is None
    assert "0.14 after and 0.04 before" in disagreement([of(1400)], [of(400)])
