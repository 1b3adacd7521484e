"""Masks as inventories: outlines that hold exactly their pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pyproj import CRS
from rasterio.features import rasterize
from rasters import CRS as GRID
from rasters import PIXEL, write_raster

from landslide_geo.errors import InventoryError, UnreadableRasterError
from landslide_geo.inventory.mask import read_mask
from landslide_geo.scene.raster_io import open_raster

OWN = CRS(GRID)


@settings(max_examples=30)
@given(arrays(np.uint8, (9, 12), elements=st.sampled_from([0, 1, 255])), st.sampled_from([1, 7]))
def test_outlines_hold_exactly_the_pixels(tmp_path_factory, values: np.ndarray, value: int) -> None:
    path = write_raster(
        tmp_path_factory.mktemp("mask") / "mask.tif", np.where(values == 1, value, values).astype(np.uint8)[None],
        nodata=255,
    )  # fmt: skip
    found = read_mask(path, crs=OWN)
    with open_raster(path) as dataset:
        for shapes, code in ((found.landslides, 1), (found.unknown, 255)):
            burned = rasterize(shapes, dataset.shape, transform=dataset.transform) if len(shapes) else np.zeros((9, 12))
            assert np.array_equal(burned == 1, values == code)
        assert found.extent.area == pytest.approx(9 * 12 * PIXEL**2)


def test_another_projection_keeps_areas(tmp_path: Path) -> None:
    values = np.zeros((1, 20, 20), np.uint8)
    values[0, 5:10, 5:15] = 1
    path = write_raster(tmp_path / "mask.tif", values)
    (shape,) = read_mask(path, crs=CRS(32655)).landslides
    assert shape.area == pytest.approx(50 * PIXEL**2, rel=0.02)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((2, 4, 4), np.uint8), "has 2 bands"),
        (np.array([[[0, 1], [2, 1]]], np.uint8), "holds 0, 1, 2; a mask holds 0"),
        (np.array([[[0, 0.4], [1, 1]]], np.float32), r"holds 0, 0\.4, 1"),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path: Path, values: np.ndarray, message: str) -> None:
    with pytest.raises(InventoryError, match=message):
        read_mask(write_raster(tmp_path / "mask.tif", values), crs=OWN)


def test_a_file_that_is_no_raster_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mask.tif").write_text("nothing")
    with pytest.raises(UnreadableRasterError):
        read_mask(tmp_path / "mask.tif", crs=OWN)
