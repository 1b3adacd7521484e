"""Which windows lie on flat ground, against the slope of the whole scene computed at once."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from landslide_geo import open_scene
from landslide_geo.inference import skipping
from landslide_geo.inference.skipping import flat_windows
from landslide_geo.inference.windows import WindowGrid
from landslide_geo.scene.grid import Block
from landslide_geo.scene.reader import BandReader
from landslide_geo.scene.sources import BandSource
from landslide_geo.scene.terrain import slope_degrees


def steep_ground(scene, limit: float) -> np.ndarray:
    """Pixels of 30 m where the slope reaches the limit or is unknown, the whole scene at once."""
    box = scene.geobox
    shape = -(-scene.height // 3), -(-scene.width // 3)
    coarse = GeoBox(shape, box.affine * Affine.scale(3), box.crs)
    with BandReader([BandSource("elevation", scene.dem)], coarse) as reader:
        elevation = reader.read(Block(0, 0, *shape))[0]
    return ~(slope_degrees(elevation, (30, 30)) < limit)


def directly(steep: np.ndarray, grid: WindowGrid) -> np.ndarray:
    def pixels(start: int) -> slice:
        return slice(max((start - grid.window) // 3, 0), -(-(start + 2 * grid.window) // 3))

    return np.array([[not steep[pixels(r), pixels(c)].any() for c in grid.col_starts] for r in grid.row_starts])


@pytest.mark.parametrize("side", [7, 40, 512])
@pytest.mark.parametrize(("window", "overlap", "limit"), [(16, 0, 9), (32, 8, 25), (100, 33, 30), (500, 100, 90)])
def test_flat_windows_do_not_depend_on_the_blocks_that_slopes_are_computed_in(
    simulated, monkeypatch, side, window, overlap, limit
):
    monkeypatch.setattr(skipping, "_SIDE", side)
    scene = open_scene(simulated.sources, dem=simulated.dem)
    grid = WindowGrid(scene.height, scene.width, window, overlap)
    expected = directly(steep_ground(scene, limit), grid)
    if window < 100:
        assert 0 < expected.sum() < expected.size, "the test needs some of each"
    assert np.array_equal(flat_windows(scene, grid, limit), expected)


def test_slopes_are_never_computed_over_the_whole_width(simulated, monkeypatch):
    """Memory must not grow with the width of a scene."""
    monkeypatch.setattr(skipping, "_SIDE", 32)
    read, widest = BandReader.read, []

    def watched(self: BandReader, block: Block) -> np.ndarray:
        widest.append(block.width)
        return read(self, block)

    monkeypatch.setattr(BandReader, "read", watched)
    scene = open_scene(simulated.sources, dem=simulated.dem)
    flat_windows(scene, WindowGrid(scene.height, scene.width, 32, 8), 5.0)
    assert max(widest) <= 34


spans = st.lists(st.tuples(st.integers(-20, 30), st.integers(0, 30)).map(lambda s: (s[0], s[0] + s[1])), min_size=1)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 99), spans, spans)
def test_rectangles_without_a_marked_pixel(height, width, seed, rows, cols):
    marked = np.random.default_rng(seed).random((height, width)) < 0.1

    def inside(span: tuple[int, int]) -> slice:
        return slice(max(span[0], 0), max(span[1], 0))

    got = skipping._none(marked, np.array(rows), np.array(cols))
    assert np.array_equal(got, [[not marked[inside(r), inside(c)].any() for c in cols] for r in rows])
