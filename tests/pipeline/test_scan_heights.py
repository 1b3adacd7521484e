"""Elevation models in feet and decimetres: the same landslides as in metres, and what is told of them."""

from __future__ import annotations

import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio

from landslide_geo import open_scene, scan
from landslide_geo.config import ScanParams, VectorizeParams
from landslide_geo.pipeline.chips import scene_of
from landslide_geo.pipeline.scan import ScanResult
from landslide_geo.pipeline.vectorize import vectorize_file
from landslide_geo.scene.grid import Block
from landslide_geo.simulate import SimulatedScene

RULE = ScanParams(model="red_minus_green")
MEASURED = ["elev_min_m", "elev_max_m", "relief_m", "slope_mean_deg", "slope_p90_deg", "length_m"]


def model(simulated: SimulatedScene, path: Path, *, per_metre: float, units: str = "", lift: float = 0) -> Path:
    """The simulated scene's elevations in another unit; ``units`` is what the file tells."""
    with rasterio.open(simulated.dem) as dataset:
        values = dataset.read(1, masked=True).astype(np.float32).filled(np.nan)
        profile = dataset.profile | {"dtype": "float32", "nodata": np.nan}
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write((values + lift) * np.float32(per_metre), 1)
        if units:
            dataset.units = [units]
    return path


def landslides(folder: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(folder / "landslides.gpkg", layer="landslides").sort_values("landslide_id")


@pytest.fixture(scope="module")
def in_metres(simulated, tmp_path_factory) -> ScanResult:
    folder = tmp_path_factory.mktemp("metres")
    return scan(simulated.sources, folder / "out", dem=model(simulated, folder / "dem.tif", per_metre=1), params=RULE)


@pytest.mark.parametrize(
    ("per_metre", "units", "said"), [(1 / 0.3048, "ft", None), (1 / 0.3048, "", "ft"), (10, "m", "dm")]
)
def test_the_same_landslides_in_any_unit(simulated, in_metres, tmp_path, per_metre, units, said):
    dem = model(simulated, tmp_path / "dem.tif", per_metre=per_metre, units=units)
    found = scan(simulated.sources, tmp_path / "out", dem=dem, dem_unit=said, params=RULE)
    expected, measured = landslides(in_metres.out), landslides(found.out)
    assert len(measured) == len(expected) > 0
    for name in MEASURED:
        np.testing.assert_allclose(measured[name], expected[name], rtol=1e-3, atol=0.05, err_msg=name)
    told = [line for line in found.record["warnings"] if "dem.tif" in line]
    assert len(told) == (said is None)
    assert all("were converted" in line and "--dem-unit m" in line for line in told)
    assert next(entry for entry in found.record["inputs"] if entry["role"] == "dem")["unit"] in ("ft", "dm")
    # Whoever reads the scan's folder afterwards goes by the same unit.
    block = Block(100, 100, 40, 40)
    heights = [scene_of(one.record).read_elevation(block) for one in (found, in_metres)]
    np.testing.assert_allclose(*heights, rtol=1e-4)
    again = vectorize_file(found.out / "probability.tif", tmp_path / "again.gpkg", params=VectorizeParams())
    np.testing.assert_allclose(
        np.sort(again.landslides["slope_p90_deg"]), np.sort(measured["slope_p90_deg"]), rtol=1e-3, atol=0.05
    )


def test_another_unit_is_another_scan(simulated, tmp_path):
    dem = model(simulated, tmp_path / "dem.tif", per_metre=10)
    first = scan(simulated.sources, tmp_path / "out", dem=dem, dem_unit="dm", params=RULE)
    assert not scan(simulated.sources, tmp_path / "out", dem=dem, dem_unit="dm", params=RULE).fresh
    assert scan(simulated.sources, tmp_path / "out", dem=dem, params=RULE, overwrite=True).fresh
    assert first.record["warnings"] == []


def test_what_cannot_be_metres_is_told(simulated, tmp_path):
    dem = model(simulated, tmp_path / "dem.tif", per_metre=1 / 0.3048, lift=3500)
    found = scan(simulated.sources, tmp_path / "out", dem=dem, params=RULE)
    (told,) = [line for line in found.record["warnings"] if "dem.tif" in line]
    assert re.search(r"elevations from [\d,]+ to 1\d,\d{3} m.*--dem-unit ft", told)


def test_a_band_of_elevation_goes_by_its_unit_too(simulated, tmp_path):
    dem = model(simulated, tmp_path / "dem.tif", per_metre=1 / 0.3048, units="feet")
    plain = open_scene([*simulated.sources, f"elevation={simulated.dem}"])
    feet = open_scene([*simulated.sources, f"elevation={dem}"])
    block = Block(0, 0, 64, 64)
    for scene in (plain, feet):
        np.testing.assert_array_equal(scene.read(["elevation"], block)[0], scene.read_elevation(block))
    np.testing.assert_allclose(feet.read(["slope"], block), plain.read(["slope"], block), atol=0.01)
