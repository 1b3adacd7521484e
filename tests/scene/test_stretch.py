"""Local normalisation: closed-form answers, and the guarantee that windows do not matter."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landslide_geo.config import FixedParams, StretchParams
from landslide_geo.errors import ParameterError
from landslide_geo.scene.stretch import LocalStatistics, cell_statistics, grid_shape, patch_statistics, stretch

PARAMS = StretchParams(cell=16)


def statistics_of(scene: np.ndarray, params: StretchParams = PARAMS) -> LocalStatistics:
    bands, height, width = scene.shape
    ny, nx = grid_shape(height, width, params)
    centre, scale = np.empty((2, bands, ny, nx), np.float32)
    for i in range(ny):
        for j in range(nx):
            block = scene[:, i * params.cell : (i + 1) * params.cell, j * params.cell : (j + 1) * params.cell]
            centre[:, i, j], scale[:, i, j] = cell_statistics(block, params)
    return LocalStatistics.from_cells(centre, scale, params=params, height=height, width=width)


def random_scene(seed: int, height: int, width: int, *, holes: bool = True) -> np.ndarray:
    rng = np.random.default_rng(seed)
    scene = rng.gamma(2.0, 300.0, (3, height, width)).astype(np.float32) + 500
    if holes:
        scene[:, rng.random((height, width)) < 0.2] = np.nan
        scene[:, : height // 3, : width // 2] = np.nan
    return scene


def test_cell_statistics_are_quantiles_with_one_scale_for_all_bands() -> None:
    ramp = np.linspace(0, 100, 101, dtype=np.float32)
    block = np.stack([ramp, 1000 + 2 * ramp])[:, None, :]
    centre, scale = cell_statistics(block, StretchParams(spread=1.0))
    assert centre == pytest.approx([30, 1060])
    assert scale == pytest.approx([(45 + 90) / 2] * 2)
    _, gained = cell_statistics(block, StretchParams(spread=2.0, gains=(1.0, 2.0)))
    assert gained == pytest.approx([90, 180])


def test_pixels_invalid_in_one_band_do_not_count() -> None:
    block = np.ones((2, 10, 10), np.float32)
    block[:, 0] = 1e6
    block[1, 0] = np.nan
    assert cell_statistics(block, PARAMS)[0] == pytest.approx([1, 1])


def test_a_cell_with_too_few_valid_pixels_says_nothing() -> None:
    block = np.full((3, 16, 16), np.nan, np.float32)
    block[:, 0, :16] = 5
    assert np.isnan(cell_statistics(block, PARAMS)).all()
    assert np.isfinite(cell_statistics(block, StretchParams(cell=16, min_valid=0.05))).all()


def test_gaps_take_their_neighbours_and_scales_are_bounded() -> None:
    centre = np.array([[[1, np.nan, 3, 1]]], np.float32)
    scale = np.array([[[10, np.nan, 10, 0.1]]], np.float32)
    result = LocalStatistics.from_cells(centre, scale, params=PARAMS, height=16, width=64)
    assert result.centre[0, 0] == pytest.approx([1, 2, 3, 1])
    assert result.scale[0, 0] == pytest.approx([10, 10, 10, 5])  # floor: half of the median


def test_slivers_at_the_edge_follow_their_neighbours() -> None:
    centre = np.array([[[1, 1, 50]]], np.float32)
    result = LocalStatistics.from_cells(centre, np.ones_like(centre), params=PARAMS, height=16, width=34)
    assert result.centre[0, 0] == pytest.approx([1, 1, 1])


def test_interpolation_is_linear_between_cell_centres() -> None:
    centre = np.array([[[0, 16]]], np.float32)
    statistics = LocalStatistics(centre, np.ones_like(centre), 16, 16, 32)
    wide = StretchParams(cell=16, clip=(-100, 100))
    result = -stretch(np.zeros((1, 16, 32), np.float32), 0, 0, statistics, wide)[0]
    expected = np.clip(np.arange(32) + 0.5 - 8, 0, 16)
    np.testing.assert_allclose(result, np.tile(expected, (16, 1)), atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    height=st.integers(5, 70),
    width=st.integers(5, 70),
    data=st.data(),
)
def test_the_window_never_matters(seed: int, height: int, width: int, data: st.DataObject) -> None:
    scene = random_scene(seed, height, width)
    statistics = statistics_of(scene)
    whole = stretch(scene, 0, 0, statistics, PARAMS)
    row, col = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    bottom, right = data.draw(st.integers(row + 1, height)), data.draw(st.integers(col + 1, width))
    window = stretch(scene[:, row:bottom, col:right], row, col, statistics, PARAMS)
    assert window.dtype == np.float32
    np.testing.assert_array_equal(window, whole[:, row:bottom, col:right])
    np.testing.assert_array_equal(np.isnan(whole), np.isnan(scene))
    finite = whole[np.isfinite(whole)]
    assert ((finite >= PARAMS.clip[0]) & (finite <= PARAMS.clip[1])).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), gain=st.floats(0.01, 100), offset=st.floats(-1000, 1000))
def test_gain_and_offset_of_the_scene_cancel(seed: int, gain: float, offset: float) -> None:
    scene = random_scene(seed, 40, 50).astype(np.float64)
    changed = scene * gain + offset
    one = stretch(scene.astype(np.float32), 0, 0, statistics_of(scene.astype(np.float32)), PARAMS)
    two = stretch(changed.astype(np.float32), 0, 0, statistics_of(changed.astype(np.float32)), PARAMS)
    np.testing.assert_allclose(one, two, atol=2e-2)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), height=st.integers(1, 60), width=st.integers(1, 60))
def test_json_gives_the_same_statistics_back(seed: int, height: int, width: int) -> None:
    statistics = statistics_of(random_scene(seed, height, width, holes=False))
    back = LocalStatistics.from_json(json.loads(json.dumps(statistics.to_json())))
    np.testing.assert_array_equal(back.centre, statistics.centre)
    np.testing.assert_array_equal(back.scale, statistics.scale)
    assert (back.cell, back.height, back.width) == (statistics.cell, height, width)


def test_scenes_without_any_contrast_or_any_pixel_stay_finite() -> None:
    flat = np.full((3, 20, 20), 7, np.float32)
    assert (stretch(flat, 0, 0, statistics_of(flat), PARAMS) == 0).all()
    nothing = np.full((3, 20, 20), np.nan, np.float32)
    assert np.isnan(stretch(nothing, 0, 0, statistics_of(nothing), PARAMS)).all()


def test_fixed_statistics_are_the_same_everywhere() -> None:
    params = FixedParams(centre=(10, 20), scale=(2, 4), clip=(-3, 3))
    scene = np.stack([np.full((9, 7), 12, np.float32), np.full((9, 7), 40, np.float32)])
    statistics = LocalStatistics.fixed(params, bands=2, height=9, width=7)
    assert (stretch(scene, 0, 0, statistics, params)[0] == 1).all()
    assert (stretch(scene[:, 3:5, 2:], 3, 2, statistics, params)[1] == 3).all(), "(40 - 20) / 4, clipped"
    np.testing.assert_array_equal(patch_statistics(scene, params).centre, statistics.centre)


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(ParameterError, match="no centre and scale yet"):
        LocalStatistics.fixed(FixedParams(), bands=3, height=4, width=4)
    with pytest.raises(ParameterError, match="for 1 bands, not 3"):
        LocalStatistics.fixed(FixedParams(centre=(0,), scale=(1,)), bands=3, height=4, width=4)
    with pytest.raises(ParameterError, match="do not fit a scene"):
        LocalStatistics.from_cells(np.ones((3, 1, 1)), np.ones((3, 1, 1)), params=PARAMS, height=40, width=10)
    with pytest.raises(ParameterError, match="gains for 2 bands"):
        cell_statistics(np.ones((3, 4, 4), np.float32), StretchParams(gains=(1.0, 2.0)))
    with pytest.raises(ParameterError, match="lack 'centre'"):
        LocalStatistics.from_json({"scale": []})
