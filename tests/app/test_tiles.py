"""Tiles show the raster's own pixels, where they are."""

from __future__ import annotations

import io
import math
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_bounds, from_origin

from landslide_geo.app import tiles
from landslide_geo.errors import SourceNotFoundError
from landslide_geo.report.quicklook import PROBABILITY

_WORLD = math.pi * 6378137


def _cog(path: Path, values: np.ndarray, *, z: int, x: int, y: int) -> None:
    """A raster whose pixels are those of one tile of the pyramid."""
    side = 2 * _WORLD / 2**z
    west, north = -_WORLD + x * side, _WORLD - y * side
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", width=tiles.SIZE, height=tiles.SIZE, count=len(values), dtype=values.dtype,
        crs="EPSG:3857", transform=from_bounds(west, north - side, west + side, north, tiles.SIZE, tiles.SIZE),
        nodata=np.nan if values.dtype == np.float32 else 0,
    ) as dataset:  # fmt: skip
        dataset.write(values)


def _read(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def test_a_tile_of_the_same_grid_is_the_raster(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(1, 256, (3, tiles.SIZE, tiles.SIZE), dtype=np.uint8)
    values[:, :10] = 0
    _cog(tmp_path / "review" / "post.tif", values, z=12, x=3665, y=1509)
    shown = _read(tiles.tile(tmp_path, tiles.LAYERS["post"], z=12, x=3665, y=1509))
    assert (shown[:10, :, 3] == 0).all() and (shown[11:, :, 3] == 255).all()
    np.testing.assert_array_equal(np.moveaxis(shown[11:, :, :3], -1, 0), values[:, 11:])


def test_a_tile_elsewhere_is_clear(tmp_path: Path) -> None:
    _cog(tmp_path / "review" / "post.tif", np.ones((3, tiles.SIZE, tiles.SIZE), np.uint8), z=12, x=3665, y=1509)
    assert tiles.tile(tmp_path, tiles.LAYERS["post"], z=12, x=10, y=10) == tiles.EMPTY
    assert _read(tiles.EMPTY).tolist() == [[[0, 0, 0, 0]]]


def test_probability_has_the_colours_of_the_report_and_fades_out(tmp_path: Path) -> None:
    values = np.full((1, tiles.SIZE, tiles.SIZE), 0.8, np.float32)
    values[0, :, 256:] = 0.01
    values[0, 300:] = np.nan
    _cog(tmp_path / "probability.tif", values, z=9, x=5, y=5)
    shown = _read(tiles.tile(tmp_path, tiles.LAYERS["probability"], z=9, x=5, y=5))
    assert shown[100, 100].tolist() == [*PROBABILITY(0.8, bytes=True)[:3], 255]
    assert shown[100, 400, 3] == 0 and shown[400, 100, 3] == 0


def test_only_layers_that_are_there_are_offered(tmp_path: Path) -> None:
    _cog(tmp_path / "probability.tif", np.zeros((1, 512, 512), np.float32), z=9, x=5, y=5)
    assert [layer.name for layer in tiles.layers_of(tmp_path)] == ["probability"]
    for name in ("post", "../probability", ""):
        with pytest.raises(SourceNotFoundError):
            tiles.layer_of(tmp_path, name)


def test_extent_is_in_degrees(tmp_path: Path) -> None:
    _cog(tmp_path / "probability.tif", np.zeros((1, 512, 512), np.float32), z=1, x=1, y=0)
    told = tiles.extent(tmp_path / "probability.tif")
    np.testing.assert_allclose(told["bounds"], [0, 0, 180, 85.0511288], atol=1e-6)
    assert told["minzoom"] <= told["maxzoom"] == 1


def test_from_far_away_nothing_is_warped(tmp_path: Path) -> None:
    (tmp_path / "review").mkdir()
    with rasterio.open(tmp_path / "review" / "post.tif", "w", driver="GTiff", width=400, height=400,
                       count=3, dtype="uint8", crs="EPSG:32654",
                       transform=from_origin(573000, 4735000, 10, 10)) as dataset:  # fmt: skip
        dataset.write(np.full((3, 400, 400), 9, np.uint8))
    told = tiles.extent(tmp_path / "review" / "post.tif")
    assert told["farthest"] == told["minzoom"] - 3 > 5
    x, y, deep = 3662, 1509, 12
    began = time.monotonic()
    for z in range(told["farthest"] + 1):
        made = tiles.tile(tmp_path, tiles.LAYERS["post"], z=z, x=x >> deep - z, y=y >> deep - z)
        assert (made == tiles.EMPTY) == (z < told["farthest"]), z
    assert time.monotonic() - began < 10
