"""Shadows of clouds by where the sun throws them."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from landslide_geo.scene.cloud_shadow import cell_size, on_pixels, share_of_cells, thrown
from landslide_geo.scene.grid import Block
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.sources import BandSource
from landslide_geo.scene.stage import seen_once
from landslide_geo.scene.sun import SunPosition
from landslide_geo.scene.visibility import Visibility

SIDE = 600
FOREST = {"red": 0.06, "green": 0.08, "blue": 0.09, "nir": 0.3}
CLOUD = {"red": 0.41, "green": 0.4, "blue": 0.4, "nir": 0.45}
SHADE = {"red": 0.03, "green": 0.04, "blue": 0.05, "nir": 0.1}
WATER = {"red": 0.06, "green": 0.09, "blue": 0.1, "nir": 0.03}
#: South-east, so that shadows fall to the north-west; the scene lies in the middle of its zone.
SUN = SunPosition(135, 45)
NEEDED = ("red", "green", "blue")


def over(folder: Path, *patches: tuple[dict[str, float], tuple[slice, slice]], without: str | None = None) -> Scene:
    """A forest of 6 × 6 km at 10 m with patches of something else, later ones over earlier ones."""
    bands = []
    for name in FOREST:
        if name == without:
            continue
        values = np.full((SIDE, SIDE), FOREST[name], dtype=np.float32)
        for cover, place in patches:
            values[place] = cover[name]
        path = folder / f"{name}.tif"
        with rasterio.open(
            path, "w", driver="GTiff", height=SIDE, width=SIDE, count=1, dtype="float32", crs="EPSG:32654",
            transform=Affine(10, 0, 497_000, 0, -10, 4_703_000),
        ) as dataset:  # fmt: skip
            dataset.write(values, 1)
        bands.append(BandSource(name, path))
    grid = GeoBox((SIDE, SIDE), Affine(10, 0, 497_000, 0, -10, 4_703_000), "EPSG:32654")
    return Scene(grid, tuple(bands), reflectance_scale=1.0, sun=SUN)


def codes(scene: Scene) -> np.ndarray:
    return scene.read_visibility(scene.extent, needed=NEEDED)


#: A cloud, and its shadow when it floats 1,500 m over the ground: 1,061 m to the north and to the west.
HERE, SHADOW = np.s_[400:460, 380:440], np.s_[294:354, 274:334]
#: A lake, a dark wood elsewhere, and a pond in the shadow.
LAKE, DARK, POND = np.s_[50:150, 400:500], np.s_[480:560, 60:140], np.s_[310:330, 290:310]


def test_dark_ground_where_the_sun_throws_a_cloud_is_its_shadow(tmp_path):
    scene = over(tmp_path, (SHADE, SHADOW), (CLOUD, HERE), (WATER, LAKE), (SHADE, DARK), (WATER, POND))
    found = codes(scene)
    shadow = found == Visibility.CLOUD_SHADOW
    expected = np.zeros_like(shadow)
    expected[SHADOW] = True
    expected[POND] = False
    assert (found[HERE] == Visibility.CLOUD).all()
    np.testing.assert_array_equal(shadow, expected)
    assert (found[LAKE] == Visibility.WATER).all()
    assert (found[DARK] == Visibility.CLEAR).all(), "dark, and no cloud's"


def test_without_the_suns_true_direction_there_is_none(tmp_path):
    scene = over(tmp_path, (SHADE, SHADOW), (CLOUD, HERE))
    for sun in (None, replace(SUN, estimated=True), SunPosition(315, 45), SunPosition(135, 0)):
        assert not (codes(replace(scene, sun=sun)) == Visibility.CLOUD_SHADOW).any()


def test_without_near_infrared_or_units_there_is_none(tmp_path):
    scene = over(tmp_path, (SHADE, SHADOW), (CLOUD, HERE), without="nir")
    assert not (codes(scene) == Visibility.CLOUD_SHADOW).any()
    assert not (codes(replace(scene, reflectance_scale=None)) == Visibility.CLOUD_SHADOW).any()


def test_what_came_with_the_scene_stands(tmp_path):
    scene = over(tmp_path, (SHADE, SHADOW), (CLOUD, HERE))
    told = tmp_path / "told.tif"
    with (
        rasterio.open(scene.bands[0].path) as like,
        rasterio.open(told, "w", **like.profile | {"dtype": "uint8"}) as dataset,
    ):
        dataset.write(np.full((1, SIDE, SIDE), Visibility.CLEAR, dtype=np.uint8))
    assert (codes(replace(scene, visibility_path=told)) == Visibility.CLEAR).all()


def test_where_all_ground_is_dark_nothing_tells_a_shadow(tmp_path):
    scene = over(tmp_path, (SHADE, np.s_[:, :]), (CLOUD, HERE))
    assert {*np.unique(codes(scene))} == {Visibility.CLEAR, Visibility.CLOUD}


@pytest.fixture(scope="module")
def cloudy(tmp_path_factory) -> tuple[Scene, Scene, np.ndarray]:
    folder = tmp_path_factory.mktemp("cloudy")
    scene = over(folder, (SHADE, SHADOW), (CLOUD, HERE), (WATER, POND))
    return scene, seen_once(scene, folder / "once", needed=NEEDED), codes(scene)


@settings(deadline=None, max_examples=30)
@given(st.integers(-40, SIDE - 1), st.integers(-40, SIDE - 1), st.integers(1, 300), st.integers(1, 300))
def test_shadow_depends_on_no_block(cloudy, row, col, height, width):
    plain, once, whole = cloudy
    block = Block(row, col, height, width)
    inner = block.clipped(SIDE, SIDE)
    for scene in (plain, once, pickle.loads(pickle.dumps(replace(plain)))):
        found = scene.read_visibility(block, needed=NEEDED)
        assert np.array_equal(found[inner.inside(block)], whole[inner.slices])


@settings(deadline=None)
@given(
    azimuth=st.floats(0, 360), altitude=st.floats(25, 75), height=st.floats(300, 8000), seed=st.integers(0, 2**16)
)  # fmt: skip
def test_a_clouds_height_is_found(azimuth, altitude, height, seed):
    """Two clouds of different heights, with their rims; what is found holds all of their shadows, and little else."""
    rng = np.random.default_rng(seed)
    cell, side = 90.0, 1000
    cloud, true = np.zeros((2, side, side), dtype=bool)
    for middle, high in ((300, height), (700, height / 2 + 200)):
        rows, cols = (middle + rng.integers(-15, 15) for _ in range(2))
        tall, wide = rng.integers(3, 12, 2)
        cloud[rows - 1 : rows + tall + 1, cols - 1 : cols + wide + 1] = True
        away = high / np.tan(np.radians(altitude)) / cell
        down = round(away * np.cos(np.radians(azimuth)))
        right = round(-away * np.sin(np.radians(azimuth)))
        true[rows + down : rows + down + tall, cols + right : cols + right + wide] = True
    assume(not (true & cloud).any())  # else a part of it lies under the cloud, and tells less
    found = thrown(cloud, true, ~cloud, cell=cell, azimuth=azimuth, altitude=altitude)
    assert (found & true).sum() == true.sum()
    assert found.sum() <= 8 * true.sum()


def test_roofs_that_pass_for_clouds_throw_no_shadow_onto_roads(tmp_path):
    roofs = [(CLOUD, np.s_[row : row + 4, col : col + 4]) for row in (150, 300, 450) for col in (150, 300, 450)]
    roads = [(SHADE, np.s_[:, col : col + 4]) for col in range(0, SIDE, 40)]
    found = codes(over(tmp_path, *roads, *roofs))
    assert (found == Visibility.CLOUD).any()
    assert not (found == Visibility.CLOUD_SHADOW).any()


def test_cells_hold_their_pixels():
    mask = np.zeros((20, 25), dtype=bool)
    mask[:9, :9], mask[18:, 18:] = True, True
    shares = share_of_cells(mask, 9)
    np.testing.assert_array_equal(shares, [[81, 0, 0], [0, 0, 0], [0, 0, 14]])
    pixels = on_pixels(shares > 0, Block(-2, 16, 24, 12), 9)
    expected = np.zeros((24, 12), dtype=bool)
    expected[20:, 2:11] = True  # rows from 18 on to the cells' end at 27, columns from 18
    np.testing.assert_array_equal(pixels, expected)
    assert (cell_size(10), cell_size(30), cell_size(250)) == (9, 3, 1)
