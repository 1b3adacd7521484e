"""Splits: a partition, with the shares asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.chips.splits import by_block, stratified


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1), st.integers(0, 99))
def test_blocks_stay_together_and_something_is_left_to_train_on(blocks: list[str], seed: int) -> None:
    splits = by_block(blocks, validation=0.3, test=0.3, seed=seed)
    assert len(set(zip(blocks, splits, strict=True))) == len(set(blocks))
    assert "train" in splits


@given(st.integers(20, 300), st.integers(0, 99))
def test_single_chips_come_near_to_the_shares(count: int, seed: int) -> None:
    splits = by_block([str(i) for i in range(count)], validation=0.2, test=0.1, seed=seed)
    assert abs(splits.count("validation") - 0.2 * count) <= 0.5
    assert abs(splits.count("test") - 0.1 * count) <= 0.5


@given(st.lists(st.integers(0, 1), min_size=1, max_size=200), st.integers(0, 99))
def test_labels_are_shared_out_evenly(labels: list[int], seed: int) -> None:
    splits = stratified(labels, validation=0.33, seed=seed)
    assert splits == stratified(labels, validation=0.33, seed=seed)
    for label in set(labels):
        of = [split for split, own in zip(splits, labels, strict=True) if own == label]
        assert of.count("validation") == round(0.33 * len(of))


def test_the_seed_draws() -> None:
    assert len({tuple(stratified([0, 1] * 30, validation=0.5, seed=seed)) for seed in range(5)}) == 5
