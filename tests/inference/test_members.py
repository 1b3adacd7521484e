from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from landslide_geo.inference.members import Member, averaged, entropy
from landslide_geo.inference.symmetries import SUBSETS, symmetries


def same(p: np.ndarray) -> np.ndarray:
    return p


@pytest.mark.parametrize("number", SUBSETS)
def test_a_model_without_surroundings_does_not_notice(number):
    batch = np.random.default_rng(0).random((3, 2, 9, 9)).astype(np.float32)
    member = Member(lambda x: x.mean(axis=1, keepdims=True), same)
    result = averaged([member], symmetries(number))(batch)
    np.testing.assert_allclose(result[:, :1], batch.mean(axis=1, keepdims=True), atol=1e-6)
    assert result.shape[1] == (1 if number == 1 else 2)
    if number > 1:
        assert np.abs(result[:, 1]).max() < 1e-6, "members agree"


def test_spread_is_the_deviation_over_symmetries():
    left = np.zeros((1, 1, 4, 4), dtype=np.float32)
    left[..., :2] = 1  # answers 1 in the left half of whatever it is shown
    predict = averaged([Member(lambda x: left.copy(), same)], symmetries(2))
    mean, spread = predict(np.zeros((1, 1, 4, 4), dtype=np.float32))[0]
    assert (mean == 0.5).all()
    assert (spread == 0.5).all()


def test_members_are_weighted_calibrated_each_and_see_their_own_channels():
    batch = np.stack([np.full((4, 4), 0.2), np.full((4, 4), 0.8)]).astype(np.float32)[None]
    first = Member(lambda x: x, lambda p: p / 2, channels=slice(0, 1), weight=3)
    second = Member(lambda x: x, same, channels=slice(1, 2), weight=1)
    mean, spread = averaged([first, second], symmetries(1))(batch)[0]
    np.testing.assert_allclose(mean, 0.75 * 0.1 + 0.25 * 0.8, atol=1e-6)
    np.testing.assert_allclose(spread, 0.7 * np.sqrt(0.75 * 0.25), atol=1e-6)


def test_one_symmetry_that_is_not_the_identity_is_undone():
    batch = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    result = averaged([Member(lambda x: x, same)], symmetries(["rotate90"]))(batch)
    np.testing.assert_array_equal(result[:, :1], batch)


def test_members_that_give_one_value_per_window_average_alike():
    batch = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    result = averaged([Member(lambda x: x[:, :, 0, 0], same)], symmetries(8))(batch)
    assert result.shape == (1, 2)
    assert result[0, 0] == np.mean([0, 3, 12, 15])


def test_entropy_of_a_coin_is_one_bit_and_of_certainty_none():
    values = entropy(np.array([0.5, 0.0, 1.0], dtype=np.float32))
    np.testing.assert_allclose(values, [1, 0, 0], atol=1e-5)


def bent(p: np.ndarray) -> np.ndarray:
    return (p**2).astype(np.float32)


def ensemble(number: int) -> list[Member]:
    """Networks that answer differently, and differently again to a window that is turned."""
    slope = np.linspace(0, 1, 64, dtype=np.float32)
    return [Member(lambda x, k=k: np.clip(x * slope + 0.1 * k, 0, 1), bent, weight=k + 1) for k in range(number)]


def test_mean_and_spread_are_those_of_all_answers_at_once():
    batch = np.random.default_rng(0).random((2, 1, 64, 64), dtype=np.float32)
    members, over = ensemble(3), symmetries(8)
    answers = np.array(
        [[bent(s.undo(member.network(s.apply(batch)))) for s in over] for member in members], dtype=np.float64
    )
    weights = np.repeat([member.weight for member in members], len(over)) / 6 / len(over)
    middle = np.average(answers.reshape(24, *batch.shape), axis=0, weights=weights)
    squares = np.average((answers.reshape(24, *batch.shape) - middle) ** 2, axis=0, weights=weights)
    mean = np.average(
        [bent(np.mean([s.undo(member.network(s.apply(batch))) for s in over], axis=0)) for member in members],
        axis=0, weights=[1, 2, 3],
    )  # fmt: skip
    got = averaged(members, over)(batch)
    np.testing.assert_allclose(got[:, :1], mean, atol=1e-6)
    np.testing.assert_allclose(got[:, 1:], np.sqrt(squares), atol=1e-6)


def test_memory_does_not_grow_with_the_number_of_answers():
    batch = np.random.default_rng(0).random((2, 1, 64, 64), dtype=np.float32)

    def peak(number: int, over: int) -> int:
        predict = averaged(ensemble(number), symmetries(over))
        tracemalloc.start()
        predict(batch)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    assert peak(4, 8) < 1.2 * peak(1, 2)
