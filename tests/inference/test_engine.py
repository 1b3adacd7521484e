from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from landslide_geo.errors import ParameterError
from landslide_geo.inference.engine import Tally, scan_strips
from landslide_geo.inference.windows import WindowGrid
from landslide_geo.scene.grid import Block


@dataclass
class ArraySource:
    """Values in memory, behind the interface the engine reads."""

    values: np.ndarray
    valid: np.ndarray

    @property
    def count(self) -> int:
        return self.values.shape[0]

    @property
    def geobox(self) -> GeoBox:
        return GeoBox.from_bbox((0, 0, self.values.shape[2], self.values.shape[1]), crs="EPSG:32654", resolution=1)

    def read(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        rows, cols = block.slices
        return self.values[:, rows, cols], self.valid[rows, cols]


def per_pixel(batch: np.ndarray) -> np.ndarray:
    """A model without surroundings: two outputs per pixel, so every correct stitcher is exact."""
    assert np.isfinite(batch).all(), "the network must never see NaN"
    first = np.tanh(batch.sum(axis=1))
    return np.stack([first, 1 - first**2], axis=1)


def stitched(source: ArraySource, grid: WindowGrid, batch_size: int, predict=per_pixel, done=lambda i: False):
    out = np.full((2, grid.height, grid.width), -9, dtype=np.float32)
    tally = Tally()
    for strip in scan_strips(source, predict, grid, batch_size=batch_size, tally=tally, done=done):
        out[:, strip.block.row : strip.block.row + strip.block.height] = strip.values
    return out, tally


@st.composite
def scans(draw):
    window = draw(st.integers(1, 24))
    overlap = draw(st.integers(0, window - 1))
    height, width = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    bands = draw(st.integers(1, 3))
    seed = draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(bands, height, width)).astype(np.float32)
    valid = rng.random((height, width)) > draw(st.sampled_from([0.0, 0.3, 0.95, 1.0]))
    values[:, ~valid] = np.nan
    return ArraySource(values, valid), WindowGrid(height, width, window, overlap), draw(st.integers(1, 7))


@settings(max_examples=120)
@given(scans())
def test_per_pixel_model_is_exact_everywhere_valid_and_nowhere_else(scan):
    source, grid, batch_size = scan
    out, tally = stitched(source, grid, batch_size)
    with np.errstate(invalid="ignore"):
        expected = per_pixel(np.nan_to_num(source.values)[None])[0]
    assert np.array_equal(np.isnan(out), np.broadcast_to(~source.valid, out.shape))
    np.testing.assert_allclose(out[:, source.valid], expected[:, source.valid], atol=5e-7)
    assert tally.run + sum(tally.skipped.values()) == tally.total == len(grid)


@settings(max_examples=60)
@given(scans(), st.data())
def test_strips_computed_after_an_interruption_are_byte_identical(scan, data):
    source, grid, batch_size = scan
    whole, _ = stitched(source, grid, batch_size)
    finished = data.draw(st.sets(st.integers(0, len(grid.row_starts) - 1)))
    rest, _ = stitched(source, grid, batch_size, done=finished.__contains__)
    for index, (top, bottom) in enumerate(zip(grid.row_starts, [*grid.row_starts[1:], grid.height], strict=True)):
        if index not in finished:
            assert whole[:, top:bottom].tobytes() == rest[:, top:bottom].tobytes()


def test_nothing_is_computed_when_every_strip_is_done():
    source = ArraySource(np.ones((1, 40, 40), dtype=np.float32), np.ones((40, 40), dtype=bool))

    def forbidden(batch: np.ndarray) -> np.ndarray:
        raise AssertionError("a finished scan must not run the network")

    _, tally = stitched(source, WindowGrid(40, 40, 16, 4), 4, predict=forbidden, done=lambda index: True)
    assert tally.run == 0


def test_a_hole_costs_no_valid_pixel_around_it():
    values = np.ones((1, 120, 120), dtype=np.float32)
    valid = np.ones((120, 120), dtype=bool)
    valid[40:80, 40:80] = False
    values[:, ~valid] = np.nan
    out, _ = stitched(ArraySource(values, valid), WindowGrid(120, 120, 32, 8), 4)
    assert np.isfinite(out[0]).sum() == 120 * 120 - 40 * 40


def test_windows_without_a_valid_pixel_never_reach_the_network():
    values = np.ones((1, 64, 64), dtype=np.float32)
    valid = np.zeros((64, 64), dtype=bool)
    valid[:16, :16] = True
    out, tally = stitched(ArraySource(values, valid), WindowGrid(64, 64, 16, 0), 4)
    assert (tally.run, tally.skipped) == (1, {"nothing valid": 15})
    assert np.isfinite(out[0]).sum() == 256


def test_the_batch_is_always_full_and_of_one_size():
    sizes = []

    def recording(batch: np.ndarray) -> np.ndarray:
        sizes.append(batch.shape[0])
        return per_pixel(batch)

    source = ArraySource(np.ones((1, 50, 110), dtype=np.float32), np.ones((50, 110), dtype=bool))
    stitched(source, WindowGrid(50, 110, 16, 0), 4, predict=recording)
    assert set(sizes) == {4}  # 7 windows per row in two batches of 4


def test_a_network_of_the_wrong_shape_is_named():
    source = ArraySource(np.ones((1, 20, 20), dtype=np.float32), np.ones((20, 20), dtype=bool))
    with pytest.raises(ParameterError, match=r"predict returned shape"):
        stitched(source, WindowGrid(20, 20, 16, 0), 4, predict=lambda batch: batch[:, :, ::2, ::2])
