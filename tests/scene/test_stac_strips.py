"""Blocks of a strip are what the lazy band holds, and no chunk is loaded twice however they are asked for."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landslide_geo.errors import FetchError
from landslide_geo.scene.cog import tile_blocks
from landslide_geo.scene.grid import Block
from landslide_geo.scene.stac import strips as module
from landslide_geo.scene.stac.strips import CHUNKS, Strips

HEIGHT, WIDTH = 1300, 5000
VALUES = np.random.default_rng(0).integers(0, 2**16, (2, HEIGHT, WIDTH), dtype=np.uint16)


def lazy(loaded: Counter[tuple[int, int]]) -> da.Array:
    """The values, in chunks that count how often each of them is loaded."""

    def load(part: np.ndarray, block_info: dict) -> np.ndarray:
        (_, _), (top, _), (left, _) = block_info[0]["array-location"]
        loaded[top, left] += 1
        return part

    chunked = da.from_array(VALUES, chunks=(2, CHUNKS["y"], CHUNKS["x"]))
    return chunked.map_blocks(load, dtype=VALUES.dtype)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, HEIGHT - 1), st.integers(0, WIDTH - 1), st.integers(1, 700), st.integers(1, 5000),
    st.sampled_from([CHUNKS["x"], 2 * CHUNKS["x"]]),
)  # fmt: skip
def test_any_block_is_what_the_band_holds(row, col, height, width, strip):
    block = Block(row, col, min(height, HEIGHT - row), min(width, WIDTH - col))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_WIDTH", strip)
        found = Strips(lazy(Counter())).read(block)
    rows, cols = block.slices
    np.testing.assert_array_equal(found, VALUES[:, rows, cols])


def test_each_chunk_is_loaded_once_by_two_threads():
    loaded: Counter[tuple[int, int]] = Counter()
    strips = Strips(lazy(loaded))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(strips.read, tile_blocks(HEIGHT, WIDTH)))
    assert set(loaded) == {(top, left) for top in range(0, HEIGHT, 512) for left in range(0, WIDTH, 4096)}
    assert set(loaded.values()) == {1}


def test_a_strip_that_fails_is_tried_again_when_it_is_asked_for_again():
    failures = [FetchError("the connection broke off")]

    def load(part: np.ndarray) -> np.ndarray:
        if failures and part.size:
            raise failures.pop()
        return part

    chunked = da.from_array(VALUES[:, :512, :4096], chunks=(2, 512, 4096))
    strips = Strips(chunked.map_blocks(load, dtype=VALUES.dtype, meta=np.empty((0, 0, 0), np.uint16)))
    block = Block(0, 0, 512, 1024)
    with pytest.raises(FetchError, match="broke off"):
        strips.read(block)
    np.testing.assert_array_equal(strips.read(block), VALUES[:, :512, :1024])
