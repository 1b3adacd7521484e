"""Parameters of training."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from landslide_geo.config.base import Params
from landslide_geo.config.normalising import L4S_GAINS, StretchParams


class AugmentParams(Params):
    """Random changes of a training patch. Magnitudes are in units of the normalised image unless said otherwise."""

    flips: bool = Field(True, description="the eight symmetries of the square")
    affine: float = Field(0.5, ge=0, le=1, description="probability of a rotation and zoom")
    zoom: tuple[float, float] = Field((0.7, 1.4), description="range of the zoom, log-uniform")
    rotation_deg: float = Field(45.0, ge=0, le=180)
    centre_jitter: float = Field(0.20, ge=0, description="spread of a cell's centre, in scales, shared by the bands")
    band_centre_jitter: float = Field(0.05, ge=0, description="the same, of each band for itself")
    scale_jitter: float = Field(0.25, ge=0, description="spread of the logarithm of a cell's scale")
    corner_jitter: float = Field(
        0.5, ge=0, description="these spreads at the corners of a patch, times those of the patch"
    )
    band_gain: float = Field(0.06, ge=0, description="spread of the logarithm of each band's gain")
    noise: float = Field(0.08, ge=0, description="largest standard deviation of added noise")
    blur: float = Field(0.2, ge=0, le=1, description="probability of a slight blur")
    cutmix: float = Field(0.3, ge=0, le=1, description="probability that a rectangle comes from another patch")


#: Augmentation of the late epochs: the patches as they are, but for symmetries and what interpolation does in a scene.
GENTLE: Final = AugmentParams(
    affine=0.3,
    zoom=(0.8, 1.25),
    centre_jitter=0.1,
    band_centre_jitter=0.03,
    scale_jitter=0.12,
    band_gain=0.03,
    noise=0.04,
    blur=0.1,
    cutmix=0.0,
)


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
