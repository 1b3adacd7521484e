from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.errors import ParameterError
from landslide_geo.inference.symmetries import SUBSETS, SYMMETRIES, symmetries

IMAGE = np.arange(16.0, dtype=np.float32).reshape(1, 4, 4)


@given(st.sampled_from(sorted(SYMMETRIES)))
def test_undo_is_the_inverse(name):
    symmetry = SYMMETRIES[name]
    assert np.array_equal(symmetry.undo(symmetry.apply(IMAGE)), IMAGE)
    assert symmetry.is_identity == np.array_equal(symmetry.apply(IMAGE), IMAGE)


def test_all_eight_differ():
    assert len({s.apply(IMAGE).tobytes() for s in symmetries(8)}) == 8


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rotate90", np.rot90),
        ("rotate180", lambda a: np.rot90(a, 2)),
        ("flip_vertical", np.flipud),
        ("flip_horizontal", np.fliplr),
        ("transpose", np.transpose),
        ("antitranspose", lambda a: np.rot90(a.T, 2)),
    ],
)
def test_names_mean_what_they_say(name, expected):
    np.testing.assert_array_equal(SYMMETRIES[name].apply(IMAGE)[0], expected(IMAGE[0]))


def test_numbers_stand_for_groups():
    for number, names in SUBSETS.items():
        assert len(names) == number
        assert symmetries(number) == symmetries(list(names))


@pytest.mark.parametrize("wrong", [3, ["sideways"], [], ["identity", "identity"]])
def test_what_is_no_set_of_symmetries_is_refused(wrong):
    with pytest.raises(ParameterError, match="tta"):
        symmetries(wrong)
