"""Parameters of the loss."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from landslide_geo.config.base import Params

LossKind = Literal[
    "bce",
    "weighted_bce",
    "focal",
    "dice",
    "bce_dice",
    "tversky",
    "focal_tversky",
    "lovasz",
    "bce_lovasz",
]


class LossParams(Params):
    """What training makes small. Options of other kinds than the chosen one have no effect."""

    kind: LossKind = Field("bce_dice", description="bce is also two-class cross-entropy, on the difference of logits")
    positive_weight: float = Field(5.0, gt=0, description="weighted_bce: what a landslide pixel counts, others count 1")
    alpha: float | None = Field(
        0.25, ge=0, le=1, description="focal: weight of landslide pixels, others 1 − alpha; none: all 1"
    )
    gamma: float = Field(
        2.0, gt=0, description="focal: how much less sure answers count; focal_tversky: root drawn, 4/3 in the paper"
    )
    tversky_alpha: float = Field(0.3, ge=0, description="tversky: weight of false alarms; 0.5 and 0.5 are Dice")
    tversky_beta: float = Field(0.7, ge=0, description="tversky: weight of what is missed")
    dice_weight: float = Field(
        1.0, ge=0, description="bce_dice, bce_lovasz: weight of the other term beside cross-entropy"
    )
