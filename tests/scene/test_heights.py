"""Units of elevation models, as files tell them and as values betray them."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.transform import from_origin

from landslide_geo.scene.heights import HIGHEST, LOWEST, METRES, implausible, unit_named, unit_told


def told(path, *, crs="EPSG:32633", units=""):
    with rasterio.open(
        path, "w", driver="GTiff", height=2, width=2, count=1, dtype="float32", crs=crs,
        transform=from_origin(500_000, 5_000_000, 10, 10),
    ) as dataset:  # fmt: skip
        dataset.write(np.zeros((2, 2), np.float32), 1)
        if units:
            dataset.units = [units]
    with rasterio.open(path) as dataset:
        return unit_told(dataset)


@pytest.mark.parametrize(
    ("crs", "units", "expected"),
    [
        ("EPSG:32633", "", None),
        ("EPSG:32633", "metre", "m"),
        ("EPSG:32633", "Feet", "ft"),
        ("EPSG:32633", "hPa", None),
        # NAD83 / Utah Central with heights in feet of US surveys, and in metres.
        ("EPSG:26912+6360", "", "ft"),
        ("EPSG:26912+5703", "", "m"),
        # What the band says goes before.
        ("EPSG:26912+6360", "m", "m"),
    ],
)
def test_a_file_tells_its_unit(tmp_path, crs, units, expected):
    assert told(tmp_path / "dem.tif", crs=crs, units=units) == expected


def test_names_of_units():
    assert [unit_named(name) for name in ("US survey foot", " m ", None, "", "1")] == ["ft", "m", None, None, None]
    assert METRES["ft"] * 29_031.7 == pytest.approx(8848.86, abs=0.01), "Everest"


@given(st.floats(LOWEST, HIGHEST), st.floats(LOWEST, HIGHEST))
def test_land_is_plausible(one, other):
    assert implausible("dem.tif", min(one, other), max(one, other)) is None


@given(st.floats(HIGHEST + 1, 1e6))
def test_too_high_is_another_unit_and_too_low_a_marker(value):
    high, low = implausible("dem.tif", 0, value), implausible("dem.tif", -value, 10)
    assert high is not None and "dem.tif" in high and "--dem-unit ft" in high
    assert low is not None and "a_nodata" in low and "--dem-unit" not in low
