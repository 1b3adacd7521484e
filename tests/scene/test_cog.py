"""What is written as a COG: its layout, its overviews, its values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling

from landslide_geo.scene.cog import TILE, write_cog
from landslide_geo.scene.grid import Block


def grid(height: int, width: int) -> GeoBox:
    return GeoBox((height, width), rasterio.Affine(10, 0, 580000, 0, -10, 4730000), "EPSG:32654")


def written(path: Path, values: np.ndarray, resampling: Resampling) -> Path:
    height, width = values.shape

    def read(block: Block) -> np.ndarray:
        return values[None, block.row : block.row + block.height, block.col : block.col + block.width]

    nodata = np.nan if values.dtype.kind == "f" else 0
    write_cog(
        path, grid(height, width), read, count=1, dtype=str(values.dtype), nodata=nodata, descriptions=["values"],
        overview_resampling=resampling,
    )  # fmt: skip
    return path


@pytest.mark.parametrize(
    ("shape", "factors"),
    [
        ((1, 1), []),
        ((TILE, TILE), []),
        ((TILE + 1, 9), [2]),
        ((2 * TILE, 4 * TILE), [2, 4]),
        ((5120, 640), [2, 4, 8, 16]),
    ],
)
def test_overviews_go_down_to_one_tile(shape, factors, tmp_path):
    with rasterio.open(written(tmp_path / "a.tif", np.ones(shape, dtype=np.float32), Resampling.average)) as dataset:
        assert dataset.overviews(1) == factors
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.descriptions == ("values",)


def test_overviews_are_means_of_what_is_known(tmp_path):
    rng = np.random.default_rng(0)
    values = rng.random((2 * TILE, 2 * TILE), dtype=np.float32)
    values[rng.random(values.shape) < 0.4] = np.nan
    path = written(tmp_path / "a.tif", values, Resampling.average)
    with rasterio.open(path) as dataset:
        assert np.array_equal(dataset.read(1), values, equal_nan=True)
    with rasterio.open(path, overview_level=0) as dataset:
        half = dataset.read(1)
    fours = values.reshape(TILE, 2, TILE, 2).swapaxes(1, 2).reshape(TILE, TILE, 4)
    known = ~np.isnan(fours).all(axis=-1)
    assert np.array_equal(np.isnan(half), ~known)
    np.testing.assert_allclose(half[known], np.nanmean(fours[known], axis=-1), rtol=1e-6)


def test_overviews_of_classes_are_classes(tmp_path):
    codes = np.where(np.arange(3 * TILE) % 2 == 0, 1, 6).astype(np.uint8)[:, None].repeat(3 * TILE, axis=1)
    with rasterio.open(written(tmp_path / "a.tif", codes, Resampling.mode), overview_level=0) as dataset:
        assert set(np.unique(dataset.read(1))) <= {1, 6}
