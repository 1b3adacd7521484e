"""Losses: closed forms, limits, and pixels that must not count."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch.nn import functional

from landslide_geo.config import LossKind, LossParams
from landslide_geo.training.losses import (
    bce,
    bce_dice,
    bce_lovasz,
    dice,
    focal,
    focal_tversky,
    loss_function,
    lovasz,
    sample_losses,
    tversky,
)

KINDS = get_args(LossKind)
MASK = torch.zeros(2, 1, 8, 8)
MASK[:, :, :4] = 1
VALID = torch.ones_like(MASK)
#: Losses that are means over pixels, and losses of the sums over a batch.
OF_REGIONS = ("dice", "tversky", "focal_tversky")


def made(kind: str, **options: Any) -> Any:
    return loss_function(LossParams.model_validate({"kind": kind} | options))


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape or (2, 1, 8, 8), generator=torch.Generator().manual_seed(seed))


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_answer_costs_nothing_and_a_wrong_one_much(kind: str) -> None:
    loss = made(kind)
    assert float(loss((MASK * 2 - 1) * 30, MASK, VALID)) == pytest.approx(0, abs=1e-3)
    assert float(loss((1 - MASK * 2) * 30, MASK, VALID)) > (0.99 if kind in OF_REGIONS else 9)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 10**6), soft=st.booleans())
@settings(max_examples=20)
def test_invalid_pixels_do_not_matter(kind: str, seed: int, soft: bool) -> None:
    loss = made(kind)
    valid = (noise(seed) > -0.5).float()
    mask = torch.sigmoid(noise(seed + 1)) if soft else (noise(seed + 1) > 0).float()
    logits = noise(seed + 2).requires_grad_()
    other = torch.where(valid > 0, logits, 17 * torch.ones_like(logits))
    other_mask = torch.where(valid > 0, mask, 1 - mask)
    torch.testing.assert_close(loss(logits, mask, valid), loss(other, other_mask, valid))
    (gradient,) = torch.autograd.grad(loss(logits, mask, valid), logits)
    assert torch.isfinite(gradient).all()
    assert not gradient[valid == 0].any()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_valid_costs_nothing_and_teaches_nothing(kind: str) -> None:
    logits = noise(0).requires_grad_()
    loss = made(kind)(logits, MASK, torch.zeros_like(VALID))
    assert float(loss.detach()) == 0
    (gradient,) = torch.autograd.grad(loss, logits)
    assert not gradient.any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_without_landslides_gives_finite_gradients(kind: str) -> None:
    logits = noise(1).requires_grad_()
    loss = made(kind)(logits, torch.zeros_like(MASK), VALID)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_against_the_gradient_makes_it_smaller(kind: str) -> None:
    logits = noise(2).requires_grad_()
    loss = made(kind)
    before = loss(logits, MASK, VALID)
    (gradient,) = torch.autograd.grad(before, logits)
    step = 0.1 * gradient / gradient.norm()
    assert float(loss(logits.detach() - step, MASK, VALID)) < float(before.detach())


def test_cross_entropy_of_doubt_is_log_two() -> None:
    assert float(bce(torch.zeros_like(MASK), MASK, VALID)) == pytest.approx(math.log(2))
    assert float(bce(torch.zeros_like(MASK), MASK, torch.zeros_like(MASK))) == 0


def test_cross_entropy_is_that_of_two_classes() -> None:
    two, mask = noise(3, 2, 2, 8, 8), MASK[:, 0].long()
    torch.testing.assert_close(bce(two[:, 1:] - two[:, :1], MASK, VALID), functional.cross_entropy(two, mask))


@given(probability=st.floats(0.05, 0.95), share=st.floats(0, 1), weight=st.floats(0.1, 20))
def test_weighted_cross_entropy_of_a_soft_mask(probability: float, share: float, weight: float) -> None:
    found = made("weighted_bce", positive_weight=weight)(
        torch.full_like(MASK, logit(probability)), torch.full_like(MASK, share), VALID
    )
    expected = -weight * share * math.log(probability) - (1 - share) * math.log(1 - probability)
    assert float(found) == pytest.approx(expected, rel=1e-4)


@given(probability=st.floats(0.05, 0.95), alpha=st.floats(0, 1), gamma=st.floats(0.5, 4))
def test_focal_loss_of_one_probability(probability: float, alpha: float, gamma: float) -> None:
    """Half of the pixels are landslides: −α (1 − p)^γ log p, and −(1 − α) p^γ log (1 − p)."""
    found = made("focal", alpha=alpha, gamma=gamma)(torch.full_like(MASK, logit(probability)), MASK, VALID)
    landslide = -alpha * (1 - probability) ** gamma * math.log(probability)
    ground = -(1 - alpha) * probability**gamma * math.log(1 - probability)
    assert float(found) == pytest.approx((landslide + ground) / 2, rel=1e-3, abs=1e-7)


def test_focal_loss_without_focus_is_cross_entropy() -> None:
    logits = noise(4)
    torch.testing.assert_close(focal(logits, MASK, VALID, alpha=None, gamma=0.0), bce(logits, MASK, VALID))
    torch.testing.assert_close(focal(logits, MASK, VALID, alpha=0.5, gamma=0.0), bce(logits, MASK, VALID) / 2)
    assert float(made("focal", alpha=None)(logits, MASK, VALID)) > 0


@given(probability=st.floats(0.05, 0.95), share=st.floats(0.05, 1), alpha=st.floats(0.05, 1), beta=st.floats(0.05, 1))
def test_regions_of_one_probability(probability: float, share: float, alpha: float, beta: float) -> None:
    """A mask of one value m under one probability p: TP = min(p, m), FP and FN what is left of p and of m."""
    p, m = probability, share
    logits, mask = torch.full_like(MASK, logit(p)), torch.full_like(MASK, m)
    assert float(dice(logits, mask, VALID)) == pytest.approx(1 - 2 * min(p, m) / (p + m), abs=1e-5)
    hit = min(p, m)
    expected = 1 - hit / (hit + alpha * (p - hit) + beta * (m - hit))
    found = made("tversky", tversky_alpha=alpha, tversky_beta=beta)(logits, mask, VALID)
    assert float(found) == pytest.approx(expected, abs=1e-5)
    rooted = made("focal_tversky", tversky_alpha=alpha, tversky_beta=beta, gamma=4 / 3)(logits, mask, VALID)
    # The root magnifies the rounding of what is next to nothing.
    assert float(rooted) == pytest.approx(expected**0.75, abs=1e-4 if expected > 1e-3 else 1e-2)


@given(share=st.floats(0.1, 0.9), probability=st.floats(0.05, 0.95))
def test_regions_of_a_hard_mask(share: float, probability: float) -> None:
    """A share s of landslide pixels: TP = ps, FP = p(1 − s), FN = (1 − p)s."""
    rows = max(1, round(8 * share))
    mask = torch.zeros_like(MASK)
    mask[:, :, :rows] = 1
    s, p = rows / 8, probability
    found = dice(torch.full_like(MASK, logit(p)), mask, VALID)
    assert float(found) == pytest.approx(1 - 2 * p * s / (p + s), abs=1e-5)


def test_equal_weights_make_tversky_dice() -> None:
    logits = noise(5)
    torch.testing.assert_close(tversky(logits, MASK, VALID, alpha=0.5, beta=0.5), dice(logits, MASK, VALID))
    assert focal_tversky(logits, MASK, VALID, gamma=1.0) == tversky(logits, MASK, VALID)


def test_lovasz_of_wrong_answers_is_one_minus_iou_times_the_margin() -> None:
    """Logits ±1 have hinge errors of 2 where wrong and 0 where right, so it is 2 · (1 − IoU)."""
    for seed in range(5):
        answer = (noise(seed) > 0).float()
        iou = float((answer * MASK).sum() / (answer + MASK).clamp(max=1).sum())
        assert float(lovasz(answer * 2 - 1, MASK, VALID)) == pytest.approx(2 * (1 - iou), abs=1e-5)


@pytest.mark.parametrize(("both", "second", "kind"), [(bce_dice, dice, "bce_dice"), (bce_lovasz, lovasz, "bce_lovasz")])
def test_sums_are_sums(both: Any, second: Any, kind: str) -> None:
    logits = noise(6)
    first, other = bce(logits, MASK, VALID), second(logits, MASK, VALID)
    torch.testing.assert_close(both(logits, MASK, VALID), first + other)
    torch.testing.assert_close(made(kind, dice_weight=0.25)(logits, MASK, VALID), first + 0.25 * other)
    torch.testing.assert_close(both(logits, MASK, VALID), made(kind)(logits, MASK, VALID))


def test_each_patch_has_its_cross_entropy() -> None:
    logits = noise(7, 3, 1, 8, 8)
    mask, valid = (noise(8, 3, 1, 8, 8) > 0).float(), (noise(9, 3, 1, 8, 8) > 0).float()
    valid[2] = 0
    found = sample_losses(logits, mask, valid)
    for place in range(3):
        one = slice(place, place + 1)
        torch.testing.assert_close(found[place], bce(logits[one], mask[one], valid[one]))
    assert found[2] == 0
    counts = valid.sum(dim=(1, 2, 3))
    torch.testing.assert_close((found * counts).sum() / counts.sum(), bce(logits, mask, valid))


@pytest.mark.parametrize("wrong", [{"kind": "mse"}, {"positive_weight": 0}, {"alpha": 2}, {"gamma": 0}, {"beta": 1}])
def test_parameters_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LossParams.model_validate(wrong)
