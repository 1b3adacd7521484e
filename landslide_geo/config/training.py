"""Parameters of training."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from landslide_geo.config.augmenting import GENTLE, AugmentParams
from landslide_geo.config.base import Params
from landslide_geo.config.normalising import L4S_GAINS, StretchParams


class TrainParams(Params):
    """Training of a segmentation network; the defaults are those of the shipped model."""

    name: str = Field("default", description="name of the bundle")
    architecture: str = "unet"
    arguments: dict[str, Any] = Field(
        {"encoder": "tu-resnet18d", "decoder_channels": [192, 96, 64, 32, 16]},
        description="arguments of the architecture",
    )
    epochs: int = Field(34, ge=1, description="with strong augmentation")
    late_epochs: int = Field(10, ge=0, description="after them, with gentle augmentation and a low learning rate")
    batch_size: int = Field(16, ge=2)
    learning_rate: float = Field(1.5e-3, gt=0)
    weight_decay: float = Field(0.02, ge=0)
    late_learning_rate: float = Field(6e-4, gt=0, description="at the start of the late epochs; falls along a cosine")
    warmup_epochs: float = Field(3.0, ge=0, description="linear rise of the learning rate before the cosine")
    ema_decay: float | None = Field(
        0.998, gt=0, lt=1, description="average of the weights over steps; none: no average"
    )
    loss: Literal["bce", "bce_dice", "bce_lovasz"] = "bce_dice"
    schedule: Literal["constant", "cosine"] = "cosine"
    augment: AugmentParams | None = Field(AugmentParams(), description="none: flips only")
    late_augment: AugmentParams | None = Field(GENTLE, description="that of the late epochs")
    stretch: StretchParams = StretchParams(gains=L4S_GAINS)
    test_patches: int = Field(200, ge=0, description="training patches set aside as the test")
    split_seed: int = Field(42, description="seed that draws them")
    negatives_per_epoch: int = Field(128, ge=0, description="hard negative patches in an epoch")
    tta: Literal[1, 2, 4, 8] = Field(4, description="symmetries averaged when the threshold is sought, and in a scan")
    seed: int = 0
    threads: int = Field(2, ge=1, description="threads of PyTorch; results repeat for equal numbers")
