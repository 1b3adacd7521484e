"""The demonstration on the real scene, with the shipped model: what a geologist would check first."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.features import rasterize
from shapely import box

from landslide_geo.pipeline.demo import demo
from landslide_geo.scene.terrain import metric_dem, slope_degrees

#: Rectangles on the scene's grid (first row, last row, first column, last column), drawn on the image by eye.
HILLS_THAT_FAILED = (470, 720, 170, 420)
VALLEY_FIELDS = (240, 480, 40, 120)
INTACT_FOREST = (380, 560, 830, 1100)


@pytest.fixture(scope="module")
def result(mirror, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hokkaido")
    said: list[str] = []
    done = demo(folder / "out", data=folder / "data", mirror=mirror, say=said.append, progress=False)
    assert done.record["scene_id"] == "Hokkaido Eastern Iburi", said
    return done


@pytest.fixture(scope="module")
def mapped(result):
    """Which pixels lie in a mapped landslide."""
    landslides = gpd.read_file(result.out / "landslides.gpkg", layer="landslides")
    with rasterio.open(result.out / "probability.tif") as dataset:
        return rasterize(landslides.geometry, out_shape=dataset.shape, transform=dataset.transform).astype(bool)


def share(mapped: np.ndarray, place: tuple[int, int, int, int]) -> float:
    top, bottom, left, right = place
    return float(mapped[top:bottom, left:right].mean())


def test_hundreds_of_landslides_are_mapped_in_the_zone_of_the_event(result, mapped):
    assert 100 < result.summary["landslides"] < 3000
    assert result.record["grid"]["crs"] == "EPSG:32654"
    assert share(mapped, HILLS_THAT_FAILED) > 0.05


def test_valley_fields_and_intact_forest_are_not_landslides(mapped):
    failed = share(mapped, HILLS_THAT_FAILED)
    assert share(mapped, VALLEY_FIELDS) < failed / 10
    assert share(mapped, INTACT_FOREST) < failed / 3


def test_what_is_mapped_lies_on_slopes(result, mapped):
    with rasterio.open(result.out / "probability.tif") as dataset:
        transform, shape, crs = dataset.transform, dataset.shape, dataset.crs
    dem = next(entry["path"] for entry in result.record["inputs"] if entry["role"] == "dem")
    with metric_dem(Path(dem)) as source:
        slope = slope_degrees(source.read(1, out_dtype="float32"), source.res)
        on_grid = np.full(shape, np.nan, dtype=np.float32)
        rasterio.warp.reproject(
            slope, on_grid, src_transform=source.transform, src_crs=source.crs, dst_transform=transform, dst_crs=crs,
            src_nodata=np.nan, dst_nodata=np.nan,
        )  # fmt: skip
    assert np.nanmedian(on_grid[mapped]) > np.nanmedian(on_grid[~mapped])
    assert (on_grid[mapped] > 8).mean() > 0.8


def test_clouds_are_not_mapped(result, mapped):
    with rasterio.open(result.out / "review/visibility.tif") as dataset:
        cloud = dataset.read(1) == 3
    assert cloud.sum() > 1000
    assert mapped[cloud].mean() < 0.02


def test_the_pictures_are_there_and_not_blank(result):
    with rasterio.open(result.out / "quicklook.png") as picture:
        assert picture.width >= 1200
        assert picture.read().std() > 20
    frame = gpd.read_file(result.out / "landslides.gpkg", layer="visibility")
    assert frame.to_crs("EPSG:4326").intersects(box(141.9, 42.68, 142.0, 42.75)).any()
