from __future__ import annotations

import numpy as np
import pytest

from landslide_geo.errors import ParameterError
from landslide_geo.scene.grid import Block
from landslide_geo.scene.sentinel1 import backscatter, band_name, despeckled, margin


def test_power_becomes_decibels():
    power = np.array([[1.0, 0.1, 0.01, 0.5]], np.float32)
    np.testing.assert_allclose(backscatter(power, pixel=10), [[0, -10, -20, -3.0103]], atol=1e-4)
    assert np.isnan(backscatter(np.array([[0.0, -1, np.nan]], np.float32), pixel=10)).all()


def test_noise_at_the_border_goes_and_dark_water_inside_stays():
    power = np.full((40, 300), 0.1, np.float32)
    power[:, :20] = np.nan
    power[:, 20:40] = 1e-4  # −40 dB beside what is not there
    power[10:30, 200:220] = 1e-4
    decibels = backscatter(power, pixel=10)
    assert np.isnan(decibels[:, :40]).all()
    np.testing.assert_allclose(decibels[:, 40:200], -10, atol=1e-4)
    np.testing.assert_allclose(decibels[10:30, 200:220], -40, atol=1e-4)
    assert (backscatter(np.full((9, 9), 1e-4, np.float32), pixel=10) < -39).all(), "no border, no noise of it"


def test_a_pixel_does_not_depend_on_the_block_it_is_worked_out_in():
    rng = np.random.default_rng(0)
    power = (10 ** rng.uniform(-4, 0, (150, 180))).astype(np.float32)
    power[:, :7] = np.nan
    whole = backscatter(power, pixel=20)
    block = Block(40, 30, 50, 60)
    wide = block.padded(margin(20)).clipped(150, 180)
    part = backscatter(power[wide.slices], pixel=20)[block.inside(wide)]
    assert np.array_equal(part, whole[block.slices], equal_nan=True)


def test_speckle_filters_are_those_of_the_scene():
    spike = np.full((9, 9), -10, np.float32)
    spike[4, 4] = 0
    assert despeckled(spike, kind="median", size=3)[4, 4] == -10
    assert -10 < despeckled(spike, kind="lee", size=5)[4, 4] <= 0
    assert np.array_equal(despeckled(spike, kind="none", size=3), spike)
    with pytest.raises(ParameterError):
        despeckled(spike, kind="median", size=4)


def test_bands_are_named_by_direction():
    assert band_name("vv", "ascending") == "vv_asc" and band_name("vh", "descending") == "vh_desc"
