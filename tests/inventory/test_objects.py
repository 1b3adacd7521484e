from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from inventory_scenes import write
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold

from landslide_geo.errors import UnreadableRasterError
from landslide_geo.inventory.objects import hysteresis_mask

QUICK = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LEVELS = st.sampled_from([0.0, 0.3, 0.6, float("nan")])
RASTERS = hnp.arrays(np.float32, st.tuples(st.integers(2, 20), st.integers(2, 20)), elements=LEVELS.map(np.float32))


def mask_of(folder: Path, values: np.ndarray, **options: object) -> tuple[np.ndarray, int]:
    probability = write(folder / "p.tif", values.astype(np.float32), nodata=float("nan"))
    left_out = hysteresis_mask(probability, folder / "m.tif", **options)
    with rasterio.open(folder / "m.tif") as dataset:
        return dataset.read(1).astype(bool), left_out


@QUICK
@given(values=RASTERS, rows=st.integers(1, 25))
def test_blocks_of_any_height_give_what_the_whole_raster_gives(values: np.ndarray, rows: int, tmp_path: Path) -> None:
    found, left_out = mask_of(tmp_path, values, threshold=0.6, grow=0.3, rows=rows)
    np.testing.assert_array_equal(found, apply_hysteresis_threshold(np.nan_to_num(values, nan=-1), 0.29999, 0.59999))
    assert left_out == 0


@QUICK
@given(values=RASTERS, rows=st.integers(1, 25))
def test_one_threshold_gives_all_pixels_that_reach_it(values: np.ndarray, rows: int, tmp_path: Path) -> None:
    found, _ = mask_of(tmp_path, values, threshold=0.3, rows=rows)
    np.testing.assert_array_equal(found, np.nan_to_num(values) >= np.float32(0.3))


@QUICK
@given(values=RASTERS, rows=st.integers(1, 25), least=st.integers(1, 30))
def test_what_is_left_out_is_too_small_even_with_its_holes_filled(
    values: np.ndarray, rows: int, least: int, tmp_path: Path
) -> None:
    every, _ = mask_of(tmp_path, values, threshold=0.3)
    found, left_out = mask_of(tmp_path, values, threshold=0.3, min_pixels=least, rows=rows)
    labels, count = ndimage.label(every)
    gone = [i for i in range(1, count + 1) if not found[labels == i].any()]
    assert len(gone) == left_out
    for i in range(1, count + 1):
        filled = int(ndimage.binary_fill_holes(np.pad(labels == i, 1)).sum())
        assert (found[labels == i].all()) if i not in gone else filled < least
    assert not (found & ~every).any()


def test_a_ring_counts_with_what_it_encloses(tmp_path: Path) -> None:
    values = np.zeros((9, 9))
    values[2:5, 2:5] = 0.9
    values[3, 3] = 0  # eight pixels around one
    found, _ = mask_of(tmp_path, values, threshold=0.5, min_pixels=9)
    assert found.sum() == 8
    assert mask_of(tmp_path, values, threshold=0.5, min_pixels=10) == (pytest.approx(np.zeros((9, 9), bool)), 1)


def test_faint_ground_counts_only_where_it_hangs_together_with_a_seed_by_edges(tmp_path: Path) -> None:
    values = np.array([[0.9, 0.4, 0.0, 0.4], [0.0, 0.0, 0.4, 0.0], [0.4, 0.4, 0.0, 0.4]])
    found, _ = mask_of(tmp_path, values, threshold=0.8, grow=0.4, rows=1)
    assert found.tolist() == [[True, True, False, False], [False] * 4, [False] * 4]


def test_a_raster_that_breaks_off_is_named(tmp_path: Path) -> None:
    write(tmp_path / "p.tif", np.random.default_rng(0).random((300, 300), dtype=np.float32), nodata=float("nan"))
    whole = (tmp_path / "p.tif").read_bytes()
    (tmp_path / "p.tif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableRasterError, match=r"p\.tif"):
        hysteresis_mask(tmp_path / "p.tif", tmp_path / "m.tif", threshold=0.5)
