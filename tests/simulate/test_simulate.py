from __future__ import annotations

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from landslide_geo.errors import ParameterError
from landslide_geo.simulate import Landscape, write_scene
from landslide_geo.simulate.noise import fractal, hashed, value_noise

LAND = Landscape(seed=3)


@settings(max_examples=15)
@given(st.integers(-500, 3000), st.integers(-500, 3000), st.integers(1, 40), st.integers(1, 40))
def test_a_place_looks_the_same_in_whatever_block_it_is_computed(top, left, height, width):
    y, x = 10.0 * np.arange(top, top + height)[:, None], 10.0 * np.arange(left, left + width)[None, :]
    i, j = height // 2, width // 2
    one = (y[i : i + 1], x[:, j : j + 1])
    for field in (LAND.elevation, LAND.scars, LAND.clouded):
        assert np.allclose(field(y, x)[i, j], field(*one)[0, 0])


def test_noise_is_within_bounds_and_hash_is_uniform():
    y, x = np.arange(200.0)[:, None], np.arange(200.0)[None, :]
    for field in (value_noise(y, x, 17, 5), fractal(y, x, 40, 5), fractal(y, x, 40, 5, ridged=True)):
        assert field.min() >= 0
        assert field.max() <= 1
    draws = hashed(np.arange(1000)[:, None], np.arange(100)[None, :], 7).ravel()
    counts = np.histogram(draws, bins=10, range=(0, 1))[0]
    assert abs(counts - 10_000).max() < 500
    assert (hashed(np.arange(9), np.arange(9), 1) != hashed(np.arange(9), np.arange(9), 2)).all()


def test_scars_lie_on_steep_slopes_brighten_red_and_lower_near_infrared():
    y, x = 10.0 * np.arange(400)[:, None], 10.0 * np.arange(400)[None, :]
    scars = LAND.scars(y, x)
    assert 0.002 < scars.mean() < 0.1
    slope = LAND.slope(y, x)[0]
    assert np.median(slope[scars]) > LAND.steep > np.median(slope[~scars])
    clear = scars & ~LAND.clouded(y, x)
    before, after = LAND.reflectance(y, x, slid=False), LAND.reflectance(y, x, slid=True)
    assert (after["red"] > before["red"])[clear].mean() > 0.99
    ndvi = [(b["nir"] - b["red"]) / (b["nir"] + b["red"]) for b in (before, after)]
    assert (ndvi[1] < ndvi[0])[clear].mean() > 0.99


def test_files_lie_on_several_grids_and_are_reproducible(tmp_path):
    scene = write_scene(tmp_path / "a", height=64, width=48, seed=1)
    again = write_scene(tmp_path / "b", height=64, width=48, seed=1)
    with rasterio.open(tmp_path / "a/red.tif") as red, rasterio.open(tmp_path / "a/swir16.tif") as swir:
        assert red.shape == (64, 48)
        assert swir.res == (20, 20)
    with rasterio.open(scene.dem) as dem:
        assert dem.crs.to_epsg() == 4326
    for ours, theirs in zip(scene.sources, again.sources, strict=True):
        name, _, path = ours.partition("=")
        with rasterio.open(path) as a, rasterio.open(theirs.partition("=")[2]) as b:
            assert (a.read() == b.read()).all(), name


def test_too_small_a_scene_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="at least 16"):
        write_scene(tmp_path / "scene", height=8, width=100)
    assert not (tmp_path / "scene").exists()
