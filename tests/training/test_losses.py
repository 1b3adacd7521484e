"""Losses: limits, and pixels that must not count."""

from __future__ import annotations

import math

import pytest
import torch

from landslide_geo.training.losses import LOSSES, bce

MASK = torch.zeros(2, 1, 8, 8)
MASK[:, :, :4] = 1
VALID = torch.ones_like(MASK)


@pytest.mark.parametrize("name", LOSSES)
def test_a_perfect_answer_costs_nothing_and_a_wrong_one_much(name: str) -> None:
    loss = LOSSES[name]
    assert float(loss((MASK * 2 - 1) * 30, MASK, VALID)) == pytest.approx(0, abs=1e-3)
    assert float(loss((1 - MASK * 2) * 30, MASK, VALID)) > 10


@pytest.mark.parametrize("name", LOSSES)
def test_invalid_pixels_do_not_matter(name: str) -> None:
    loss = LOSSES[name]
    valid = VALID.clone()
    valid[..., :3] = 0
    logits = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    other, other_mask = logits.clone(), MASK.clone()
    other[..., :3] = 17
    other_mask[..., :3] = 1 - other_mask[..., :3]
    torch.testing.assert_close(loss(logits, MASK, valid), loss(other, other_mask, valid))


def test_cross_entropy_of_doubt_is_log_two() -> None:
    assert float(bce(torch.zeros_like(MASK), MASK, VALID)) == pytest.approx(math.log(2))
    assert float(bce(torch.zeros_like(MASK), MASK, torch.zeros_like(MASK))) == 0
