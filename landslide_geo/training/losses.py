"""Losses on logits, over valid pixels only.

All are functions of logits, mask and valid, each (N, 1, y, x) float32, to a scalar. The mask lies between 0 and 1, for
mixed patches are neither; valid is 0 or 1. Patches without a valid pixel cost nothing. `loss_function` makes one from
parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch.nn import functional

from landslide_geo.config.losses import LossKind, LossParams

Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def bce(logits: torch.Tensor, mask: torch.Tensor, valid: torch.Tensor, *, positive_weight: float = 1.0) -> torch.Tensor:
    """Binary cross-entropy: two-class cross-entropy, where the logit is the difference of the classes' logits.

    Args:
        logits: (N, 1, y, x) float32.
        mask: (N, 1, y, x) float32, 0 to 1.
        valid: (N, 1, y, x) float32, 0 or 1.
        positive_weight: what a landslide pixel counts; the mean is over pixels all the same, as in PyTorch.

    Returns:
        Scalar: the mean over valid pixels.
    """
    weight = logits.new_full((), positive_weight)
    each = functional.binary_cross_entropy_with_logits(logits, mask, reduction="none", pos_weight=weight)
    return _mean(each, valid)


def focal(
    logits: torch.Tensor, mask: torch.Tensor, valid: torch.Tensor, *, alpha: float | None = 0.25, gamma: float = 2.0
) -> torch.Tensor:
    """Focal loss (Lin et al. 2017, arXiv:1708.02002): cross-entropy × (1 − p)^γ, p the probability of the truth.

    The mean is over valid pixels; the paper divides by the number of objects.
    """
    from torchvision.ops import sigmoid_focal_loss

    each = sigmoid_focal_loss(logits, mask, alpha=-1 if alpha is None else alpha, gamma=gamma, reduction="none")
    return _mean(each, valid)


def dice(logits: torch.Tensor, mask: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """1 − Dice of the whole batch; 0 for a batch without landslides, of which it could only say that there are none.

    What mask and probability have in common is their minimum: for masks of 0 and 1 that is the product, and between
    them only the minimum makes the mask itself the best answer (Wang et al. 2023, arXiv:2303.16296).
    """
    from segmentation_models_pytorch.losses import DiceLoss

    loss: torch.Tensor = DiceLoss("binary")(*_certain(logits, mask, valid))
    return loss


def tversky(
    logits: torch.Tensor, mask: torch.Tensor, valid: torch.Tensor, *, alpha: float = 0.3, beta: float = 0.7
) -> torch.Tensor:
    """1 − TP / (TP + α FP + β FN) of the whole batch (Salehi et al. 2017, arXiv:1706.05721); else as `dice`."""
    from segmentation_models_pytorch.losses import TverskyLoss

    loss: torch.Tensor = TverskyLoss("binary", alpha=alpha, beta=beta)(*_certain(logits, mask, valid))
    return loss


def focal_tversky(
    logits: torch.Tensor,
    mask: torch.Tensor,
    valid: torch.Tensor,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 4 / 3,
) -> torch.Tensor:
    """`tversky` to the power of 1 / γ (Abraham and Khan 2019, arXiv:1810.07842)."""
    plain = tversky(logits, mask, valid, alpha=alpha, beta=beta)
    # A root is infinitely steep at 0, where a batch without landslides lies.
    return torch.where(plain > 1e-6, plain.clamp(min=1e-6) ** (1 / gamma), plain)


def lovasz(logits: torch.Tensor, mask: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Lovász hinge, the convex surrogate of 1 − IoU (Berman et al. 2018, arXiv:1705.08790), over the batch."""
    from segmentation_models_pytorch.losses import LovaszLoss

    loss: torch.Tensor = LovaszLoss("binary", per_image=False)(*_certain(logits, mask, valid))
    return loss


def bce_dice(
    logits: torch.Tensor, mask: torch.Tensor, valid: torch.Tensor, *, dice_weight: float = 1.0
) -> torch.Tensor:
    """Cross-entropy plus the Dice loss of the whole batch, so that patches without landslides do not dominate it."""
    return bce(logits, mask, valid) + dice_weight * dice(logits, mask, valid)


def bce_lovasz(
    logits: torch.Tensor, mask: torch.Tensor, valid: torch.Tensor, *, dice_weight: float = 1.0
) -> torch.Tensor:
    """Cross-entropy plus the Lovász hinge of the whole batch."""
    return bce(logits, mask, valid) + dice_weight * lovasz(logits, mask, valid)


def loss_function(params: LossParams) -> Loss:
    """The loss that parameters describe."""
    alpha, beta = params.tversky_alpha, params.tversky_beta
    losses: dict[LossKind, Loss] = {
        "bce": bce,
        "weighted_bce": partial(bce, positive_weight=params.positive_weight),
        "focal": partial(focal, alpha=params.alpha, gamma=params.gamma),
        "dice": dice,
        "bce_dice": partial(bce_dice, dice_weight=params.dice_weight),
        "tversky": partial(tversky, alpha=alpha, beta=beta),
        "focal_tversky": partial(focal_tversky, alpha=alpha, beta=beta, gamma=params.gamma),
        "lovasz": lovasz,
        "bce_lovasz": partial(bce_lovasz, dice_weight=params.dice_weight),
    }
    return losses[params.kind]


def sample_losses(logits: torch.Tensor, mask: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of each patch, to tell hard ones from easy ones: whatever the loss, this one adds up.

    Returns:
        (N,) float32: means over the valid pixels of each patch, 0 where there are none.
    """
    each = functional.binary_cross_entropy_with_logits(logits, mask, reduction="none") * valid
    return each.flatten(1).sum(dim=1) / valid.flatten(1).sum(dim=1).clamp(min=1)


def _mean(each: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    return (each * valid).sum() / valid.sum().clamp(min=1)


def _certain(logits: torch.Tensor, mask: torch.Tensor, valid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and mask in which an invalid pixel is a certain and right "no": it adds nothing to any sum."""
    return torch.where(valid > 0, logits, torch.full_like(logits, -50.0)), mask * valid
