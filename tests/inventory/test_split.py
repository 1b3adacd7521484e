"""Several landslides in one outline, on ground whose divides are known."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from inventory_scenes import CRS, GRID, LEFT, PIXEL, PROVENANCE, TOP, layers, square, write
from odc.geo.geom import BoundingBox
from rasterio.features import shapes
from scipy import ndimage

from landslide_geo.inventory import Inventory, polygons, split, terrain, vectorize
from landslide_geo.inventory import split as split_module
from landslide_geo.inventory.basins import HEIGHT_M, SHARE, basins

SHAPE = (60, 60)
ROWS, COLS = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
EVERYWHERE = np.ones(SHAPE, dtype=bool)


def ground(path: Path, z: np.ndarray) -> Path:
    """Elevations on the scene's grid, the outermost repeated for one cell around."""
    return write(path, np.pad(z, 1, mode="edge").astype(np.float32), transform=GRID @ Affine.translation(-1, -1))


def found(folder: Path, mask: np.ndarray, z: np.ndarray, **options: float) -> Inventory:
    scan = layers(folder, mask, dem=ground(folder / "dem.tif", z))
    chosen = {"threshold": 0.5, "min_area_m2": 900.0, "min_slope_deg": 0.0} | options
    return vectorize(scan, PROVENANCE, **chosen)  # type: ignore[arg-type]


def outlined(mask: np.ndarray, grid: Affine = GRID) -> gpd.GeoSeries:
    """All objects of a mask."""
    traced = shapes(mask.astype(np.uint8), mask=mask, connectivity=4, transform=grid)
    found = [shapely.Polygon(g["coordinates"][0], g["coordinates"][1:]) for g, _ in traced]
    return gpd.GeoSeries(found, crs=CRS)


def prepared(folder: Path, z: np.ndarray, grid: Affine = GRID) -> Path:
    dem = write(folder / "dem.tif", z.astype(np.float32), transform=grid)
    left, top = grid.c, grid.f
    bounds = BoundingBox(left, top + grid.e * z.shape[0], left + grid.a * z.shape[1], top, crs=CRS)
    terrain.prepare(dem, folder / "terrain.tif", bounds=bounds)
    return folder / "terrain.tif"


def test_a_gable_is_cut_exactly_along_its_ridge(tmp_path: Path) -> None:
    """Two planes of 30° that meet at column 30; an object of 16 rows from column 18 to 46 across the ridge."""
    mask = np.zeros(SHAPE, dtype=bool)
    mask[20:36, 18:46] = True
    inventory = found(tmp_path, mask, 500 - np.tan(np.radians(30)) * PIXEL * np.abs(COLS - 30))
    west, east = inventory.landslides.sort_values("lon").geometry
    assert west.equals(shapely.box(LEFT + 180, TOP - 360, LEFT + 300, TOP - 200))
    assert east.equals(shapely.box(LEFT + 300, TOP - 360, LEFT + 460, TOP - 200))
    assert inventory.landslides.amalgamated.tolist() == [False, False]
    assert inventory.landslides.landslide_id.is_unique
    assert inventory.landslides.sort_values("lon").aspect_deg.tolist() == pytest.approx([270, 90], abs=10)
    assert inventory.landslides.volume_m3.notna().all()
    assert len(inventory.crowns) == 2


def test_a_gable_too_low_to_be_sure_of_is_left(tmp_path: Path) -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[20:36, 18:42] = True
    for height, count in ((HEIGHT_M - 1, 1), (HEIGHT_M + 1, 2)):
        # From the lowest pixel's centre to the highest's are 11 pixels.
        z = 500 - np.abs(COLS - 30) * height / 11
        assert len(found(tmp_path, mask, z).landslides) == count


@given(east=st.floats(-1, 1), north=st.floats(-1, 1), rows=st.integers(6, 40), cols=st.integers(6, 40))
@settings(max_examples=60, deadline=None)
def test_a_tilted_plane_is_one_landslide(east: float, north: float, rows: int, cols: int) -> None:
    inside = np.zeros(SHAPE, dtype=bool)
    inside[:rows, :cols] = True
    z = PIXEL * (east * COLS + north * ROWS)
    assert basins(z, inside, least=4)[1] == basins(-z, inside, least=4)[1] == 1


def test_two_arms_that_meet_at_one_toe_are_amalgamated(tmp_path: Path) -> None:
    """A plane that falls to the south; two arms of 25 rows come down to a common foot of 8 rows."""
    mask = np.zeros(SHAPE, dtype=bool)
    mask[10:35, 15:22] = mask[10:35, 32:39] = mask[35:43, 15:39] = True
    row = found(tmp_path, mask, 500 - 5 * ROWS).landslides.iloc[0]
    assert row.amalgamated
    assert np.isnan([row.volume_m3, row.volume_low_m3, row.volume_high_m3]).all()
    assert row.volume_relation is None
    assert row.area_m2 == mask.sum() * PIXEL**2
    # Turned over, the same two have a toe each and part where they meet.
    turned = found(tmp_path, mask, 500 + 5 * ROWS).landslides
    assert turned.amalgamated.tolist() == [False, False]
    assert turned.area_m2.sum() == row.area_m2


def test_arms_that_part_near_the_toe_or_the_crown_are_one_landslide() -> None:
    """Arms of a share of the relief below `SHARE` are lobes and scallops, above it landslides."""
    z = 8 * ROWS
    for arm, count in ((round(40 * SHARE) - 3, 1), (round(40 * SHARE) + 3, 2)):
        inside = np.zeros(SHAPE, dtype=bool)
        inside[:40, 10:40] = True
        inside[:arm, 20:30] = False
        assert basins(z, inside, least=4)[1] == count


def test_without_elevation_nothing_is_known(tmp_path: Path) -> None:
    mask = square(SHAPE, 20, 15, 20)
    without = vectorize(layers(tmp_path, mask), PROVENANCE, threshold=0.5, min_area_m2=900, min_slope_deg=10)
    assert without.landslides.amalgamated.isna().all()
    assert without.landslides.volume_m3.notna().all()
    z = np.where((ROWS < 25) & (COLS < 20), np.nan, 500 - 3 * np.abs(COLS - 25))
    gap = found(tmp_path, mask, z).landslides
    assert len(gap) == 1
    assert gap.amalgamated.isna().all()


def test_a_box_too_large_to_be_looked_at_is_amalgamated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split_module, "MAX_PIXELS", 28 * 16 - 1)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[20:36, 18:46] = True
    assert found(tmp_path, mask, 500 - 6 * np.abs(COLS - 30)).landslides.amalgamated.tolist() == [True]
    mask[20:36, 45] = False
    assert found(tmp_path, mask, 500 - 6 * np.abs(COLS - 30)).landslides.amalgamated.tolist() == [False, False]


def rough(seed: int, size: float = 4.0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(SHAPE)
    smooth = ndimage.gaussian_filter(noise, size)
    return 500 + 60 * smooth / smooth.std()


def blobs(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(SHAPE)
    return np.asarray(ndimage.gaussian_filter(noise, 1.5) > 0)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_parts_cover_the_object_without_overlap_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("rough")
    grid = Affine(9.98, 0, LEFT + 0.37, 0, -9.98, TOP - 0.11)  # edges that are no round numbers
    terrain_raster, outlines = prepared(folder, rough(seed), grid), outlined(blobs(seed + 1), grid)
    first = split.split(outlines, terrain_raster, grid=grid, min_area_m2=300)
    shapes_ = first.outlines.to_numpy()
    assert shapely.is_valid(shapes_).all()
    assert len(shapes_) >= len(outlines)
    assert shapely.coverage_is_valid(shapes_)
    assert shapely.equals(shapely.coverage_union_all(shapes_), outlines.union_all())
    assert shapely.area(shapes_).sum() == pytest.approx(outlines.area.sum(), rel=1e-12)
    other = outlines.sample(frac=1, random_state=seed)
    again = split.split(other, terrain_raster, grid=grid, min_area_m2=300)
    assert all(a.equals(b) for a, b in zip(again.outlines, first.outlines, strict=True))
    assert again.amalgamated.tolist() == first.amalgamated.tolist()
    for i in range(0, len(outlines), 7):  # alone as among others
        alone = split.split(outlines[i : i + 1], terrain_raster, grid=grid, min_area_m2=300)
        inside = [shape.within(outlines.iloc[i]) for shape in shapes_]
        assert [a.equals(b) for a, b in zip(alone.outlines, shapes_[inside], strict=True)] == [True] * len(
            alone.outlines
        )


@given(seed=st.integers(0, 10_000), rise=st.floats(-500, 500))
@settings(max_examples=40, deadline=None)
def test_every_two_basins_that_touch_are_parted_by_height_enough(seed: int, rise: float) -> None:
    """What `basins` promises, checked pair by pair; and heights count, not the level they are measured from."""
    z, (labels, count) = rough(seed), ndimage.label(blobs(seed + 1))
    inside = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    found, count = basins(z, inside, least=9)
    assert set(np.unique(found[inside])) == set(range(1, count + 1))
    assert (found[~inside] == 0).all()
    raised, _ = basins(np.round(z, 6) + round(rise), inside, least=9)
    assert (raised == found).mean() > 0.99
    for a in range(1, count + 1):
        assert ndimage.label(found == a)[1] == 1
        near = ndimage.binary_dilation(found == a)
        for b in range(1, count + 1):
            border = near & (found == b)
            if a == b or not border.any():
                continue
            across = ndimage.grey_dilation(
                np.where(found == a, -z, -np.inf), footprint=ndimage.generate_binary_structure(2, 1)
            )
            lowest = np.maximum(z, -across)[border].min()
            here = z[found == a]
            assert here.size >= 9
            assert lowest - here.min() >= max(HEIGHT_M, SHARE * np.ptp(here)) - 1e-9


def test_result_does_not_depend_on_blocks(tmp_path: Path) -> None:
    frames = [found(tmp_path, blobs(5), rough(4), rows=rows, min_area_m2=300).landslides for rows in (512, 7, 1)]
    assert frames[0].amalgamated.any()
    assert len(frames[0]) > len([shape for shape in outlined(blobs(5)) if shape.area >= 300])
    for frame in frames[1:]:
        assert frame.drop(columns="geometry").equals(frames[0].drop(columns="geometry"))
        assert frame.geometry.geom_equals_exact(frames[0].geometry, 0).all()


@pytest.mark.parametrize("way", [{"simplify_m": 10.0}, {"simplify_m": 14.0}, {"simplify_m": 18.0}, {"smooth": True}])
def test_simpler_parts_leave_no_gap_between_them(way: dict[str, float], tmp_path: Path) -> None:
    whole = found(tmp_path, blobs(5), rough(4), min_area_m2=300).landslides.geometry
    simpler = found(tmp_path, blobs(5), rough(4), min_area_m2=300, **way).landslides.geometry
    assert simpler.length.sum() < whole.length.sum()
    assert shapely.coverage_is_valid(simpler.explode().to_numpy())
    pairs = [(i, j) for i in range(len(whole)) for j in range(i) if whole[i].intersection(whole[j]).length > 0]
    assert pairs
    for i, j in pairs:
        assert simpler[i].intersection(simpler[j]).length > 0
        assert simpler[i].intersection(simpler[j]).area == 0


def test_a_model_in_another_grid_gives_the_same_cut(tmp_path: Path) -> None:
    """The gable from a model of 5 m cells in the neighbouring zone, where the grid is turned."""
    mask = np.zeros(SHAPE, dtype=bool)
    mask[20:36, 18:46] = True
    z = 500 - 6 * np.abs(COLS - 30)
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    fine = 500 - 0.6 * np.abs((np.arange(160) + 0.5) * 5 - 400)[None, :].repeat(160, 0)
    with rasterio.open(
        write(tmp_path / "fine.tif", fine.astype(np.float32), transform=Affine(5, 0, LEFT - 100, 0, -5, TOP + 100))
    ) as source:
        grid, width, height = rasterio.warp.calculate_default_transform(
            source.crs, "EPSG:32655", 160, 160, *source.bounds
        )
        turned = np.full((height, width), np.nan, dtype=np.float32)
        rasterio.warp.reproject(
            rasterio.band(source, 1),
            turned,
            dst_transform=grid,
            dst_crs="EPSG:32655",
            dst_nodata=np.nan,
            resampling=rasterio.enums.Resampling.bilinear,
        )
    scan = layers(
        there, mask, dem=write(there / "dem.tif", turned, crs="EPSG:32655", transform=grid, nodata=float("nan"))
    )
    other = vectorize(scan, PROVENANCE, threshold=0.5, min_area_m2=900, min_slope_deg=0).landslides
    same = found(here, mask, z).landslides
    assert len(same) == len(other) == 2
    assert polygons.anchors(other.geometry.explode().to_numpy()) == pytest.approx(
        polygons.anchors(same.geometry.explode().to_numpy()), abs=PIXEL
    )
