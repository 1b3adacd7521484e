from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from inventory_scenes import CRS, GRID, write
from odc.geo.geom import BoundingBox

from landslide_geo.errors import ParameterError
from landslide_geo.inventory import terrain


def box(dem: Path, *, shrink: float = 0.0) -> BoundingBox:
    with rasterio.open(dem) as source:
        left, bottom, right, top = source.bounds
    return BoundingBox(left + shrink, bottom + shrink, right - shrink, top - shrink, crs=CRS)


def test_own_grid_is_kept_and_only_the_scene_is_read(tmp_path: Path) -> None:
    random = np.random.default_rng(1).random((100, 120)).astype(np.float32)
    dem = write(tmp_path / "dem.tif", random)
    terrain.prepare(dem, tmp_path / "t.tif", bounds=box(dem, shrink=300))
    with rasterio.open(tmp_path / "t.tif") as found:
        assert found.shape == (100 - 2 * 27, 120 - 2 * 27)  # 30 cells off each side, a halo of 3 back
        assert found.transform == GRID @ Affine.translation(27, 27)
        assert np.array_equal(found.read(terrain.ELEVATION), random[27:73, 27:93])


def test_bands_of_rows_leave_no_seam(tmp_path: Path) -> None:
    dem = write(tmp_path / "dem.tif", np.random.default_rng(2).random((50, 40)).astype(np.float32) * 30)
    results = []
    for rows in (512, 7, 1):
        terrain.prepare(dem, tmp_path / "t.tif", bounds=box(dem), rows=rows)
        with rasterio.open(tmp_path / "t.tif") as found:
            results.append(found.read([terrain.SLOPE, terrain.ASPECT_SIN, terrain.ASPECT_COS])[:, 1:-1, 1:-1])
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_a_model_that_is_not_north_up_is_refused(tmp_path: Path) -> None:
    dem = write(tmp_path / "dem.tif", np.zeros((9, 9), np.float32), transform=GRID @ Affine.rotation(30))
    with pytest.raises(ParameterError, match="not north-up"):
        terrain.prepare(dem, tmp_path / "t.tif", bounds=box(dem))
