from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from landslide_geo.errors import ParameterError
from landslide_geo.inference.engine import Tally, scan_columns
from landslide_geo.inference.skipping import FLAT, NOTHING, OUTSIDE, SCREENED, Screen, Skips
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

    def close(self) -> None:
        """Nothing is open."""


def per_pixel(batch: np.ndarray) -> np.ndarray:
    """A model without surroundings: two outputs per pixel, so every correct stitcher is exact."""
    assert np.isfinite(batch).all(), "the network must never see NaN"
    first = np.tanh(batch.sum(axis=1))
    return np.stack([first, 1 - first**2], axis=1)


class Shelf:
    """Rims in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, int], np.ndarray] = {}

    def has_rim(self, columns, row: int) -> bool:
        return (columns.index, row) in self.kept

    def rim(self, columns, row: int) -> np.ndarray:
        return self.kept[columns.index, row]

    def save_rim(self, columns, row: int, rim: np.ndarray) -> None:
        self.kept[columns.index, row] = rim


def stitched(
    source: ArraySource,
    grid: WindowGrid,
    batch_size: int,
    predict=per_pixel,
    done=lambda columns, row: False,
    shelf: Shelf | None = None,
    rows: range | None = None,
    out: np.ndarray | None = None,
    **more,
):
    """All column blocks from left to right, as one process computes them; without a shelf, each for itself."""
    if out is None:
        out = np.full((2, grid.height, grid.width), -9, dtype=np.float32)
    tally = Tally(total=len(grid))

    def save(strip) -> None:
        assert (out[(slice(None), *strip.block.slices)] == -9).all(), "no pixel is given twice"
        out[(slice(None), *strip.block.slices)] = strip.values

    for columns in grid.column_blocks:
        tally.add(
            scan_columns(
                source, predict, grid, columns, rows or range(len(grid.row_starts)), batch=grid.batch(batch_size),
                save=save, done=partial(done, columns), rims=shelf, inherit=shelf is not None, readers=2, **more,
            )
        )  # fmt: skip
    return out, tally


@st.composite
def scans(draw):
    window = draw(st.integers(1, 24))
    overlap = draw(st.integers(0, window - 1))
    height, width = draw(st.integers(1, 60)), draw(st.integers(1, 60) | st.integers(60, 200))
    bands = draw(st.integers(1, 3))
    seed = draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(bands, height, width)).astype(np.float32)
    valid = rng.random((height, width)) > draw(st.sampled_from([0.0, 0.3, 0.95, 1.0]))
    values[:, ~valid] = np.nan
    grid = WindowGrid(height, width, window, overlap, block=draw(st.sampled_from([1, 16, 40, 4096])))
    return ArraySource(values, valid), grid, draw(st.integers(1, 7))


@settings(max_examples=120)
@given(scans())
def test_per_pixel_model_is_exact_everywhere_valid_and_nowhere_else(scan):
    source, grid, batch_size = scan
    out, tally = stitched(source, grid, batch_size, shelf=Shelf())
    with np.errstate(invalid="ignore"):
        expected = per_pixel(np.nan_to_num(source.values)[None])[0]
    assert np.array_equal(np.isnan(out), np.broadcast_to(~source.valid, out.shape))
    np.testing.assert_allclose(out[:, source.valid], expected[:, source.valid], atol=5e-7)
    assert tally.repeated == 0, "in one process no window is run twice"
    assert tally.run + sum(tally.skipped.values()) == tally.total == len(grid)


@settings(max_examples=60)
@given(scans(), st.data())
def test_strips_computed_after_an_interruption_are_byte_identical(scan, data):
    source, grid, batch_size = scan
    shelf = Shelf()
    whole, _ = stitched(source, grid, batch_size, shelf=shelf)
    strips = [(columns, row) for columns in grid.column_blocks for row in range(len(grid.row_starts))]
    count = data.draw(st.integers(0, len(strips)))
    finished = set(strips[:count]) | set(data.draw(st.lists(st.sampled_from(strips), max_size=5)))
    rest, _ = stitched(source, grid, batch_size, shelf=shelf, done=lambda *strip: strip in finished)
    for columns, row in strips:
        place = (slice(None), *grid.strip(columns, row).slices)
        assert whole[place].tobytes() == rest[place].tobytes() or (columns, row) in finished


@settings(max_examples=60)
@given(scans(), st.integers(1, 4))
def test_parts_computed_apart_are_byte_identical_to_the_whole(scan, height):
    source, grid, batch_size = scan
    whole, _ = stitched(source, grid, batch_size, shelf=Shelf())
    out = np.full_like(whole, -9)
    for first in reversed(range(0, len(grid.row_starts), height)):
        stitched(source, grid, batch_size, rows=range(first, min(first + height, len(grid.row_starts))), out=out)
    assert out.tobytes() == whole.tobytes()


def test_nothing_is_computed_when_every_strip_is_done():
    source = ArraySource(np.ones((1, 40, 40), dtype=np.float32), np.ones((40, 40), dtype=bool))

    def forbidden(batch: np.ndarray) -> np.ndarray:
        raise AssertionError("a finished scan must not run the network")

    _, tally = stitched(source, WindowGrid(40, 40, 16, 4), 4, predict=forbidden, done=lambda columns, row: True)
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
    assert (tally.run, tally.skipped) == (1, {NOTHING: 15})
    assert np.isfinite(out[0]).sum() == 256


def test_the_batch_is_always_full_and_of_one_size():
    sizes = []

    def recording(batch: np.ndarray) -> np.ndarray:
        sizes.append(batch.shape[0])
        return per_pixel(batch)

    source = ArraySource(np.ones((1, 50, 368), dtype=np.float32), np.ones((50, 368), dtype=bool))
    stitched(source, WindowGrid(50, 368, 16, 0), 4, predict=recording)
    assert set(sizes) == {6}  # 23 windows per row in four batches of 6, the last of them filled up with zeros


def test_a_network_of_the_wrong_shape_is_named():
    source = ArraySource(np.ones((1, 20, 20), dtype=np.float32), np.ones((20, 20), dtype=bool))
    with pytest.raises(ParameterError, match=r"predict returned shape"):
        stitched(source, WindowGrid(20, 20, 16, 0), 4, predict=lambda batch: batch[:, :, ::2, ::2])


def test_an_error_of_the_network_is_raised_and_an_error_of_the_disk_too():
    source = ArraySource(np.ones((1, 90, 90), dtype=np.float32), np.ones((90, 90), dtype=bool))
    grid = WindowGrid(90, 90, 16, 4)

    def broken(batch: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError

    def full(strip) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(ZeroDivisionError):
        stitched(source, grid, 4, predict=broken)
    with pytest.raises(OSError, match="No space left"):
        scan_columns(source, per_pixel, grid, grid.column_blocks[0], range(8), batch=4, save=full)


def test_an_error_of_the_source_is_raised():
    class Broken(ArraySource):
        def read(self, block):
            if block.row > 20:
                raise OSError("disk gone")
            return super().read(block)

    source = Broken(np.ones((1, 90, 90), dtype=np.float32), np.ones((90, 90), dtype=bool))
    with pytest.raises(OSError, match="disk gone"):
        stitched(source, WindowGrid(90, 90, 16, 4), 4)


def known(grid: WindowGrid, *windows: tuple[int, int]) -> np.ndarray:
    mask = np.zeros((len(grid.row_starts), len(grid.col_starts)), dtype=bool)
    for window in windows:
        mask[window] = True
    return mask


def test_flat_windows_never_reach_the_network_and_their_valid_pixels_get_zero():
    values = np.ones((1, 32, 48), dtype=np.float32)
    valid = np.ones((32, 48), dtype=bool)
    valid[0, 0] = False
    values[:, ~valid] = np.nan
    grid = WindowGrid(32, 48, 16, 0)
    skips = Skips(flat=known(grid, (0, 0), (1, 2)))
    out, tally = stitched(ArraySource(values, valid), grid, 3, skips=skips)
    assert (tally.run, tally.skipped) == (4, {FLAT: 2})
    assert np.isnan(out[:, 0, 0]).all(), "a pixel that cannot be seen stays without a value"
    assert (out[:, :16, :16][:, valid[:16, :16]] == 0).all()
    assert (out[:, 16:, 32:] == 0).all()
    assert (out[0, :, 16:32] == np.float32(np.tanh(1))).all()


def test_a_flat_window_fades_into_its_neighbour_as_a_network_that_answers_zero_would():
    source = ArraySource(np.ones((1, 16, 28), dtype=np.float32), np.ones((16, 28), dtype=bool))
    grid = WindowGrid(16, 28, 16, 4)
    out, _ = stitched(source, grid, 2, skips=Skips(flat=known(grid, (0, 0))))
    ramp = out[0, 5, 12:16] / np.tanh(1)
    np.testing.assert_allclose(ramp, [0.125, 0.375, 0.625, 0.875], atol=1e-6)


def test_rows_outside_the_area_of_interest_are_not_even_read():
    class Watched(ArraySource):
        def read(self, block):
            assert block.row >= 32
            return super().read(block)

    valid = np.zeros((64, 64), dtype=bool)
    valid[40:60, 10:20] = True
    source = Watched(np.ones((1, 64, 64), dtype=np.float32), valid)
    grid = WindowGrid(64, 64, 16, 0)
    outside = np.ones((4, 4), dtype=bool)
    outside[2:, :2] = False
    out, tally = stitched(source, grid, 2, skips=Skips(outside=outside))
    assert np.array_equal(np.isfinite(out[0]), valid)
    assert tally.skipped == {OUTSIDE: 12}


def test_screened_windows_take_the_probability_of_the_filter():
    values = np.zeros((1, 16, 64), dtype=np.float32)
    values[:, :, 32:48] = 2
    source = ArraySource(values, np.ones((16, 64), dtype=bool))
    screen = Screen(lambda batch: batch.mean(axis=(1, 2, 3)) / 2 + 0.125, threshold=0.5)
    out, tally = stitched(source, WindowGrid(16, 64, 16, 0), 3, screen=screen)
    assert (tally.run, tally.skipped) == (1, {SCREENED: 3})
    assert (out[0, :, :32] == 0.125).all()
    assert (out[0, :, 32:48] == np.float32(np.tanh(2))).all()
    assert (out[1, :, :32] == 0).all(), "further bands, such as a spread, are 0 where the network was not asked"


def test_a_filter_of_the_wrong_shape_is_named():
    source = ArraySource(np.ones((1, 16, 16), dtype=np.float32), np.ones((16, 16), dtype=bool))
    with pytest.raises(ParameterError, match=r"filter returned shape"):
        stitched(source, WindowGrid(16, 16, 16, 0), 3, screen=Screen(lambda batch: batch, threshold=0.5))


def test_one_value_per_window_is_blended_over_its_pixels():
    values = np.concatenate([np.full((1, 8, 8), v, dtype=np.float32) for v in (1, 2, 3)], axis=2)
    source = ArraySource(values, np.ones((8, 24), dtype=bool))
    means = lambda batch: np.repeat(batch.mean(axis=(2, 3)), 2, axis=1)  # noqa: E731
    out, _ = stitched(source, WindowGrid(8, 24, 8, 0), 2, predict=means)
    np.testing.assert_array_equal(out[1], values[0])


def test_known_values_travel_over_the_border_of_column_blocks():
    source = ArraySource(np.ones((1, 16, 200), dtype=np.float32), np.ones((16, 200), dtype=bool))
    one, two = (WindowGrid(16, 200, 16, 8, block=width) for width in (4096, 40))
    assert len(two.column_blocks) > 2
    flat = known(one, *((0, col) for col in range(0, len(one.col_starts), 2)))
    screen = Screen(lambda batch: np.full(len(batch), 0.25, dtype=np.float32), threshold=0.5)
    for more in ({"skips": Skips(flat=flat)}, {"screen": screen}):
        expected, _ = stitched(source, one, 3, **more)
        for shelf in (None, Shelf()):
            out, _ = stitched(source, two, 3, shelf=shelf, **more)
            np.testing.assert_allclose(out, expected, atol=1e-7)


@settings(max_examples=25)
@given(scans(), st.integers(2, 4))
def test_several_callers_give_the_same_bytes(scan, callers):
    source, grid, batch_size = scan
    one, _ = stitched(source, grid, batch_size)
    several, _ = stitched(source, grid, batch_size, callers=callers)
    assert one.tobytes() == several.tobytes()


def test_two_callers_are_in_the_network_at_once():
    together = threading.Barrier(2, timeout=20)

    def meeting(batch: np.ndarray) -> np.ndarray:
        together.wait()
        return per_pixel(batch)

    source = ArraySource(np.ones((1, 16, 64), dtype=np.float32), np.ones((16, 64), dtype=bool))
    _, tally = stitched(source, WindowGrid(16, 64, 16, 0), 1, predict=meeting, callers=2)
    assert tally.run == 4


def test_an_error_in_one_of_several_callers_is_raised():
    calls = []

    def broken(batch: np.ndarray) -> np.ndarray:
        calls.append(1)
        if len(calls) > 2:
            raise ZeroDivisionError
        return per_pixel(batch)

    source = ArraySource(np.ones((1, 90, 90), dtype=np.float32), np.ones((90, 90), dtype=bool))
    with pytest.raises(ZeroDivisionError):
        stitched(source, WindowGrid(90, 90, 16, 4), 2, predict=broken, callers=3)


def test_a_filter_that_does_not_know_screens_nothing():
    source = ArraySource(np.ones((1, 16, 16), dtype=np.float32), np.ones((16, 16), dtype=bool))
    unsure = Screen(lambda batch: np.full(len(batch), np.nan, dtype=np.float32), threshold=0.5)
    out, tally = stitched(source, WindowGrid(16, 16, 16, 0), 1, screen=unsure)
    assert tally.run == 1
    assert np.isfinite(out).all()
