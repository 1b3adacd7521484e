from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from inventory_scenes import CRS, GRID, LEFT, PIXEL, PROVENANCE, TOP, layers, ramp, square, write
from rasterio.features import rasterize
from rasterio.warp import transform as to_crs
from scipy import ndimage

from landslide_geo.errors import NoOverlapError
from landslide_geo.inventory import Inventory, Layers, vectorize
from landslide_geo.inventory import schema as schemas

SHAPE = (60, 60)


def run(scan: object, **options: float) -> Inventory:
    settings = {"threshold": 0.5, "min_area_m2": 900.0, "min_slope_deg": 10.0} | options
    return vectorize(scan, PROVENANCE, **settings)  # type: ignore[arg-type]


def test_square_on_a_plane_has_the_attributes_geometry_says(tmp_path: Path) -> None:
    """200 m × 200 m on a plane that rises 0.5 m/m to the north: falls to the south at 26.57°."""
    dem = ramp(tmp_path / "dem.tif", SHAPE, north=0.5)
    found = run(layers(tmp_path, square(SHAPE, 20, 15, 20), dem=dem)).landslides
    assert len(found) == 1
    row = found.iloc[0]
    angle = np.degrees(np.arctan(0.5))
    assert row.area_m2 == 40_000
    assert row.geometry.area == row.area_m2
    assert row.perimeter_m == pytest.approx(800, rel=0.04)
    assert row.compactness == pytest.approx(np.pi / 4, rel=0.07)
    assert row.slope_mean_deg == pytest.approx(angle, abs=1e-3)
    assert row.slope_p90_deg == pytest.approx(angle, abs=1e-3)
    assert row.aspect_deg == pytest.approx(180, abs=1e-3)
    assert row.relief_m == pytest.approx(100, abs=0.01)
    assert row.elev_max_m == pytest.approx(500 - 0.5 * 200, abs=0.01)
    assert row.length_m == pytest.approx(200, abs=0.01)
    assert row.width_m == pytest.approx(200, abs=0.01)
    assert row.reach_angle_deg == pytest.approx(angle, abs=0.01)
    assert row.volume_m3 == pytest.approx(0.074 * 40_000**1.45)
    assert row.volume_low_m3 < row.volume_m3 < row.volume_high_m3
    assert row.prob_mean == pytest.approx(0.9, abs=1e-6)
    assert row.visible_fraction == 1
    assert not row.touches_edge
    assert row.confidence == 3
    lon, lat = to_crs(CRS, "EPSG:4326", [LEFT + 250], [TOP - 300])
    assert (row.lon, row.lat) == pytest.approx((lon[0], lat[0]), abs=1e-5)


def test_crown_is_the_middle_of_the_upper_edge(tmp_path: Path) -> None:
    dem = ramp(tmp_path / "dem.tif", SHAPE, north=0.5)
    crowns = run(layers(tmp_path, square(SHAPE, 20, 15, 20), dem=dem)).crowns
    (x, y), = shapely.get_coordinates(crowns.geometry.to_numpy())  # fmt: skip
    assert (x, y) == (LEFT + 250, TOP - 200)
    assert crowns.elevation_m[0] == pytest.approx(400, abs=0.01)


@pytest.mark.parametrize(("east", "north", "aspect"), [(0.4, 0, 270), (-0.4, 0, 90), (0, -0.4, 0), (0.3, 0.3, 225)])
def test_aspect_is_where_the_ground_falls_to(east: float, north: float, aspect: float, tmp_path: Path) -> None:
    dem = ramp(tmp_path / "dem.tif", SHAPE, east=east, north=north)
    found = run(layers(tmp_path, square(SHAPE, 20, 20, 10), dem=dem)).landslides
    turned = (found.aspect_deg[0] - aspect + 180) % 360 - 180
    assert turned == pytest.approx(0, abs=0.01)


def test_runout_on_flat_ground_stays_with_its_slope_and_flat_objects_go(tmp_path: Path) -> None:
    """A steep upper half (30°) and a flat valley; one object crosses the foot, one lies on the flat."""
    rows = np.arange(SHAPE[0])
    z = np.where(rows < 30, (30 - rows) * PIXEL * np.tan(np.radians(30)), 0.0)
    dem = write(tmp_path / "dem.tif", np.repeat(z[:, None], SHAPE[1], 1).astype(np.float32))
    mask = square(SHAPE, 40, 40, 10)
    mask[22:50, 10:16] = True
    inventory = run(layers(tmp_path, mask, dem=dem))
    assert inventory.dropped == {"too_small": 0, "too_flat": 1}
    assert inventory.landslides.area_m2.tolist() == [28 * 6 * 100]
    assert inventory.landslides.slope_mean_deg[0] < 15
    assert len(run(layers(tmp_path, mask, dem=dem), min_slope_deg=0).landslides) == 2


def test_without_an_elevation_model_nothing_is_screened_and_terrain_is_null(tmp_path: Path) -> None:
    inventory = run(layers(tmp_path, square(SHAPE, 20, 20, 10)))
    row = inventory.landslides.iloc[0]
    assert np.isnan([row.slope_p90_deg, row.length_m, row.relief_m, row.aspect_deg, row.reach_angle_deg]).all()
    assert len(inventory.crowns) == 0
    assert row.confidence == 3  # null never lowers


def test_elevation_model_in_degrees_gives_the_slope_in_metres(tmp_path: Path) -> None:
    angle = 0.00027
    lon, lat = to_crs(CRS, "EPSG:4326", [LEFT + 300], [TOP - 300])
    grid = Affine(angle, 0, lon[0] - 40 * angle, 0, -angle, lat[0] + 40 * angle)
    cols, rows = np.meshgrid(np.arange(80) + 0.5, np.arange(80) + 0.5)
    _, y = to_crs("EPSG:4326", CRS, *(grid @ (cols.ravel(), rows.ravel())))
    z = 900 + 0.5 * (np.array(y) - TOP)
    dem = write(tmp_path / "dem.tif", z.reshape(80, 80).astype(np.float32), crs="EPSG:4326", transform=grid)
    row = run(layers(tmp_path, square(SHAPE, 20, 15, 20), dem=dem)).landslides.iloc[0]
    assert row.slope_mean_deg == pytest.approx(np.degrees(np.arctan(0.5)), abs=0.2)
    assert row.aspect_deg == pytest.approx(180, abs=0.5)
    assert row.relief_m == pytest.approx(100, abs=0.5)
    assert row.elev_max_m == pytest.approx(900 - 100, abs=0.5)
    assert row.length_m == pytest.approx(200, abs=11)


def test_elevation_model_in_another_zone_is_met_by_reprojecting_polygons(tmp_path: Path) -> None:
    """The model lies in the neighbouring zone, where the scene's grid is turned by a few degrees."""
    other = "EPSG:32655"
    (x,), (y,) = to_crs(CRS, other, [LEFT + 300], [TOP - 300])
    grid = Affine(10, 0, x - 800, 0, -10, y + 800)
    z = 500 - 0.5 * np.repeat((np.arange(160) + 0.5)[:, None] * 10, 160, 1)
    dem = write(tmp_path / "dem.tif", z.astype(np.float32), crs=other, transform=grid)
    inventory = run(layers(tmp_path, square(SHAPE, 20, 15, 20), dem=dem))
    row = inventory.landslides.iloc[0]
    assert row.slope_mean_deg == pytest.approx(np.degrees(np.arctan(0.5)), abs=0.01)
    crown = inventory.crowns.geometry[0]
    assert row.geometry.distance(crown) < 1
    assert inventory.crowns.crs == inventory.landslides.crs


def test_elevation_model_elsewhere_is_an_error(tmp_path: Path) -> None:
    dem = write(tmp_path / "dem.tif", np.ones((9, 9), np.float32), transform=GRID @ Affine.translation(500, 500))
    with pytest.raises(NoOverlapError, match="does not cover"):
        run(layers(tmp_path, square(SHAPE, 20, 20, 10), dem=dem))


def test_gaps_in_the_elevation_model_leave_nulls_and_screen_nothing(tmp_path: Path) -> None:
    z = np.full(SHAPE, -9999.0, dtype=np.float32)
    z[:, :5] = 100
    dem = write(tmp_path / "dem.tif", z, nodata=-9999.0)
    inventory = run(layers(tmp_path, square(SHAPE, 20, 30, 10), dem=dem))
    assert len(inventory.landslides) == 1
    assert np.isnan(inventory.landslides.slope_p90_deg[0])
    assert len(inventory.crowns) == 0


def test_identifiers_are_of_scene_and_place(tmp_path: Path) -> None:
    scan = layers(tmp_path, square(SHAPE, 20, 20, 10) | square(SHAPE, 40, 40, 10))
    first, again = run(scan).landslides.landslide_id, run(scan, min_area_m2=0).landslides.landslide_id
    assert first.tolist() == again.tolist()
    assert first.is_unique
    other = vectorize(
        scan, replace(PROVENANCE, scene_id="scene-2"), threshold=0.5, min_area_m2=900, min_slope_deg=10
    ).landslides
    assert not set(first) & set(other.landslide_id)


def test_result_does_not_depend_on_blocks(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    mask = random.random(SHAPE) < 0.6
    z = random.random(SHAPE).cumsum(axis=0).astype(np.float32) * 5
    scan = layers(tmp_path, mask, dem=write(tmp_path / "dem.tif", z))
    frames = [run(scan, rows=rows, min_area_m2=300).landslides for rows in (512, 7, 1)]
    assert len(frames[0]) > 5
    for frame in frames[1:]:
        assert frame.drop(columns="geometry").equals(frames[0].drop(columns="geometry"))
        assert frame.geometry.geom_equals_exact(frames[0].geometry, 0).all()


def test_visibility_and_edges(tmp_path: Path) -> None:
    visibility = np.ones(SHAPE, dtype=np.uint8)
    visibility[:, 40:] = 3  # cloud
    visibility[:10] = 0
    mask = square(SHAPE, 20, 30, 10) | square(SHAPE, 10, 5, 10) | square(SHAPE, 50, 20, 10) | square(SHAPE, 30, 5, 10)
    found = run(layers(tmp_path, mask, visibility=visibility)).landslides
    by_place = {
        tuple(np.round(geometry.bounds[:2])): row
        for geometry, row in zip(found.geometry, found.itertuples(), strict=True)
    }
    beside_cloud = by_place[(LEFT + 300, TOP - 300)]
    assert beside_cloud.visible_fraction == pytest.approx(1 - 3 / 16)  # a rim of 3 around 10 × 10: 3 of 16 columns
    assert not beside_cloud.touches_edge
    assert by_place[(LEFT + 50, TOP - 200)].touches_edge  # next to nodata
    assert by_place[(LEFT + 200, TOP - 600)].touches_edge  # at the raster's end
    free = by_place[(LEFT + 50, TOP - 400)]
    assert free.visible_fraction == 1
    assert not free.touches_edge


def test_change_score_is_the_median_and_null_where_mostly_unknown(tmp_path: Path) -> None:
    mask = square(SHAPE, 20, 10, 10) | square(SHAPE, 20, 40, 10)
    change = np.full(SHAPE, 0.3, dtype=np.float32)
    change[20, 10:20] = -1  # a tenth of outliers
    change[20:26, 40:50] = np.nan
    scan = replace(layers(tmp_path, mask), change=write(tmp_path / "c.tif", change, nodata=float("nan")))
    found = run(scan).landslides.sort_values("lon")
    assert found.change_score.iloc[0] == pytest.approx(0.3)
    assert np.isnan(found.change_score.iloc[1])


def test_provenance_and_types(tmp_path: Path) -> None:
    found = run(layers(tmp_path, square(SHAPE, 20, 20, 10))).landslides
    row = found.iloc[0]
    assert [*found.columns] == [*(field.name for field in schemas.LANDSLIDES.fields), "geometry"]
    assert row.scene_ids == "scene-1;scene-0"
    assert row.date_post == PROVENANCE.date_post
    assert row.date_pre is None
    assert row.threshold == 0.5
    assert row.review_status == "unreviewed"
    assert row.n_detections == 1
    assert row.detected_at.to_pydatetime() == PROVENANCE.detected_at
    assert found.crs == CRS
    assert found.geometry.geom_type.eq("MultiPolygon").all()
    assert found.geometry.apply(lambda g: g.geoms[0].exterior.is_ccw).all()


def test_nothing_found_still_makes_an_inventory(tmp_path: Path) -> None:
    dem = ramp(tmp_path / "dem.tif", SHAPE, north=0.5)
    inventory = run(layers(tmp_path, np.zeros(SHAPE, dtype=bool), dem=dem))
    assert len(inventory.landslides) == len(inventory.crowns) == len(inventory.reviewed_extent) == 0
    assert "reach_angle_deg" in inventory.landslides
    assert inventory.visibility["class"].tolist() == ["clear"]
    assert inventory.summary()["landslides"] == 0
    with rasterio.open(tmp_path / "probability.tif") as source:
        assert inventory.landslides.crs == source.crs


def test_summary_adds_up(tmp_path: Path) -> None:
    visibility = np.ones(SHAPE, dtype=np.uint8)
    visibility[:6] = 3
    found = run(layers(tmp_path, square(SHAPE, 20, 20, 10) | square(SHAPE, 40, 40, 2), visibility=visibility))
    summary = found.summary()
    assert summary["landslides"] == sum(summary["by_confidence"].values()) == 1
    assert summary["area_m2"] == summary["largest_m2"] == 10_000
    assert summary["dropped"] == {"too_small": 1, "too_flat": 0}
    assert summary["visible_share"] == pytest.approx(0.9)
    assert summary["visible_m2"] == summary["visibility_m2"]["clear"] == 54 * 60 * 100


def test_real_inventory_comes_back_with_sensible_terrain(mirror: Path, tmp_path: Path) -> None:
    """3,820 mapped landslides of the Kaghan valley, burnt into a raster and outlined again with its elevation model."""
    folder = mirror / "inventory_balakot"
    (shapefile,), (dem,) = list(folder.glob("**/*.shp")), list(folder.glob("**/*.tif"))
    mapped = gpd.read_file(shapefile)
    left, _, _, top = np.floor(mapped.total_bounds / 10) * 10
    grid = Affine(10, 0, left - 50, 0, -10, top + 60)
    width, height = ((mapped.total_bounds[2:] - mapped.total_bounds[:2]) // 10 + 12).astype(int)
    mask = rasterize(mapped.geometry, (height, width), transform=grid).astype(bool)
    crs = str(mapped.crs)
    scan = Layers(
        probability=write(tmp_path / "p.tif", mask.astype(np.float32), crs=crs, transform=grid, nodata=float("nan")),
        visibility=write(tmp_path / "v.tif", np.ones(mask.shape, np.uint8), crs=crs, transform=grid),
        dem=dem,
    )
    found = run(scan, min_area_m2=0, min_slope_deg=0, min_hole_m2=0).landslides
    outlined = ndimage.label(mask)[1]
    assert outlined <= len(found) <= 1.005 * outlined  # a few of several landslides are cut, single ones stay whole
    assert found.amalgamated.mean() < 0.02
    assert found.area_m2.sum() == mask.sum() * 100
    assert found.relief_m.notna().all()
    assert (found.elev_min_m >= 900).all()
    assert (found.elev_max_m <= 4100).all()
    assert found.slope_mean_deg.median() > 25  # coseismic slides on steep valley sides
    assert (found.slope_p90_deg >= 10).mean() > 0.98  # the default screen keeps what geologists mapped
