"""Losses on logits, over valid pixels only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch.nn import functional

Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def bce(logits: torch.Tensor, mask: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy.

    Args:
        logits: (N, 1, y, x) float32.
        mask: (N, 1, y, x) float32, 0 or 1.
        valid: (N, 1, y, x) float32, 0 or 1.

    Returns:
        Scalar: the mean over valid pixels.
    """
    each = functional.binary_cross_entropy_with_logits(logits, mask, reduction="none")
    return (each * valid).sum() / valid.sum().clamp(min=1)


def bce_dice(logits: torch.Tensor, mask: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Cross-entropy plus the Dice loss of the whole batch, so that patches without landslides do not dominate it."""
    from segmentation_models_pytorch.losses import DiceLoss

    # An invalid pixel is a certain and right "no": it adds nothing to numerator or denominator.
    certain = torch.where(valid > 0, logits, torch.full_like(logits, -50.0))
    dice: torch.Tensor = DiceLoss("binary", from_logits=True)(certain, mask * valid)
    return bce(logits, mask, valid) + dice


def bce_lovasz(logits: torch.Tensor, mask: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Cross-entropy plus the Lovász hinge, the convex surrogate of 1 − IoU (Berman et al. 2018), over the batch."""
    from segmentation_models_pytorch.losses import LovaszLoss

    certain = torch.where(valid > 0, logits, torch.full_like(logits, -50.0))
    lovasz: torch.Tensor = LovaszLoss("binary", per_image=False)(certain, mask * valid)
    return bce(logits, mask, valid) + lovasz


LOSSES: Final[dict[str, Loss]] = {"bce": bce, "bce_dice": bce_dice, "bce_lovasz": bce_lovasz}
