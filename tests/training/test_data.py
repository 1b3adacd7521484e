"""Samples and batches: functions of seed, epoch and place, and what an epoch is made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from squares import chips

from landslide_geo.config import AugmentParams, FixedParams, TrainParams
from landslide_geo.training.data import EpochBatches, HeldChips, TrainingChips

PARAMS = TrainParams(epochs=4, late_epochs=1, batch_size=8, negatives_per_epoch=8, augment=AugmentParams(affine=0.2))
LABELLED, NEGATIVES = chips(4, 0), chips(2, 1, landslides=False)


def of(params: TrainParams = PARAMS) -> TrainingChips:
    return TrainingChips(LABELLED, NEGATIVES, params, params.normalisation)


def test_samples_are_functions_of_seed_epoch_and_place() -> None:
    one, other = of(), of()
    for key in [(0, 0), (3, 5)]:
        for first, second in zip(one[key][:3], other[key][:3], strict=True):
            assert torch.equal(first, second)
    assert not torch.equal(one[(0, 0)][0], one[(1, 0)][0])
    image, mask, valid, index = one[(0, 1)]
    assert image.shape == (3, 64, 64)
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    assert set(valid.unique().tolist()) <= {0.0, 1.0}
    assert index == 1


def test_late_epochs_are_gentle() -> None:
    late = of(PARAMS.model_copy(update={"late_augment": None}))[(PARAMS.epochs, 0)][0]
    # Flips only: the same values as without any augmentation, in another place.
    plain = of(PARAMS.model_copy(update={"augment": None}))[(0, 0)][0]
    torch.testing.assert_close(late.flatten().sort().values, plain.flatten().sort().values)


def test_held_chips_are_as_they_are_and_fixed_statistics_are_applied() -> None:
    how = FixedParams(centre=(1000.0, 2000.0, 3000.0), scale=(10.0, 20.0, 30.0), clip=(-1e4, 1e4))
    image, mask, valid, _ = HeldChips(LABELLED, how)[2]
    expected = (LABELLED.image(2) - np.array([1000, 2000, 3000])[:, None, None]) / np.array([10, 20, 30])[:, None, None]
    np.testing.assert_allclose(image, expected, rtol=1e-5)
    np.testing.assert_array_equal(mask[0], LABELLED.mask(2))
    assert valid.all()


def test_an_epoch_has_every_labelled_chip_and_a_fresh_draw_of_negatives() -> None:
    batches = EpochBatches(np.ones(20, bool), 30, PARAMS)
    seen = []
    for epoch in range(2):
        batches.set_epoch(epoch)
        keys = [key for batch in batches for key in batch]
        assert {epoch} == {key[0] for key in keys}
        assert len(keys) == len(batches) * PARAMS.batch_size
        indexes = [key[1] for key in keys]
        assert set(range(20)) <= set(indexes)
        seen.append(frozenset(i for i in indexes if i >= 20))
        assert len(seen[-1]) == PARAMS.negatives_per_epoch
    assert seen[0] != seen[1]


@settings(max_examples=30, deadline=None)
@given(positives=st.integers(1, 30), others=st.integers(1, 30), share=st.sampled_from([0.25, 0.5, 0.8]))
def test_a_balanced_epoch_has_the_share_that_was_asked_for(positives: int, others: int, share: float) -> None:
    landslide = np.arange(positives + others) < positives
    batches = EpochBatches(landslide, 0, PARAMS.model_copy(update={"balance": share, "batch_size": 2}))
    drawn = [index for batch in batches for _, index in batch][: len(landslide)]
    counts = np.bincount(drawn, minlength=len(landslide))
    own = counts[:positives].sum()
    assert abs(own - share * len(landslide)) <= 1.5
    # None once more before all have been there (but for the one that fills the last batch).
    assert np.ptp(counts[:positives]) <= 2
    assert np.ptp(counts[positives:]) <= 2


def test_hard_chips_come_more_often() -> None:
    params = PARAMS.model_copy(update={"hard_share": 0.5, "batch_size": 2})
    batches = EpochBatches(np.ones(40, bool), 0, params)
    losses = np.full(40, 0.01)
    losses[7] = 10.0
    losses[8] = np.nan
    batches.set_epoch(1, losses)
    drawn = np.bincount([index for batch in batches for _, index in batch], minlength=40)
    assert drawn.sum() == 40
    assert drawn[7] > 10
    assert drawn[np.arange(40) != 7].max() < 10
    batches.set_epoch(0)
    assert set(np.bincount([i for batch in batches for _, i in batch])) == {1}, "nothing is known yet: each once"


@pytest.mark.parametrize("world", [1, 2, 4])
@pytest.mark.parametrize("parts", [1, 2])
def test_parts_and_processes_share_out_the_same_steps(world: int, parts: int) -> None:
    whole = list(EpochBatches(np.ones(20, bool), 30, PARAMS))
    shares = [
        list(EpochBatches(np.ones(20, bool), 30, PARAMS, parts=parts, rank=rank, world=world)) for rank in range(world)
    ]
    for step, batch in enumerate(whole):
        found = [key for share in shares for part in share[step * parts : (step + 1) * parts] for key in part]
        assert sorted(found) == sorted(batch)
    assert {len(part) for share in shares for part in share} == {8 // (parts * world)}
