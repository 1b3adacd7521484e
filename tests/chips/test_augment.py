"""Augmentation: symmetries that undo themselves, and a stretch that follows the scene's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.chips import augment
from landslide_geo.config import AugmentParams, StretchParams
from landslide_geo.scene.stretch import LocalStatistics, stretch

STRETCH = StretchParams(cell=16, clip=(-50, 50))


def test_the_eight_symmetries_differ_and_are_undone() -> None:
    square = torch.arange(16.0).reshape(1, 4, 4)
    turned = [augment.symmetry(square, index) for index in range(8)]
    assert len({tuple(one.flatten().tolist()) for one in turned}) == 8
    for index, one in enumerate(turned):
        assert torch.equal(augment.undo_symmetry(one, index), square)


def test_four_passes_are_the_flips_of_both_axes() -> None:
    square = torch.arange(16.0).reshape(4, 4)
    expected = [square, square.flip(-1), square.flip(-2), square.flip(-1, -2)]
    found = [augment.symmetry(square, index) for index in augment.TTA_SYMMETRIES[4]]
    assert all(any(torch.equal(one, other) for other in found) for one in expected)


def test_without_parameters_the_stretch_is_that_of_a_scene_of_one_cell() -> None:
    values = np.random.default_rng(0).normal(100, 20, (3, 16, 16)).astype(np.float32)
    values[:, 0, 0] = np.nan
    centre, scale = np.array([90, 95, 100], np.float32), np.array([10, 20, 30], np.float32)
    statistics = LocalStatistics(centre[:, None, None], scale[:, None, None], 16, 16, 16)
    found = augment.jittered_stretch(values, centre, scale, params=None, stretch=STRETCH, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(found, stretch(values, 0, 0, statistics, STRETCH))


def test_the_jitter_varies_as_an_interpolated_grid_does() -> None:
    params = AugmentParams(scale_jitter=0, band_gain=0, band_centre_jitter=0, centre_jitter=0.5, corner_jitter=1.0)
    one = np.ones(1, np.float32)
    found = augment.jittered_stretch(
        np.zeros((1, 16, 16), np.float32), 0 * one, one, params=params, stretch=STRETCH, rng=np.random.default_rng(1)
    )[0]
    assert np.ptp(found) > 0.1
    # Bilinear: second differences vanish along both axes.
    assert np.abs(np.diff(found, 2, axis=0)).max() < 1e-5
    assert np.abs(np.diff(found, 2, axis=1)).max() < 1e-5


@given(seed=st.integers(0, 10_000))
def test_geometry_moves_image_and_mask_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    plane = torch.from_numpy(rng.random((1, 32, 32)).astype(np.float32))
    moved = augment.geometry(plane.repeat(2, 1, 1), AugmentParams(), rng)
    assert moved.shape == (2, 32, 32)
    assert torch.equal(moved[0], moved[1])
    assert moved.min() >= plane.min() - 1e-6
    assert moved.max() <= plane.max() + 1e-6


def test_the_same_randomness_gives_the_same_patch() -> None:
    patch = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
    runs = [
        augment.degrade(augment.geometry(patch, AugmentParams(), rng), AugmentParams(), rng)
        for rng in (np.random.default_rng(5), np.random.default_rng(5))
    ]
    assert torch.equal(*runs)


def test_flips_alone_keep_every_value() -> None:
    patch = torch.arange(16.0).reshape(1, 4, 4)
    for seed in range(20):
        moved = augment.geometry(patch, None, np.random.default_rng(seed))
        assert sorted(moved.flatten().tolist()) == sorted(patch.flatten().tolist())


@given(seed=st.integers(0, 1000), size=st.sampled_from([16, 64, 128]))
def test_cutmix_boxes_lie_inside(seed: int, size: int) -> None:
    rows, cols = augment.cutmix_box(size, np.random.default_rng(seed))
    for side in (rows, cols):
        assert 0 <= side.start < side.stop <= size
        assert size // 4 <= side.stop - side.start < 3 * size // 4


def test_noise_stays_small() -> None:
    params = AugmentParams(blur=0, noise=0.1)
    noise = augment.degrade(torch.zeros(3, 64, 64), params, np.random.default_rng(0))
    assert float(noise.std()) <= 0.11
    assert float(noise.mean()) == pytest.approx(0, abs=0.01)
