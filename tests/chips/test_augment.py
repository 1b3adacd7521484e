"""Augmentation: symmetries that undo themselves, and a stretch that follows the scene's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from landslide_geo.chips import augment
from landslide_geo.chips.pictures import equalised_brightness
from landslide_geo.config import GENTLE, AugmentParams, StretchParams
from landslide_geo.scene.stretch import LocalStatistics, stretch

SEEDS = st.integers(0, 10_000)
#: Everything that moves, often.
MOVING = AugmentParams(affine=0.7, shift=0.3, crop=0.7, crop_share=(0.2, 1.0))
#: Nothing at all.
OFF = AugmentParams(
    flips=False, affine=0, centre_jitter=0, band_centre_jitter=0, scale_jitter=0, band_gain=0, noise=0, blur=0, cutmix=0
)
#: Everything that changes an image and not its mask.
WORN = AugmentParams(colour=0.7, blur=0.5, noise=0.2, noise_probability=0.5, holes=0.7)
STRETCH = StretchParams(cell=16, clip=(-50, 50))


def test_the_eight_symmetries_differ_and_are_undone() -> None:
    square = torch.arange(16.0).reshape(1, 4, 4)
    turned = [augment.symmetry(square, index) for index in range(8)]
    assert len({tuple(one.flatten().tolist()) for one in turned}) == 8
    assert torch.equal(turned[0], square)
    for index, one in enumerate(turned):
        assert torch.equal(augment.undo_symmetry(one, index), square)


@given(first=st.integers(0, 7), second=st.integers(0, 7))
def test_two_symmetries_are_a_third(first: int, second: int) -> None:
    """They are a group: turns add up, and a flip turns what comes before it the other way round."""
    square = torch.arange(25.0).reshape(1, 5, 5)
    turns = first + second if first < 4 else first - second
    expected = turns % 4 + 4 * ((first >= 4) != (second >= 4))
    assert torch.equal(augment.symmetry(augment.symmetry(square, first), second), augment.symmetry(square, expected))


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


@given(seed=SEEDS, sides=st.sampled_from([(32, 32), (24, 40)]))
def test_geometry_moves_image_and_mask_together(seed: int, sides: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    plane = torch.from_numpy(rng.random((1, *sides)).astype(np.float32))
    square = sides[0] == sides[1]
    params = MOVING if square else MOVING.model_copy(update={"flips": False})
    moved = augment.geometry(plane.repeat(2, 1, 1), params, rng)
    assert moved.shape == (2, *sides)
    assert moved.dtype == torch.float32
    assert torch.equal(moved[0], moved[1])
    assert moved.min() >= plane.min() - 1e-6
    assert moved.max() <= plane.max() + 1e-6


@given(seed=SEEDS)
def test_what_lies_beyond_what_was_seen_does_not_become_valid(seed: int) -> None:
    """Values that say whether they are valid: wherever validity is whole after moving, so are they."""
    rng = np.random.default_rng(seed)
    valid = torch.from_numpy((rng.random((1, 16, 16)) < 0.9).astype(np.float32)).repeat_interleave(2, -1)
    valid = valid.repeat_interleave(2, -2)
    moved = augment.geometry(torch.cat([valid * 3, valid]), MOVING, rng)
    torch.testing.assert_close(
        moved[0][moved[1] > 0.99], torch.full_like(moved[0][moved[1] > 0.99], 3.0), atol=0.031, rtol=0
    )
    none = augment.geometry(torch.zeros(2, 32, 32), MOVING, rng)
    assert not none.any()


@given(seed=SEEDS)
def test_what_is_off_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    patch = torch.from_numpy(rng.normal(size=(5, 16, 16)).astype(np.float32))
    assert torch.equal(augment.geometry(patch, OFF, rng), patch)
    assert torch.equal(augment.degrade(patch, OFF, rng), patch)
    assert torch.equal(augment.mixed(patch, patch + 1, OFF, rng), patch)
    assert torch.equal(augment.mixed(patch, patch + 1, None, rng), patch)
    picture = rng.uniform(0, 255, (3, 16, 16)).astype(np.float32)
    assert augment.equalised(picture, OFF, rng) is picture
    assert augment.equalised(picture, None, rng) is picture


@pytest.mark.parametrize("params", [AugmentParams(), GENTLE])
def test_the_shipped_model_was_trained_without_what_came_later(params: AugmentParams) -> None:
    off = {"crop", "equalise", "colour", "holes", "mixup"}
    assert {name: value for name, value in params.model_dump().items() if name in off} == dict.fromkeys(off, 0.0)
    assert (params.shift, params.blur_sigma, params.noise_probability, params.cutmix_alpha) == (
        0.1,
        (0.4, 1.0),
        1,
        None,
    )


@given(shift=st.floats(0, 0.5), seed=SEEDS)
def test_a_shift_is_no_larger_than_asked_for(shift: float, seed: int) -> None:
    """Of a plane that rises along both axes, the value at the centre tells where it came from."""
    rows, cols = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    params = AugmentParams(flips=False, affine=1, rotation_deg=0, zoom=(1, 1), shift=shift)
    moved = augment.geometry(torch.stack([rows, cols]), params, np.random.default_rng(seed))
    moves = (moved[:, 32, 32] - 32).abs() / 64
    assert float(moves.max()) <= min(shift, 0.5) + 1e-4


@given(seed=SEEDS, share=st.floats(0.1, 1))
def test_a_part_is_enlarged_to_the_whole(seed: int, share: float) -> None:
    rows, cols = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    params = AugmentParams(flips=False, affine=0, crop=1, crop_share=(share, share))
    part = augment.geometry(torch.stack([rows, cols]), params, np.random.default_rng(seed))
    side = max(1, round(64 * share))
    for plane in part:
        assert float(plane.max() - plane.min()) == pytest.approx(side - 1, abs=1e-3)
        assert float(plane.min()) >= 0
        assert float(plane.max()) <= 63


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


def pair(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two patches of other values each, with masks and validity of 0 and 1."""
    rng = np.random.default_rng(seed)
    first, second = (torch.from_numpy(rng.random((5, 32, 24)).astype(np.float32)) + offset for offset in (0.0, 2.0))
    for patch in (first, second):
        patch[-2:] = torch.from_numpy((rng.random((2, 32, 24)) < 0.7).astype(np.float32))
    return first, second


@given(seed=SEEDS, alpha=st.sampled_from([None, 0.2, 1.0]))
def test_cutmix_takes_a_rectangle_with_mask_and_validity(seed: int, alpha: float | None) -> None:
    first, second = pair(seed)
    before = first.clone()
    found = augment.mixed(first, second, AugmentParams(cutmix=1, cutmix_alpha=alpha), np.random.default_rng(seed))
    taken = found[0] >= 2
    assert taken.any()
    assert taken.sum() == int(taken.any(dim=1).sum()) * int(taken.any(dim=0).sum())  # a rectangle
    assert torch.equal(found, torch.where(taken, second, first))
    assert torch.equal(first, before)


def test_the_rectangle_s_area_is_beta_distributed() -> None:
    """Beta(1, 1) is uniform: mean ½, variance 1/12."""
    rng = np.random.default_rng(0)
    first, second = torch.zeros(3, 64, 64), torch.ones(3, 64, 64)
    params = AugmentParams(cutmix=1, cutmix_alpha=1.0)
    areas = np.array([float(augment.mixed(first, second, params, rng)[0].mean()) for _ in range(600)])
    assert areas.mean() == pytest.approx(1 / 2, abs=0.04)
    assert areas.var() == pytest.approx(1 / 12, abs=0.015)


@given(seed=SEEDS, alpha=st.floats(0.1, 5))
def test_mixup_is_one_weighted_mean_of_image_and_mask(seed: int, alpha: float) -> None:
    first, second = pair(seed)
    params = AugmentParams(cutmix=0, mixup=1, mixup_alpha=alpha)
    found = augment.mixed(first, second, params, np.random.default_rng(seed))
    weight = float(((second - found)[0] / (second - first)[0]).mean())
    assert -1e-6 <= weight <= 1 + 1e-6
    torch.testing.assert_close(found[:-1], weight * first[:-1] + (1 - weight) * second[:-1], atol=1e-4, rtol=0)
    assert torch.equal(found[-1], first[-1] * second[-1])
    assert found.dtype == torch.float32
    assert found[-2].min() >= 0
    assert found[-2].max() <= 1 + 1e-6


def test_the_other_patch_is_read_only_where_it_is_needed() -> None:
    first, second = pair(0)
    calls = []

    def other() -> torch.Tensor:
        calls.append(1)
        return second

    rng = np.random.default_rng(0)
    params = AugmentParams(cutmix=0.3, mixup=0.2)
    changed = [not torch.equal(augment.mixed(first, other, params, rng), first) for _ in range(400)]
    assert len(calls) == pytest.approx(200, abs=40)
    assert sum(changed) <= len(calls)
    one, same = (augment.mixed(first, given, params, np.random.default_rng(3)) for given in (second, other))
    assert torch.equal(one, same)


@given(seed=SEEDS)
def test_wear_keeps_shape_and_type_and_repeats_itself(seed: int) -> None:
    image = torch.from_numpy(np.random.default_rng(seed).normal(size=(4, 16, 24)).astype(np.float32))
    before = image.clone()
    found, again = (augment.degrade(image, WORN, np.random.default_rng(seed)) for _ in range(2))
    assert torch.equal(found, again)
    assert found.shape == image.shape
    assert found.dtype == torch.float32
    assert torch.isfinite(found).all()
    assert torch.equal(image, before)


@given(seed=SEEDS, count=st.integers(1, 6), size=st.floats(0.05, 0.5))
def test_holes_are_zero_in_all_bands_and_elsewhere_nothing_changes(seed: int, count: int, size: float) -> None:
    image = torch.full((3, 40, 40), 7.0)
    params = OFF.model_copy(update={"holes": 1.0, "hole_count": count, "hole_size": (size, size)})
    found = augment.degrade(image, params, np.random.default_rng(seed))
    hole = found[0] == 0
    assert torch.equal(found, torch.where(hole, 0.0, image))
    side = max(1, round(40 * size))
    assert side**2 <= int(hole.sum()) <= count * side**2


@given(seed=SEEDS)
def test_other_colours_keep_the_order_of_values_in_a_band(seed: int) -> None:
    ramp = torch.linspace(-4, 4, 64).reshape(1, 8, 8).repeat(3, 1, 1)
    params = OFF.model_copy(update={"colour": 1.0})
    found = augment.degrade(ramp, params, np.random.default_rng(seed)).reshape(3, -1)
    assert (found.diff(dim=1) > 0).all()
    assert not torch.equal(found[0], found[1])


@pytest.mark.parametrize(
    ("name", "expected"),
    [("brightness", 0.5), ("contrast", 0.5), ("band_brightness", 0.5), ("band_contrast", 0.5), ("gamma", 0.2)],
)
def test_each_change_of_colour_is_spread_as_asked_for(name: str, expected: float) -> None:
    """Offset, logarithm of the gain, and curvature, told from the values at −1, 0 and 1."""
    none = dict.fromkeys(("brightness", "contrast", "gamma", "band_brightness", "band_contrast"), 0.0)
    params = OFF.model_copy(update=none | {"colour": 1.0, name: expected})
    rng = np.random.default_rng(0)
    image = torch.tensor([-1.0, 0.0, 1.0]).reshape(1, 1, 3).repeat(2, 1, 1)
    draws = torch.stack([augment.degrade(image, params, rng)[:, 0] for _ in range(1000)]).double()
    low, middle, high = draws.unbind(dim=-1)
    told = {
        "brightness": middle,
        "contrast": ((high - low) / 2).log(),
        "gamma": ((high - middle) / (middle - low)).log(),
    }[name.removeprefix("band_")]
    assert float(told.std()) == pytest.approx(expected, rel=0.1)
    assert float(told.mean()) == pytest.approx(0, abs=0.05)
    assert torch.equal(told[:, 0], told[:, 1]) == (not name.startswith("band_"))


def test_noise_stays_small() -> None:
    params = AugmentParams(blur=0, noise=0.1)
    noise = augment.degrade(torch.zeros(3, 64, 64), params, np.random.default_rng(0))
    assert float(noise.std()) <= 0.11
    assert float(noise.mean()) == pytest.approx(0, abs=0.01)


def test_noise_may_be_left_to_chance() -> None:
    params = OFF.model_copy(update={"noise": 0.1, "noise_probability": 0.3})
    rng = np.random.default_rng(0)
    noisy = sum(bool(augment.degrade(torch.zeros(1, 2, 2), params, rng).any()) for _ in range(500))
    assert noisy == pytest.approx(150, abs=40)


def test_blur_keeps_the_mean_and_lowers_the_spread() -> None:
    image = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 64, 64)).astype(np.float32))
    params = OFF.model_copy(update={"blur": 1.0, "blur_sigma": (0.8, 0.8)})
    found = augment.degrade(image, params, np.random.default_rng(0))
    assert float(found.mean()) == pytest.approx(float(image.mean()), abs=0.01)
    assert float(found.std()) < 0.6 * float(image.std())


def test_pictures_are_equalised_sometimes_and_other_bands_stay() -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(20, 90, (4, 16, 16)).astype(np.float32)
    before, params = values.copy(), AugmentParams(equalise=0.5)
    runs = [augment.equalised(values, params, rng) for _ in range(200)]
    changed = [run for run in runs if run is not values]
    assert len(changed) == pytest.approx(100, abs=30)
    for run in changed:
        np.testing.assert_array_equal(run[:3], equalised_brightness(values[:3]))
        np.testing.assert_array_equal(run[3], values[3])
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"cutmix": 0.7, "mixup": 0.5}, "exclude each other"),
        ({"zoom": (1.4, 0.7)}, "give the smaller number first"),
        ({"zoom": (0.0, 1.0)}, "no range above zero"),
        ({"crop_share": (0.5, 1.5)}, "at most 1"),
        ({"hole_size": (0.5, 1.5)}, "at most 1"),
        ({"crop": 2}, "less than or equal to 1"),
        ({"elastic": 1}, "Extra inputs"),
    ],
)
def test_parameters_are_checked(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        AugmentParams.model_validate(wrong)
