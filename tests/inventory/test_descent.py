from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
import shapely.affinity
from hypothesis import given, settings
from hypothesis import strategies as st
from inventory_scenes import CRS, GRID, LEFT, PIXEL, PROVENANCE, TOP, layers, ramp, write
from rasterio.features import rasterize

from landslide_geo.inventory import descent, vectorize
from landslide_geo.inventory.descent import descents


def terrain(folder: Path, elevation: np.ndarray) -> Path:
    return write(folder / "t.tif", np.repeat(elevation[None].astype(np.float32), 4, axis=0), nodata=float("nan"))


def test_descent_of_a_cone_starts_at_its_tip(tmp_path: Path) -> None:
    rows, cols = np.mgrid[:41, :41]
    elevation = 1000 - np.hypot(rows - 20, cols - 20) * PIXEL
    shape = shapely.Point(LEFT + 205, TOP - 205).buffer(100, quad_segs=32)
    found = descents(terrain(tmp_path, elevation), gpd.GeoSeries([shape], crs=CRS), pixel=PIXEL)
    assert found.crown_xy[0].tolist() == [LEFT + 205, TOP - 205]
    assert found.elevation_max[0] == 1000
    assert found.elevation_min[0] == pytest.approx(900, abs=0.5)
    assert found.length[0] == pytest.approx(100, abs=2)


@pytest.mark.parametrize("azimuth", [0, 15, 30, 45, 60, 80])
@pytest.mark.parametrize(("length", "width"), [(400, 100), (300, 60), (100, 400)])
def test_length_and_width_lie_along_the_slope_whatever_the_grid(
    azimuth: float, length: float, width: float, tmp_path: Path
) -> None:
    """Ellipses on a plane of 27° that falls along one of their axes, the longer or the shorter, oblique to pixels."""
    x, y = LEFT + 403, TOP - 398
    shape = shapely.affinity.scale(shapely.Point(x, y).buffer(0.5, quad_segs=64), width, length)
    shape = shapely.affinity.rotate(shape, -azimuth, origin=(x, y))
    mask = rasterize([shape], (80, 80), transform=GRID).astype(bool)
    east, north = (0.5 * float(each(np.radians(azimuth))) for each in (np.sin, np.cos))
    rasters = layers(tmp_path, mask, dem=ramp(tmp_path / "dem.tif", mask.shape, east=east, north=north))
    (found,) = vectorize(rasters, PROVENANCE, threshold=0.5, min_area_m2=900, min_slope_deg=0).landslides.itertuples()
    assert found.length_m == pytest.approx(length, abs=1.5 * PIXEL)
    assert found.width_m == pytest.approx(np.pi / 4 * width, rel=1.6 * PIXEL / length), "area / length"
    assert found.reach_angle_deg == pytest.approx(np.degrees(np.arctan(0.5)), abs=2.5)


def test_descent_on_a_level_has_no_length(tmp_path: Path) -> None:
    shape = gpd.GeoSeries([shapely.box(LEFT + 20, TOP - 60, LEFT + 60, TOP - 20)], crs=CRS)
    found = descents(terrain(tmp_path, np.full((9, 9), 12.0)), shape, pixel=PIXEL)
    assert found.elevation_max[0] == found.elevation_min[0] == 12
    assert np.isnan(found.length[0])


def test_descent_beyond_the_model_is_unknown(tmp_path: Path) -> None:
    shape = gpd.GeoSeries([shapely.box(LEFT + 1e5, TOP, LEFT + 1e5 + 50, TOP + 50)], crs=CRS)
    found = descents(terrain(tmp_path, np.ones((9, 9))), shape, pixel=PIXEL)
    assert np.isnan(found.crown_xy).all()
    assert np.isnan([found.length[0], found.elevation_max[0]]).all()


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 60, 900, 10**6]))
def test_polygons_measured_together_are_as_measured_alone(
    tmp_path_factory: pytest.TempPathFactory, seed: int, most: int
) -> None:
    rng = np.random.default_rng(seed)
    elevation = rng.normal(500, 100, (40, 50))
    elevation[rng.random(elevation.shape) < 0.05] = np.nan
    raster = terrain(tmp_path_factory.mktemp("descent"), elevation)
    x, y, size = rng.integers(-4, 50, 12), rng.integers(-4, 40, 12), rng.integers(1, 15, (2, 12))
    boxes = shapely.box(
        LEFT + PIXEL * x, TOP - PIXEL * (y + size[1]), LEFT + PIXEL * (x + size[0]), TOP - PIXEL * y
    )  # fmt: skip
    holed = shapely.difference(boxes, shapely.buffer(shapely.centroid(boxes), 12, quad_segs=1))
    shapes = gpd.GeoSeries([*holed, shapely.Polygon()], crs=CRS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(descent, "MAX_CELLS", most)
        together = descents(raster, shapes, pixel=PIXEL)
    for number in range(len(shapes)):
        alone = descents(raster, shapes[number : number + 1].reset_index(drop=True), pixel=PIXEL)
        for name in ("crown_xy", "elevation_max", "elevation_min", "length"):
            np.testing.assert_array_equal(getattr(together, name)[number], getattr(alone, name)[0])
