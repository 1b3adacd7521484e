"""Splits: a partition, with the shares asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from landslide_geo.chips.splits import by_block, folded, stratified


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


@given(st.lists(st.tuples(st.sampled_from("abcdefghijkl"), st.booleans()), min_size=1), st.integers(2, 5))
def test_folds_are_a_partition_that_keeps_blocks_together(chips: list[tuple[str, bool]], folds: int) -> None:
    blocks, positive = [block for block, _ in chips], [hit for _, hit in chips]
    of = folded(blocks, positive, folds=folds, seed=0)
    assert len(set(zip(blocks, of, strict=True))) == len(set(blocks))
    assert set(of) <= set(range(folds))
    assert of == folded(blocks, positive, folds=folds, seed=0)


@given(st.integers(10, 200), st.integers(2, 7), st.integers(0, 99))
def test_folds_of_single_chips_are_even_in_number_and_in_landslides(count: int, folds: int, seed: int) -> None:
    positive = [i % 3 == 0 for i in range(count)]
    of = folded([str(i) for i in range(count)], positive, folds=folds, seed=seed)
    for wanted in (True, False):
        own = [fold for fold, hit in zip(of, positive, strict=True) if hit == wanted]
        sizes = [own.count(fold) for fold in range(folds)]
        assert max(sizes) - min(sizes) <= 1
