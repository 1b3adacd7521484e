"""What turns one unit of a band into another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.bands import OPTICAL, PRE, UNITS, VOCABULARY
from landslide_geo.config import LANDSLIDE4SENSE
from landslide_geo.units import NUMBER, PICTURE, RATIO, REFLECTANCE, gain

names = st.sampled_from(sorted(VOCABULARY)).flatmap(lambda name: st.sampled_from([name, PRE + name]))
units = st.sampled_from([REFLECTANCE, NUMBER, RATIO, PICTURE, *UNITS.values()])


@given(names, units, units, units)
def test_there_and_back_and_by_way_of_another_are_the_same(name, first, second, third):
    there, back = gain(name, first, second), gain(name, second, first)
    assert (there is None) == (back is None)
    if there is None or back is None:
        return
    assert there * back == pytest.approx(1)
    on = gain(name, second, third)
    assert (on is None) == (gain(name, first, third) is None)
    if on is not None:
        assert there * on == pytest.approx(gain(name, first, third))


def test_factors_in_closed_form():
    assert gain("red", NUMBER, REFLECTANCE) == 1e-4
    assert gain("pre_red", RATIO, NUMBER) == pytest.approx(445.172897)
    assert gain("red", REFLECTANCE, RATIO) == pytest.approx(10_000 / 445.172897)
    assert gain("slope", "degrees", RATIO) == pytest.approx(1 / 20.292283)
    assert gain("elevation", RATIO, "m") == pytest.approx(772.831448)
    assert gain("nir08", REFLECTANCE, RATIO) is None, "Landslide4Sense lacks it"
    assert gain("red", PICTURE, REFLECTANCE) is None
    assert gain("vv_asc", "dB", REFLECTANCE) is None
    assert gain("vv_asc", "dB", "dB") == 1
    assert set(LANDSLIDE4SENSE) == {*OPTICAL, "slope", "elevation"} - {"nir08"}
