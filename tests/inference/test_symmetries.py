from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.inference.symmetries import SUBSETS, averaged, entropy


def same(p: np.ndarray) -> np.ndarray:
    return p


@pytest.mark.parametrize("number", SUBSETS)
def test_a_model_without_surroundings_does_not_notice(number):
    batch = np.random.default_rng(0).random((3, 2, 9, 9)).astype(np.float32)
    result = averaged(lambda x: x.mean(axis=1, keepdims=True), same, number)(batch)
    np.testing.assert_allclose(result[:, :1], batch.mean(axis=1, keepdims=True), atol=1e-6)
    assert result.shape[1] == (1 if number == 1 else 2)
    if number > 1:
        assert np.abs(result[:, 1]).max() < 1e-6, "members agree"


@given(st.integers(0, 7))
def test_undo_is_the_inverse_and_all_eight_differ(index):
    image = np.arange(16.0, dtype=np.float32).reshape(1, 4, 4)
    symmetry = SUBSETS[8][index]
    assert np.array_equal(symmetry.undo(symmetry.apply(image)), image)
    assert len({s.apply(image).tobytes() for s in SUBSETS[8]}) == 8


def test_spread_is_the_deviation_over_members():
    left = np.zeros((1, 1, 4, 4), dtype=np.float32)
    left[..., :2] = 1  # answers 1 in the left half of whatever it is shown
    mean, spread = averaged(lambda x: left.copy(), same, 2)(np.zeros((1, 1, 4, 4), dtype=np.float32))[0]
    assert (mean == 0.5).all()
    assert (spread == 0.5).all()


def test_entropy_of_a_coin_is_one_bit_and_of_certainty_none():
    values = entropy(np.array([0.5, 0.0, 1.0], dtype=np.float32))
    np.testing.assert_allclose(values, [1, 0, 0], atol=1e-5)
