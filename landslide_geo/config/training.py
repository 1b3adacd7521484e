"""Parameters of training."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from landslide_geo.config.augmenting import GENTLE, AugmentParams
from landslide_geo.config.base import Params
from landslide_geo.config.losses import LossParams
from landslide_geo.config.normalising import L4S_GAINS, FixedParams, Normalisation, StretchParams

#: What an architecture takes where nothing else is said. Of others the defaults below hold.
_OWN_INPUT: Final[dict[str, dict[str, Any]]] = {
    "rdndvi": {
        "bands": ("pre_red", "pre_nir", "red", "nir"),
        # Values as they are: the rule is a ratio, of digital numbers and of reflectances.
        "normalisation": FixedParams(centre=(0.0,) * 4, scale=(1.0,) * 4, clip=(-1e6, 1e6)),
    }
}


class TrainParams(Params):
    """Training of a segmentation network; the defaults are those of the shipped model."""

    name: str = Field("default", pattern=r"^[a-z0-9][a-z0-9_.-]*$", description="name of the bundle")
    architecture: str = "unet"
    arguments: dict[str, Any] = Field(
        {"encoder": "tu-resnet18d", "decoder_channels": [192, 96, 64, 32, 16]},
        description="arguments of the architecture",
    )
    start: str | None = Field(
        None, description="bundle, or file of an encoder's weights (.safetensors, timm's names), to start from; none: "
        "random weights"
    )  # fmt: skip
    bands: tuple[str, ...] | None = Field(None, description="of the chips, in order; none: all of them")
    normalisation: Normalisation = StretchParams(gains=L4S_GAINS)
    epochs: int = Field(34, ge=1, description="with strong augmentation")
    late_epochs: int = Field(10, ge=0, description="after them, with gentle augmentation and a low learning rate")
    batch_size: int = Field(16, ge=2, description="chips in a step; halved and added up where memory runs out")
    optimizer: Literal["adamw", "adam"] = "adamw"
    lr: float = Field(1.5e-3, gt=0, description="learning rate after the warm-up")
    weight_decay: float = Field(0.02, ge=0, description="of weights; norms and biases have none")
    late_lr: float = Field(6e-4, gt=0, description="at the start of the late epochs; falls along a cosine")
    least_lr: float = Field(0.005, ge=0, le=1, description="where the cosine ends, as a share of where it began")
    warmup_epochs: float = Field(3.0, ge=0, description="linear rise of the learning rate before the cosine")
    schedule: Literal["constant", "cosine"] = "cosine"
    clip: float | None = Field(1.0, gt=0, description="largest norm of the gradient; none: any")
    ema_decay: float | None = Field(
        0.998, gt=0, lt=1, description="average of the weights over steps; none: no average"
    )
    loss: LossParams = Field(LossParams(), description="or its kind alone")
    augment: AugmentParams | None = Field(AugmentParams(), description="none: flips only")
    late_augment: AugmentParams | None = Field(GENTLE, description="that of the late epochs")
    negatives_per_epoch: int = Field(128, ge=0, description="chips of hard negatives in an epoch, where there are some")
    balance: float | None = Field(
        None, gt=0, lt=1, description="share of chips with a landslide in an epoch; none: every chip once"
    )
    hard_share: float = Field(
        0.0, ge=0, lt=1, description="share of an epoch that is drawn by how large the loss of a chip was last"
    )
    patience: int | None = Field(
        None, ge=1, description="training stops after this many looks at validation without a better F1; none: never"
    )
    keep: Literal["last", "best"] = Field("last", description="weights of the last epoch, or of the best F1")
    validate_every: int | None = Field(
        None, ge=1, description="epochs from one look at validation to the next; none: 2, or 1 of at most ten"
    )
    folds: int = Field(5, ge=2, description="parts of nearly equal size that the training chips are cut into, by block")
    fold_seed: int = Field(42, ge=0, description="draws the parts: the same for all folds of one study")
    fold: int | None = Field(None, ge=0, description="the part to validate on; none: the validation chips")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="of the arithmetic; auto takes a reduced one where the device computes in it"
    )
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: int | None = Field(None, ge=1, description="processes, one for each device; none: all devices, one CPU")
    deterministic: bool = Field(False, description="refuse operations that do not repeat themselves to the last bit")
    workers: int = Field(0, ge=0, description="processes that prepare chips; none of them: the training itself does")
    tta: Literal[1, 2, 4, 8] = Field(4, description="symmetries averaged when the threshold is sought, and in a scan")
    seed: int = Field(0, ge=0, description="of everything random")
    threads: int = Field(2, ge=1, description="threads of PyTorch; results repeat for equal numbers")
    licence: str = Field("Apache-2.0", description="of the weights; what the data allow")
    country: str = Field(
        "DEU", pattern=r"^[A-Z]{3}$", description="where it runs (ISO 3166-1, three letters), for CO₂ from energy"
    )

    @model_validator(mode="before")
    @classmethod
    def _own_input(cls, values: Any) -> Any:
        own = _OWN_INPUT.get(str(values.get("architecture"))) if isinstance(values, dict) else None
        return values if own is None else own | values

    @field_validator("loss", mode="before")
    @classmethod
    def _kind_alone(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _agree(self) -> TrainParams:
        if self.fold is not None and self.fold >= self.folds:
            raise ValueError(f"fold {self.fold}: there are folds 0 to {self.folds - 1}")
        return self
