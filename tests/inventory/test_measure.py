from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from inventory_scenes import CRS, GRID, LEFT, PIXEL, TOP, write

from landslide_geo.inventory import measure
from landslide_geo.scene.visibility import Visibility

VALUES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=50)


def cells(values: np.ndarray, coverage: np.ndarray, owner: np.ndarray | None = None) -> measure.Cells:
    of = np.zeros(len(values), dtype=np.intp) if owner is None else owner
    return measure.Cells(int(of.max(initial=0)) + 1, of, coverage, np.asarray(values, dtype=np.float64)[None])


@given(values=VALUES, others=VALUES)
def test_quantiles_of_whole_pixels_are_the_inverted_distribution(values: list[float], others: list[float]) -> None:
    owner = np.repeat([0, 2], [len(values), len(others)])
    both = cells(np.array(values + others), np.ones(len(owner)), owner)
    for q in (0.5, 0.9):
        expected = [np.quantile(part, q, method="inverted_cdf") for part in (values, others)]
        found = both.quantile(q)
        assert found[[0, 2]].tolist() == expected
        assert np.isnan(found[1]), "a polygon without a cell"


def test_quantiles_weigh_by_coverage_and_skip_the_unknown() -> None:
    values, coverage = np.array([1.0, 2.0, np.nan, np.nan]), np.array([0.1, 0.3, 1.0, 1.0])
    assert cells(values, coverage).quantile(0.5).tolist() == [2]
    assert np.isnan(cells(values[2:], coverage[2:]).quantile(0.9)).all()


def mean_max_count(found: measure.Cells) -> list[np.ndarray]:
    return [found.mean(), found.maximum(), found.covered(found.known())]


def test_zonal_statistics_weigh_pixels_by_their_share(tmp_path: Path) -> None:
    raster = write(tmp_path / "r.tif", np.arange(16, dtype=np.float32).reshape(4, 4))
    half = gpd.GeoSeries([shapely.box(LEFT + 5, TOP - 10, LEFT + 20, TOP)], crs=CRS)
    assert measure.zonal(raster, half, mean_max_count)[0].tolist() == pytest.approx([(0.5 * 0 + 1 * 1) / 1.5, 1, 1.5])
    assert measure.zonal(raster, half.iloc[:0], mean_max_count).shape == (0, 3)


@pytest.mark.parametrize("kind", ["uint8", "int16"])
def test_zonal_statistics_of_whole_numbers(tmp_path: Path, kind: str) -> None:
    values = np.arange(16, dtype=kind).reshape(4, 4)
    half = gpd.GeoSeries([shapely.box(LEFT + 5, TOP - 10, LEFT + 20, TOP)], crs=CRS)
    wanted = pytest.approx([(0.5 * 0 + 1 * 1) / 1.5, 1, 1.5])
    assert measure.zonal(write(tmp_path / "r.tif", values), half, mean_max_count)[0].tolist() == wanted
    known = write(tmp_path / "n.tif", values, nodata=0)
    assert measure.zonal(known, half, mean_max_count)[0].tolist() == pytest.approx([1, 1, 1]), "nodata does not count"


def test_zonal_statistics_of_another_crs_and_of_nothing(tmp_path: Path) -> None:
    raster = write(tmp_path / "r.tif", np.full((8, 8), 7, dtype=np.float32), nodata=-1.0)
    near = gpd.GeoSeries([shapely.box(LEFT + 20, TOP - 40, LEFT + 40, TOP - 20)], crs=CRS).to_crs(4326)
    far = gpd.GeoSeries([shapely.box(0, 0, 1, 1), shapely.Polygon()], crs=CRS)
    assert measure.zonal(raster, near, mean_max_count)[0, 0] == 7
    nothing = measure.zonal(raster, far, mean_max_count)
    assert np.isnan(nothing[:, :2]).all()
    assert (nothing[:, 2] == 0).all()


@pytest.mark.parametrize("nodata", [None, -1.0, float("nan")])
def test_zonal_statistics_leave_out_what_is_unknown(nodata: float | None, tmp_path: Path) -> None:
    values = np.arange(16, dtype=np.float32).reshape(4, 4)
    values[0, 1] = np.nan if nodata is None else nodata
    raster = write(tmp_path / "r.tif", np.stack([values, values + 1]), nodata=nodata)
    row = gpd.GeoSeries([shapely.box(LEFT, TOP - PIXEL, LEFT + 4 * PIXEL, TOP)], crs=CRS)
    assert measure.zonal(raster, row, mean_max_count)[0].tolist() == pytest.approx([5 / 3, 3, 3])


def test_zonal_statistics_of_several_bands_and_groups_are_those_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    raster = write(tmp_path / "r.tif", rng.random((3, 40, 40)).astype(np.float32))
    x, y = rng.uniform(0, 300, (2, 30))
    boxes = gpd.GeoSeries(shapely.box(LEFT + x, TOP - y - 70, LEFT + x + 50, TOP - y), crs=CRS)
    single = [measure.zonal(raster, boxes, mean_max_count, bands=(band,))[:, 0] for band in (3, 1)]
    monkeypatch.setattr(measure, "_GROUP", 7)
    both = measure.zonal(raster, boxes, lambda found: [found.mean(0), found.mean(1)], bands=(3, 1))
    np.testing.assert_array_equal(both.T, single)


def test_seen_counts_ground_beyond_the_raster_as_hidden(tmp_path: Path) -> None:
    visibility = write(tmp_path / "v.tif", np.ones((20, 20), dtype=np.uint8), nodata=0, transform=GRID)
    corner = gpd.GeoSeries([shapely.box(LEFT, TOP - 40, LEFT + 40, TOP)], crs=CRS)
    fraction, edge = measure.seen(visibility, corner, pixel=PIXEL)
    assert fraction[0] == pytest.approx(49 / 100)  # 7 × 7 of 10 × 10 pixels lie within
    assert edge.tolist() == [True]


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_seen_looks_closely_wherever_something_is_hidden(
    tmp_path_factory: pytest.TempPathFactory, seed: int, spots: int
) -> None:
    rng = np.random.default_rng(seed)
    codes = np.full((150, 170), Visibility.CLEAR, dtype=np.uint8)
    places = rng.integers((150, 170), size=(spots, 2))
    for (row, col), code in zip(places, rng.choice(list(Visibility), spots), strict=True):
        codes[row : row + 4, col : col + 4] = code
    raster = write(tmp_path_factory.mktemp("seen") / "v.tif", codes)
    left, top = rng.integers(-9, 160, 30), rng.integers(-9, 140, 30)
    corners = np.stack([left, top, left + rng.integers(1, 20, 30), top + rng.integers(1, 20, 30)])
    (x0, y0), (x1, y1) = GRID @ corners[:2], GRID @ corners[2:]
    shapes = gpd.GeoSeries(shapely.box(x0, y1, x1, y0), crs=CRS)
    found = measure.seen(raster, shapes, pixel=10.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "_near_hidden", lambda _, bounds, reach: np.ones(len(bounds), dtype=bool))
        everywhere = measure.seen(raster, shapes, pixel=10.0)
    np.testing.assert_allclose(found[0], everywhere[0], atol=1e-9)
    np.testing.assert_array_equal(found[1], everywhere[1])
