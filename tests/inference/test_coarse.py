from __future__ import annotations

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasters import linear, read_raster, write_raster

from landslide_geo import predict_raster
from landslide_geo.inference import Screen, coarse
from landslide_geo.inference.coarse import coarse_geobox, coarsened
from landslide_geo.inference.skipping import SCREENED
from landslide_geo.inference.windows import WindowGrid
from landslide_geo.scene.grid import Block


def mean(batch: np.ndarray) -> np.ndarray:
    """A classification: one value for each window."""
    return batch.mean(axis=(1, 2, 3))[:, None]


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 20), st.data())
def test_a_coarse_pixel_is_the_mean_of_its_valid_pixels(height, width, window, data):
    grid = WindowGrid(height, width, window, data.draw(st.integers(0, window - 1)))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    values = rng.normal(size=(2, height, width)).astype(np.float32)
    values[:, rng.random((height, width)) < 0.4] = np.nan
    rows, cols = -(-height // grid.stride), -(-width // grid.stride)
    read = coarsened(lambda block: values[(slice(None), *block.slices)], grid)
    got = read(Block(0, 0, rows, cols))
    assert got.shape == (2, rows, cols)
    for row in range(rows):
        for col in range(cols):
            cell = values[:, row * grid.stride : (row + 1) * grid.stride, col * grid.stride : (col + 1) * grid.stride]
            known = cell[:, np.isfinite(cell[0])]
            expected = known.mean(axis=1) if known.size else np.full(2, np.nan)
            np.testing.assert_allclose(got[:, row, col], expected, atol=1e-6)


@given(st.integers(1, 9), st.integers(1, 40), st.integers(1, 60))
def test_wide_blocks_are_read_in_parts_with_the_same_result(stride, columns, width):
    grid = WindowGrid(2 * stride, columns * stride, stride, 0)
    values = np.random.default_rng(columns).normal(size=(1, grid.height, grid.width)).astype(np.float32)
    values[values > 0.5] = np.nan
    widest = []

    def fine(block: Block) -> np.ndarray:
        widest.append(block.width)
        return values[(slice(None), *block.slices)]

    whole = coarsened(fine, grid)(Block(0, 0, 2, columns))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coarse, "_WIDTH", width)
        widest.clear()
        parts = coarsened(fine, grid)(Block(0, 0, 2, columns))
    assert max(widest) <= max(width, stride), "memory must not grow with the width of a scene"
    assert np.array_equal(parts, whole, equal_nan=True)


def test_the_coarse_grid_shares_the_corner_and_is_one_stride_wide():
    box = GeoBox.from_bbox((500000, 4000000, 501000, 4000700), crs="EPSG:32654", resolution=10)
    got = coarse_geobox(box, WindowGrid(70, 100, 32, 8))
    assert tuple(got.shape) == (3, 5)
    assert (got.resolution.x, got.resolution.y) == (240, -240)
    assert (got.affine.c, got.affine.f) == (box.affine.c, box.affine.f)


def test_a_classification_becomes_a_coarse_raster(tmp_path):
    values = np.repeat(np.repeat(np.arange(12, dtype="float32").reshape(1, 3, 4), 16, axis=1), 16, axis=2)
    values[:, :16, :16] = np.nan
    source = write_raster(tmp_path / "in.tif", values, nodata=np.nan, block=16)
    predict_raster(source, mean, tmp_path / "out.tif", window=16, overlap=0, progress=False)
    with rasterio.open(tmp_path / "out.tif") as out, rasterio.open(source) as fine:
        assert out.shape == (3, 4)
        assert out.res == (16 * fine.res[0], 16 * fine.res[1])
        assert out.bounds == fine.bounds
        got = out.read(1)
    expected = np.arange(12, dtype=float).reshape(3, 4)
    expected[0, 0] = np.nan
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_overlapping_answers_are_blended(tmp_path):
    """Left window 0, right window 1, overlapping by half: the middle pixel of the coarse raster is their mean."""
    values = np.zeros((1, 16, 24), dtype="float32")
    values[:, :, 16:] = 2
    source = write_raster(tmp_path / "in.tif", values, nodata=None, block=16)
    predict_raster(source, mean, tmp_path / "out.tif", window=16, overlap=8, progress=False)
    got = read_raster(tmp_path / "out.tif")[0]
    np.testing.assert_allclose(got[0], [0, 0.5, 1], atol=1e-6)


def test_a_filter_screens_the_windows_of_a_raster(tmp_path):
    values = np.zeros((1, 16, 48), dtype="float32")
    values[:, :, 32:] = 1
    source = write_raster(tmp_path / "in.tif", values, nodata=None, block=16)
    screen = Screen(lambda batch: batch.max(axis=(1, 2, 3)), threshold=0.5)
    tally = predict_raster(
        source, lambda batch: batch + 4, tmp_path / "out.tif", window=16, overlap=0, progress=False, screen=screen
    )
    assert (tally.run, tally.skipped) == (1, {SCREENED: 2})
    got = read_raster(tmp_path / "out.tif")[0]
    assert (got[:, :32] == 0).all()
    assert (got[:, 32:] == 5).all()


def test_a_finished_raster_is_left_as_it_is(tmp_path):
    source = write_raster(tmp_path / "in.tif", np.ones((1, 40, 40), dtype="float32"), nodata=None, block=16)
    settings = {"window": 16, "overlap": 4, "progress": False, "resume": True}
    predict_raster(source, linear, tmp_path / "out.tif", **settings)
    before = (tmp_path / "out.tif").stat().st_mtime_ns

    def forbidden(batch: np.ndarray) -> np.ndarray:
        raise AssertionError("a finished raster needs no network")

    tally = predict_raster(source, forbidden, tmp_path / "out.tif", **settings)
    assert tally.run == 0
    assert (tmp_path / "out.tif").stat().st_mtime_ns == before
    with pytest.raises(AssertionError):
        predict_raster(source, forbidden, tmp_path / "out.tif", **settings | {"overlap": 8})
