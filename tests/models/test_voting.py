"""How answers become one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.models.voting import Poll, anchored

UNIT = st.floats(0, 1, width=32)
INSIDE = st.floats(0.02, 0.98)


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def plain(values: np.ndarray) -> np.ndarray:
    return values


@given(st.lists(UNIT, min_size=2, max_size=8), INSIDE)
def test_bending_keeps_order_and_ends_and_moves_the_threshold_to_a_half(values: list[float], threshold: float) -> None:
    bent = anchored(array(*sorted(values)), threshold)
    assert (np.diff(bent) >= -1e-6).all()
    assert ((bent >= 0) & (bent <= 1)).all()
    assert anchored(array(0, threshold, 1), threshold) == pytest.approx([0, 0.5, 1], abs=1e-6)
    assert ((bent >= 0.5) == (array(*sorted(values)) >= np.float32(threshold)))[abs(bent - 0.5) > 1e-5].all()


def test_bending_is_straight_on_both_sides() -> None:
    assert anchored(array(0.1, 0.2, 0.6), 0.2) == pytest.approx([0.25, 0.5, 0.75])
    assert np.isnan(anchored(array(np.nan), 0.3)).all()


@given(
    st.lists(st.lists(UNIT, min_size=3, max_size=3), min_size=1, max_size=4), st.lists(INSIDE, min_size=4, max_size=4)
)
def test_without_abstention_it_is_the_weighted_mean_of_means(members: list[list[float]], drawn: list[float]) -> None:
    weights = np.array(drawn[: len(members)]) / sum(drawn[: len(members)])
    poll = Poll()
    for answers, weight in zip(members, weights, strict=True):
        poll.ask((array(value) for value in answers), plain, weight, count=3)
    values = np.array(members, dtype=np.float32)
    assert poll.mean[0] == pytest.approx(weights @ values.mean(axis=1), abs=1e-6)
    variance = weights @ ((values - poll.mean[0]) ** 2).mean(axis=1)
    assert poll.spread[0] == pytest.approx(np.sqrt(variance), abs=1e-5)


def test_a_member_whose_answers_disagree_abstains_where_they_do() -> None:
    poll = Poll(abstain=0.15)
    poll.ask([array(0.9, 0.9), array(0.1, 0.9)], plain, 0.75, count=2)  # disagrees with itself on the first
    poll.ask([array(0.2, 0.1), array(0.2, 0.1)], plain, 0.25, count=2)
    assert poll.mean == pytest.approx([0.2, 0.75 * 0.9 + 0.25 * 0.1])


def test_where_all_abstain_all_count() -> None:
    poll = Poll(abstain=0.1)
    poll.ask([array(0.0), array(1.0)], plain, 0.5, count=2)
    poll.ask([array(0.2), array(1.0)], plain, 0.5, count=2)
    assert poll.mean == pytest.approx([0.55])


def test_what_settles_is_asked_of_the_mean_of_raw_answers() -> None:
    poll = Poll()
    poll.ask([array(0.0), array(1.0)], np.square, 1.0, count=2)
    assert poll.mean == pytest.approx([0.25])
    assert poll.spread == pytest.approx([0.5])
