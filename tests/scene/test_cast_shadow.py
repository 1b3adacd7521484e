"""Shadow cast by terrain: its length and direction in closed form, and that blocks do not matter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import CRS, Geod, Transformer

from landslide_geo.scene.cast_shadow import REACH_M, CastShadows, shadow_depth
from landslide_geo.scene.grid import Block
from landslide_geo.scene.scene import Scene
from landslide_geo.scene.sources import BandSource
from landslide_geo.scene.stage import seen_once, staged
from landslide_geo.scene.sun import SunPosition
from landslide_geo.scene.visibility import Visibility

CELL = (10.0, 10.0)
ZONE = "EPSG:32654"


def written(path: Path, values: np.ndarray, *, pixel: float, west: float = 500_000, north: float = 4_700_000) -> Path:
    with rasterio.open(
        path, "w", driver="GTiff", height=values.shape[0], width=values.shape[1], count=1, dtype="float32", crs=ZONE,
        transform=Affine(pixel, 0, west, 0, -pixel, north), nodata=np.nan,
    ) as dataset:  # fmt: skip
        dataset.write(values.astype(np.float32), 1)
    return path


@pytest.mark.parametrize(
    ("azimuth", "axis", "towards"), [(0, 0, 1), (90, 1, -1), (180, 0, -1), (270, 1, 1)], ids=["N", "E", "S", "W"]
)
@given(height=st.floats(20, 300), altitude=st.floats(15, 75))
def test_a_wall_throws_a_shadow_away_from_the_sun_as_long_as_it_is_high_over_the_tangent(
    azimuth, axis, towards, height, altitude
):
    ground = np.zeros((301, 301), dtype=np.float32)
    np.moveaxis(ground, axis, 0)[150] = height
    depth = np.moveaxis(shadow_depth(ground, CELL, azimuth=azimuth, altitude=altitude), axis, 0)[:, 150]
    # Along the shadow the lowest ray comes down with the tangent; it meets the ground at the length of the shadow.
    away = np.arange(1, 150) * 10.0
    shade = depth[150 + towards :: towards][:149]
    tangent = np.tan(np.radians(altitude))
    lit = np.full_like(away, -10 * tangent)
    np.testing.assert_allclose(shade, np.maximum(height - away * tangent, lit), atol=0.01)
    sunny = depth[150 - towards :: -towards][1:140]
    assert (sunny < 0).all(), "nothing lies in shadow before the wall"


@given(azimuth=st.floats(0, 360), altitude=st.floats(20, 60))
def test_shadow_of_a_tower_lies_opposite_to_the_sun(azimuth, altitude):
    ground = np.zeros((161, 161), dtype=np.float32)
    ground[79:82, 79:82] = 200.0
    rows, cols = np.nonzero(shadow_depth(ground, CELL, azimuth=azimuth, altitude=altitude) > 0)
    east, north = (cols - 80) * 10.0, (80 - rows) * 10.0
    sun = np.array([np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))])
    along, across = -(east * sun[0] + north * sun[1]), np.abs(east * sun[1] - north * sun[0])
    assert across.max() <= 15 * np.sqrt(2) + 10, "no wider than the tower, and a cell"
    assert along.max() <= 15 * np.sqrt(2) + 10 + 200 / np.tan(np.radians(altitude))
    assert along.max() >= 200 / np.tan(np.radians(altitude)) - 20
    assert along.min() >= -15 * np.sqrt(2)


@given(st.floats(0, 360), st.floats(1, 89), st.floats(-400, 8000))
def test_flat_ground_has_none(azimuth, altitude, level):
    flat = np.full((12, 14), level, dtype=np.float32)
    assert (shadow_depth(flat, CELL, azimuth=azimuth, altitude=altitude) <= 0).all()


@given(st.integers(0, 2**32 - 1), st.floats(0, 360), st.floats(1, 3000))
def test_a_sun_in_the_zenith_throws_none(seed, azimuth, relief):
    rough = (np.random.default_rng(seed).random((20, 20)) * relief).astype(np.float32)
    assert (shadow_depth(rough, CELL, azimuth=azimuth, altitude=90) <= 0).all()


@given(st.integers(0, 2**32 - 1), st.floats(0, 360), st.floats(5, 80))
def test_more_terrain_never_lights_the_ground_around_it(seed, azimuth, altitude):
    rng = np.random.default_rng(seed)
    ground = (rng.random((25, 25)) * 100).astype(np.float32)
    raised = ground.copy()
    raised[10:14, 10:14] += 80
    around = np.ones(ground.shape, dtype=bool)
    around[10:14, 10:14] = False
    before, after = (shadow_depth(z, CELL, azimuth=azimuth, altitude=altitude) for z in (ground, raised))
    assert (after[around] >= before[around] - 1e-3).all()


def test_unknown_ground_hides_nothing_and_is_in_no_shadow():
    ground = np.zeros((9, 30), dtype=np.float32)
    ground[:, 20] = 50
    ground[4, 20] = np.nan
    depth = shadow_depth(ground, CELL, azimuth=90, altitude=45)
    assert (depth[3, 16:20] > 0).all()
    assert (depth[4, :] <= 0).all()


def test_no_shadow_reaches_farther_than_the_reach():
    ground = np.zeros((3, 700), dtype=np.float32)
    ground[:, 650] = 3000
    shadow = shadow_depth(ground, CELL, azimuth=90, altitude=10)[1] > 0
    assert np.flatnonzero(shadow[:650])[0] == 650 - REACH_M / 10


def scene_over(folder: Path, dem: np.ndarray, *, dem_pixel: float, sun: SunPosition, size: int = 240) -> Scene:
    """Bare ground at 10 m, whose elevation model reaches 600 m beyond it on every side."""
    bands = []
    for name, value in {"red": 0.2, "green": 0.15, "blue": 0.1}.items():
        bands.append(BandSource(name, written(folder / f"{name}.tif", np.full((size, size), value), pixel=10)))
    path = written(folder / "dem.tif", dem, pixel=dem_pixel, west=500_000 - 600, north=4_700_000 + 600)
    grid = GeoBox((size, size), Affine(10, 0, 500_000, 0, -10, 4_700_000), ZONE)
    return Scene(grid, tuple(bands), reflectance_scale=1.0, dem=path, sun=sun)


@pytest.mark.parametrize("dem_pixel", [10.0, 30.0])
def test_a_wall_beside_the_scene_shades_it(tmp_path, dem_pixel):
    cells = int(3600 / dem_pixel)
    dem = np.zeros((cells, cells))
    wall = int(480 / dem_pixel)  # its middle is 120 m north of the scene
    dem[wall - int(30 / dem_pixel) : wall] = 300
    scene = scene_over(tmp_path, dem, dem_pixel=dem_pixel, sun=SunPosition(0, 45))
    codes = scene.read_visibility(scene.extent)
    shaded = (codes == Visibility.TERRAIN_SHADOW)[:, 20:-20]
    # From the southern cell's middle it falls 300 m; a tolerance of half a cell of the model.
    length = 300 - 120 - dem_pixel / 2
    rows = np.flatnonzero(shaded.all(axis=1))
    assert rows[0] == 0
    assert abs((rows[-1] + 1) * 10 - length) <= dem_pixel / 2 + 5
    assert not shaded[rows[-1] + 2 :].any()


@pytest.fixture(scope="module")
def rugged(tmp_path_factory) -> tuple[Scene, Scene, np.ndarray]:
    """A scene over rugged ground with a low sun, the same one seen once, and its classes read as a whole."""
    folder = tmp_path_factory.mktemp("rugged")
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:120, 0:120] * 30.0
    dem = 300 * np.sin(x / 300) * np.cos(y / 400) + 20 * rng.random((120, 120))
    dem[40:44, 70:80] = np.nan
    plain = staged(scene_over(folder, dem, dem_pixel=30, sun=SunPosition(147, 25)), folder / "bands")
    once = seen_once(plain, folder / "once", needed=("red", "green", "blue"))
    codes = plain.read_visibility(plain.extent, needed=("red", "green", "blue"))
    assert 0.1 < (codes == Visibility.TERRAIN_SHADOW).mean() < 0.9
    return plain, once, codes


@settings(deadline=None)
@given(st.integers(-30, 239), st.integers(-30, 239), st.integers(1, 200), st.integers(1, 200))
def test_shadow_depends_on_no_block(rugged, row, col, height, width):
    plain, once, whole = rugged
    block = Block(row, col, height, width)
    inner = block.clipped(240, 240)
    for scene in (plain, once):
        found = scene.read_visibility(block, needed=("red", "green", "blue"))
        assert np.array_equal(found[inner.inside(block)], whole[inner.slices])


def test_slopes_turned_from_the_sun_stay_in_shadow(tmp_path):
    """Self-shadow needs nothing that stands before a slope: the scene is a plane."""
    rows = np.mgrid[0:120, 0:120][0] * 30.0
    dem = -np.tan(np.radians(40)) * rows  # falls to the south
    sun = SunPosition(0, 30)
    scene = scene_over(tmp_path, dem, dem_pixel=30, sun=sun)
    assert (scene.read_visibility(scene.extent) == Visibility.TERRAIN_SHADOW).all()
    assert (replace(scene, sun=SunPosition(180, 30)).read_visibility(scene.extent) == Visibility.CLEAR).all()


def test_cells_are_bounded_whatever_the_pixels(tmp_path):
    """A picture of half a metre does not follow its rays for ten thousand steps."""
    path = written(tmp_path / "dem.tif", np.zeros((200, 200)), pixel=0.5)
    grid = GeoBox((200, 200), Affine(0.5, 0, 500_000, 0, -0.5, 4_700_000), ZONE)
    shadows = CastShadows(BandSource("elevation", path), grid, SunPosition(30, 40))
    read: list[Block] = []
    inner = shadows._reader.read
    shadows._reader.read = lambda block: read.append(block) or inner(block)  # type: ignore[method-assign]
    assert not shadows.read(Block(0, 0, 200, 200)).any()
    assert max(read[0].shape) <= REACH_M / 10 + 30
    shadows.__exit__(None, None, None)


@given(st.floats(-179, 179), st.floats(-70, 70), st.floats(0, 359))
def test_the_sun_on_a_grid_is_a_direction_on_the_ground(longitude, latitude, azimuth):
    epsg = (32600 if latitude >= 0 else 32700) + min(int((longitude + 180) // 6) + 1, 60)
    x, y = Transformer.from_crs("EPSG:4326", epsg, always_xy=True).transform(longitude, latitude)
    grid = GeoBox((100, 100), Affine(10, 0, x - 500, 0, -10, y + 500), f"EPSG:{epsg}")
    found = SunPosition(azimuth, 40).on_grid(grid)
    there = Transformer.from_crs(CRS.from_epsg(epsg), "EPSG:4326", always_xy=True).transform(
        x + 1000 * np.sin(np.radians(found.azimuth)), y + 1000 * np.cos(np.radians(found.azimuth))
    )
    turn = Geod(ellps="WGS84").inv(longitude, latitude, *there)[0] - azimuth
    assert abs((turn + 180) % 360 - 180) < 0.05
    assert found.altitude == 40
