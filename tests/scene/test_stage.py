"""Bands warped once: how far that is from what a scene reads, and that nothing but the input decides the bytes."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from landslide_geo import open_scene
from landslide_geo.config import SpeckleParams
from landslide_geo.errors import OutputError, UnreadableRasterError
from landslide_geo.scene import stage
from landslide_geo.scene.grid import Block, utm_epsg
from landslide_geo.scene.reader import BandReader
from landslide_geo.scene.sar import despeckled
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.sources import BandSource
from landslide_geo.scene.stage import despeckled_once, seen_once, staged
from landslide_geo.scene.visibility import Visibility

#: Of a source's pixel: how far from its place `staged` says that a pixel may be taken.
BOUND = 1 / 500


def own_coordinates(path: Path, geobox: GeoBox) -> Path:
    """A raster whose two bands hold the row and the column of each pixel: warped, they tell where it was taken from."""
    height, width = geobox.shape
    rows, cols = np.mgrid[0:height, 0:width].astype("float32")
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=2, dtype="float32", crs=str(geobox.crs),
        transform=geobox.transform,
    ) as dataset:  # fmt: skip
        dataset.write(np.stack([rows, cols]))
    return path


@settings(max_examples=12)
@given(st.floats(-170, 170), st.floats(-75, 75), st.sampled_from([10.0, 30.0]))
def test_a_pixel_is_taken_from_near_its_place(tmp_path_factory, longitude, latitude, size):
    epsg = utm_epsg(longitude, latitude)
    x, y = Transformer.from_crs("EPSG:4326", epsg, always_xy=True).transform(longitude, latitude)
    # Two tiles and a bit, so that blocks of all sizes are warped.
    grid = GeoBox.from_bbox((x, y - 530 * size, x + 1100 * size, y), crs=epsg, resolution=size)
    folder = tmp_path_factory.mktemp("coordinates")
    bounds = grid.geographic_extent.boundingbox
    around = (bounds.left - 0.01, bounds.bottom - 0.01, bounds.right + 0.01, bounds.top + 0.01)
    path = own_coordinates(folder / "own.tif", GeoBox.from_bbox(around, crs="EPSG:4326", resolution=1 / 3600))
    bands = (BandSource("red", path, 1), BandSource("green", path, 2))
    scene = Scene(grid, bands)
    once = staged(scene, folder / "bands")
    moved = np.abs(once.read(scene.names, scene.extent) - scene.read(scene.names, scene.extent))
    assert np.isfinite(moved).all()
    # What float32 can tell of the coordinates comes on top.
    assert moved.max() <= BOUND + 2**-11


def test_elevations_move_by_no_more_than_the_ground_rises_there(simulated, tmp_path):
    scene = open_scene(simulated.sources, dem=simulated.dem)
    exact, once = (s.read_elevation(scene.extent) for s in (scene, staged(scene, tmp_path)))
    with rasterio.open(simulated.dem) as dem:
        heights = dem.read(1).astype(float)
    steepest = sum(np.abs(np.diff(heights, axis=axis)).max() for axis in (0, 1))
    assert np.abs(once - exact).max() <= BOUND * steepest
    assert np.array_equal(np.isnan(once), np.isnan(exact))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_bytes_depend_neither_on_threads_nor_on_the_cache(simulated, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "TILE", 64)
    scene = open_scene(simulated.sources, dem=simulated.dem)
    found = []
    for threads, cache_mb in ((1, 64), (3, 64), (4, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda threads=threads: threads)
        with rasterio.Env(GDAL_CACHEMAX=cache_mb * 2**20):
            staged(scene, tmp_path / f"{threads}")
        found.append(contents(tmp_path / f"{threads}"))
    assert len(found[0]) == 6
    assert found[0] == found[1] == found[2]


def test_bands_of_one_file_are_warped_together(tmp_path, monkeypatch):
    geographic = GeoBox.from_bbox((140.99, 42.49, 141.03, 42.51), crs="EPSG:4326", resolution=1 / 3600)
    path = own_coordinates(tmp_path / "both.tif", geographic)
    bands = tuple(BandSource(name, path, index) for index, name in enumerate(("red", "green"), start=1))
    scene = Scene(GeoBox.from_bbox((499500, 4705000, 501500, 4706000), crs="EPSG:32654", resolution=10), bands)
    alone = [
        staged(Scene(scene.geobox, (band,)), tmp_path / band.name).read([band.name], scene.extent) for band in bands
    ]
    opened = []

    class Watched(BandReader):
        def __init__(self, bands, geobox, **options) -> None:
            opened.append([band.name for band in bands])
            super().__init__(bands, geobox, **options)

    monkeypatch.setattr(stage, "BandReader", Watched)
    together = staged(scene, tmp_path / "together")
    assert np.array_equal(together.read(scene.names, scene.extent), np.concatenate(alone), equal_nan=True)
    assert opened
    assert all(names == ["red", "green"] for names in opened)


def test_what_is_there_is_not_warped_again(simulated, tmp_path):
    scene = open_scene(simulated.sources, dem=simulated.dem)
    staged(scene, tmp_path)
    before = contents(tmp_path)
    (tmp_path / "elevation.tif").unlink()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    staged(scene, tmp_path)
    assert contents(tmp_path) == before
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_wide_scenes_are_warped_in_blocks_of_columns(simulated, tmp_path, monkeypatch):
    """Memory must not grow with the width of a scene."""
    monkeypatch.setattr(stage, "TILE", 64)
    read, widest = BandReader.read, []

    def watched(self: BandReader, block) -> np.ndarray:
        widest.append(block.width)
        return read(self, block)

    monkeypatch.setattr(BandReader, "read", watched)
    staged(open_scene(simulated.sources, dem=simulated.dem), tmp_path)
    assert max(widest) == 64


def test_a_band_that_ends_early_is_named_and_leaves_nothing(simulated, tmp_path):
    data = simulated.dem.read_bytes()
    broken = tmp_path / "broken.tif"
    broken.write_bytes(data[: len(data) // 2])
    scene = open_scene(simulated.sources, dem=simulated.dem)
    damaged = Scene(scene.geobox, scene.bands[:1], dem=broken)
    with pytest.raises(UnreadableRasterError, match=r"broken\.tif"):
        staged(damaged, tmp_path / "bands")
    assert not list((tmp_path / "bands").iterdir())


def test_a_folder_that_vanishes_is_an_error_of_the_output(simulated, tmp_path, monkeypatch):
    scene = open_scene(simulated.sources, dem=simulated.dem)
    monkeypatch.setattr(Path, "mkdir", lambda *args, **kwargs: None)
    with pytest.raises(OutputError, match=r"cannot be written"):
        staged(scene, tmp_path / "nowhere")


RGB = ("red", "green", "blue")


@given(st.integers(-40, 200), st.integers(-40, 200), st.integers(1, 150), st.integers(1, 150))
def test_what_is_seen_is_the_same_worked_out_once_or_anew(seen, row, col, height, width):
    plain, once = seen
    block = Block(row, col, height, width)
    for names in (RGB, RGB[::-1], ("nir",), ()):
        assert np.array_equal(once.read_visibility(block, needed=names), plain.read_visibility(block, needed=names))
    for pre in (False, True):
        for one, other in zip(once.observe(RGB, block, pre=pre), plain.observe(RGB, block, pre=pre), strict=True):
            assert np.array_equal(one, other, equal_nan=True)


@pytest.fixture(scope="module")
def seen(simulated, tmp_path_factory) -> tuple[Scene, Scene]:
    """A scene with clouds and a hole, and the same one seen once."""
    folder = tmp_path_factory.mktemp("seen")
    plain = staged(open_scene(simulated.sources, dem=simulated.dem), folder)
    red = next(band for band in plain.bands if band.name == "red")
    holed = folder / "red.tif"
    with rasterio.open(red.path) as dataset:
        values, profile = dataset.read(), dataset.profile
    values[:, 60:90, 30:100] = 0
    with rasterio.open(holed, "w", **profile | {"nodata": 0}) as dataset:
        dataset.write(values)
    bands = tuple(BandSource("red", holed) if band.name == "red" else band for band in plain.bands)
    plain = replace(plain, bands=bands)
    once = seen_once(plain, folder / "once", needed=RGB)
    codes = np.unique(once.read_visibility(once.extent, needed=RGB))
    assert {Visibility.NODATA, Visibility.CLEAR} <= {*codes.tolist()}
    return plain, once


def test_what_is_seen_is_read_from_its_file(seen, tmp_path):
    """And so it is by whoever the scene is sent to."""
    plain, _ = seen
    once = seen_once(plain, tmp_path, needed=RGB)
    with rasterio.open(tmp_path / "visibility.tif", "r+") as dataset:
        dataset.write(np.full((1, once.height, once.width), Visibility.SNOW, dtype=np.uint8))
    again = pickle.loads(pickle.dumps(seen_once(plain, tmp_path, needed=RGB).absolute()))
    assert (again.read_visibility(again.extent, needed=RGB) == Visibility.SNOW).all()
    outside = Block(-5, 0, 10, 10)
    assert (again.read_visibility(outside, needed=RGB)[:5] == Visibility.NODATA).all()


@settings(max_examples=10, deadline=None)
@given(
    kind=st.sampled_from(["median", "lee"]), size=st.sampled_from([1, 3, 7]), tile=st.sampled_from([16, 48, 4096]),
    holes=st.floats(0, 0.3), seed=st.integers(0, 2**16),
)  # fmt: skip
def test_radar_is_filtered_as_a_whole_whatever_the_blocks(tmp_path_factory, kind, size, tile, holes, seed):
    rng, folder = np.random.default_rng(seed), tmp_path_factory.mktemp("radar")
    names = ("vv_asc", "red", "pre_vv_asc")
    values = rng.normal(-10, 4, (3, 49, 65)).astype(np.float32)
    values[rng.random(values.shape) < holes] = np.nan
    grid = GeoBox((49, 65), Affine(10, 0, 400_000, 0, -10, 4_000_000), "EPSG:32652")
    with rasterio.open(
        folder / "scene.tif", "w", driver="GTiff", height=49, width=65, count=3, dtype="float32", nodata=np.nan,
        crs="EPSG:32652", transform=grid.transform,
    ) as dataset:  # fmt: skip
        dataset.write(values)
    scene = Scene(grid, tuple(BandSource(name, folder / "scene.tif", i) for i, name in enumerate(names, 1)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "TILE", tile if tile < 4096 else 512)
        once = despeckled_once(scene, folder / "bands", SpeckleParams(kind=kind, size=size))
    expected = despeckled(values, names, kind=kind, size=size)
    np.testing.assert_array_equal(once.read(names, scene.extent), expected)
    assert once.bands[1] == scene.bands[1], "what is no radar is read where it is"
    assert sorted(path.name for path in (folder / "bands").iterdir()) == [
        "pre_vv_asc-speckle.tif",
        "vv_asc-speckle.tif",
    ]
