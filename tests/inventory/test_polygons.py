from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.transform
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from inventory_scenes import GRID, PIXEL, write
from scipy import ndimage

from landslide_geo.errors import MissingCRSError, ParameterError, SourceNotFoundError, UnreadableRasterError
from landslide_geo.inventory import polygons
from landslide_geo.inventory.objects import hysteresis_mask

CELL = PIXEL**2
MASKS = hnp.arrays(bool, st.tuples(st.integers(2, 24), st.integers(2, 24)), elements=st.booleans())
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def trace(folder: Path, mask: np.ndarray, *, rows: int = 512, area: float = 0.0, hole: float = 0.0) -> polygons.Traced:
    probability = write(folder / "p.tif", np.where(mask, 0.8, 0.2).astype(np.float32), nodata=float("nan"))
    hysteresis_mask(probability, folder / "m.tif", threshold=0.5, rows=rows)
    return polygons.trace(folder / "m.tif", min_area_m2=area, min_hole_m2=hole)


@QUICK
@given(mask=MASKS, rows=st.integers(1, 30))
def test_any_mask_gives_valid_polygons_of_its_4_connected_objects_whatever_the_block(
    mask: np.ndarray, rows: int, tmp_path: Path
) -> None:
    found = trace(tmp_path, mask, rows=rows).polygons
    labels, count = ndimage.label(mask)
    assert len(found) == count
    assert shapely.is_valid(found).all()
    assert shapely.area(found).sum() == pytest.approx(mask.sum() * CELL)
    assert sorted(shapely.area(found)) == pytest.approx(sorted(np.bincount(labels.ravel())[1:] * CELL))
    one_block = trace(tmp_path, mask).polygons
    assert all(a.equals_exact(b, 0) for a, b in zip(found, one_block, strict=True))


@QUICK
@given(mask=MASKS)
def test_anchors_tell_objects_apart_and_lie_on_a_pixel_of_their_own(mask: np.ndarray, tmp_path: Path) -> None:
    found = trace(tmp_path, mask).polygons
    corners = polygons.anchors(found)
    assert len(np.unique(corners, axis=0)) == len(found)
    pixels = shapely.points(corners + np.array([PIXEL / 2, -PIXEL / 2]))
    assert shapely.contains(found, pixels).all()


def test_size_is_judged_on_whole_objects_across_seams(tmp_path: Path) -> None:
    mask = np.zeros((20, 20), dtype=bool)
    mask[8:12, 8:12] = True  # 1600 m², four blocks of rows hold 400 m² each
    traced = trace(tmp_path, mask, rows=1, area=1600.0)
    assert shapely.area(traced.polygons).tolist() == [1600.0]
    assert traced.too_small == 0
    assert trace(tmp_path, mask, rows=1, area=1601.0).too_small == 1


def test_small_holes_are_filled_and_large_ones_kept(tmp_path: Path) -> None:
    mask = np.zeros((20, 20), dtype=bool)
    mask[2:18, 2:18] = True
    mask[4, 4] = False
    mask[8:12, 8:12] = False
    (polygon,) = trace(tmp_path, mask, hole=900.0).polygons
    assert polygon.area == (256 - 16) * CELL
    assert len(polygon.interiors) == 1


def test_nan_is_below_any_threshold_and_the_threshold_itself_is_in(tmp_path: Path) -> None:
    values = np.array([[0.5, np.nan], [0.49, 0.51]], dtype=np.float32)
    probability = write(tmp_path / "p.tif", values, nodata=float("nan"))
    hysteresis_mask(probability, tmp_path / "m.tif", threshold=0.5)
    found = polygons.trace(tmp_path / "m.tif", min_area_m2=0, min_hole_m2=0).polygons
    assert len(found) == 2


@pytest.mark.parametrize("radius", [3, 5, 8, 13, 21, 50])
def test_smoothed_outline_of_a_disk_has_a_circle_s_perimeter(radius: int, tmp_path: Path) -> None:
    y, x = np.mgrid[: 2 * radius + 5, : 2 * radius + 5] - (radius + 2)
    (disk,) = trace(tmp_path, np.hypot(x, y) <= radius).polygons
    (smooth,) = polygons.smoothed(np.array([disk], dtype=object), pixel=PIXEL)
    circle = 2 * np.sqrt(np.pi * disk.area)
    assert smooth.length == pytest.approx(circle, rel=0.03)
    assert disk.length > 1.2 * circle
    assert 4 * np.pi * smooth.area / smooth.length**2 == pytest.approx(0.98, abs=0.03)


def test_smoothed_outline_keeps_holes_and_accepts_nothing() -> None:
    ring = shapely.box(0, 0, 100, 100).difference(shapely.box(30, 30, 70, 70))
    (smooth,) = polygons.smoothed(np.array([ring], dtype=object), pixel=PIXEL)
    assert len(smooth.interiors) == 1
    assert len(polygons.smoothed(np.empty(0, dtype=object), pixel=PIXEL)) == 0


def test_grids_that_cannot_measure_areas_are_refused(tmp_path: Path) -> None:
    values = np.zeros((4, 4), dtype=np.float32)
    degrees = write(tmp_path / "degrees.tif", values, crs="EPSG:4326", transform=GRID.scale(1e-5))
    with pytest.raises(ParameterError, match="warp it to UTM"):
        polygons.open_metric(degrees)
    with pytest.raises(MissingCRSError):
        polygons.open_metric(write(tmp_path / "none.tif", values, crs=""))
    with pytest.raises(SourceNotFoundError):
        polygons.open_metric(tmp_path / "absent.tif")
    (tmp_path / "text.tif").write_text("no raster")
    with pytest.raises(UnreadableRasterError):
        polygons.open_metric(tmp_path / "text.tif")


def test_a_grid_whose_metres_are_not_metres_is_refused(tmp_path):
    path = tmp_path / "mercator.tif"
    with rasterio.open(
        path, "w", driver="GTiff", height=8, width=8, count=1, dtype="float32", crs="EPSG:3857",
        transform=rasterio.transform.from_origin(1.58e7, 5.3e6, 10, 10),
    ) as dataset:  # fmt: skip
        dataset.write(np.ones((1, 8, 8), dtype="float32"))
    with pytest.raises(ParameterError, match="is not a metre on the ground"):
        polygons.open_metric(path)
