"""Typed parameters: the models behind ``params.yaml`` and the command line. Defaults live here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from landslide_geo.errors import ParameterError, SourceNotFoundError

Backend = Literal["auto", "torch", "openvino", "onnx"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
#: What Landslide4Sense divided the Sentinel-2 digital numbers of red, green and blue by (recovered from its 14-band
#: patches, whose values are exact multiples of the inverse).
L4S_GAINS: Final = (445.172897, 663.416362, 824.631715)

_Params = TypeVar("_Params", bound=BaseModel)


class Params(BaseModel):
    """A group of parameters: immutable, and an unknown key is an error rather than a silent no-op."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class VectorizeParams(Params):
    """From a probability raster to polygons."""

    threshold: float | None = Field(
        None, gt=0, lt=1, description="decision threshold on calibrated probability; none takes the model's own"
    )
    grow: float = Field(
        0.8,
        gt=0,
        le=1,
        description="an object that reaches the threshold takes in what hangs together with it down to this share of "
        "the threshold",
    )
    min_area_m2: float = Field(900.0, ge=0, description="objects smaller than this (m²) are dropped, after merging")
    min_slope_deg: float = Field(
        10.0,
        ge=0,
        lt=90,
        description="an object stays when the 90th percentile of its slope (degrees) reaches this; runout on flat "
        "ground connected below a steep part stays with it",
    )
    simplify_m: float = Field(
        0.0, ge=0, description="corners of outlines that stand for less than its square (m²) are dropped; 0 keeps all"
    )
    smooth: bool = Field(False, description="outlines are freed of the staircase of pixels")


class ScanParams(VectorizeParams):
    """A scan of one scene."""

    model: str = Field("default", description="name of a shipped bundle, or a bundle's folder")
    window: int | None = Field(
        None, ge=32, description="window size in pixels; none takes the model's own for the kind of device"
    )
    overlap: int | None = Field(None, ge=0, description="overlap of windows in pixels; none: likewise")
    batch_size: int | None = Field(
        None, ge=1, description="windows per forward pass; none follows from the window and the kind of device"
    )
    memory_mb: int = Field(1024, ge=64, description="what the scan may add to the process, GDAL's cache included (MB)")
    tta: int | tuple[str, ...] | None = Field(
        None,
        description="symmetries of the square averaged over, by number or by name (identity, rotate90, rotate180, "
        "rotate270, flip_vertical, flip_horizontal, transpose, antitranspose); none takes the model's own",
    )
    flat_slope_deg: float = Field(
        5.0,
        ge=0,
        lt=90,
        description="windows are not scanned where slopes over 30 m are nowhere steeper (degrees), a window's side "
        "around included; at most half of min_slope_deg counts, and 0 scans them all",
    )
    prior: float | None = Field(
        None, gt=0, lt=1, description="expected share of landslide pixels; none keeps the model's calibration"
    )
    backend: Backend = Field("auto", description="what runs the network; auto takes the fastest one installed")
    precision: Precision = Field(
        "auto", description="of the arithmetic inside the network; auto takes a reduced one only where classes stay"
    )

    @field_validator("tta")
    @classmethod
    def _known_number(cls, value: int | tuple[str, ...] | None) -> int | tuple[str, ...] | None:
        if isinstance(value, int) and value not in (1, 2, 4, 8):
            raise ValueError("should be 1, 2, 4 or 8, or names of symmetries")
        return value


class FetchParams(Params):
    """Which sample data to get."""

    name: str = "hokkaido"


class ChipParams(Params):
    """Labelled patches cut from a scene and an inventory."""

    size: int = Field(128, ge=16, description="side of a chip in pixels")
    stride: int | None = Field(None, ge=1, description="pixels from one chip to the next; none takes the size")
    min_known: float = Field(
        0.5, gt=0, le=1, description="least share of pixels that are seen and labelled, for chips without a landslide"
    )
    negatives: float = Field(
        1.0,
        ge=0,
        description="chips without anything for each one with a landslide; rejected ground comes on top",
    )
    block_m: float = Field(
        2560.0, gt=0, description="side in metres of the squares that are given to one split as a whole"
    )
    validation: float = Field(0.2, ge=0, lt=1, description="share of the chips for validation, roughly")
    test: float = Field(0.0, ge=0, lt=1, description="share of the chips for a test, roughly")
    seed: int = Field(0, ge=0, description="draws the negatives and the splits")


class StretchParams(Params):
    """Local normalisation of a scene (:mod:`landslide_geo.scene.stretch`), a bundle's ``normalisation``."""

    kind: Literal["local_quantile"] = "local_quantile"
    cell: int = Field(128, ge=8, description="side of a cell in pixels; one training patch")
    centre: float = Field(0.30, gt=0, lt=1, description="quantile that becomes zero")
    scale_low: float = Field(0.05, ge=0, lt=1, description="lower quantile of the scale")
    scale_high: float = Field(0.50, gt=0, le=1, description="upper quantile of the scale")
    spread: float = Field(3.0, gt=0, description="the scale is this many distances between the two quantiles")
    gains: tuple[float, ...] | None = Field(
        None,
        description="what each band is divided by before the bands share one scale; none: one",
    )
    min_valid: float = Field(
        0.08, ge=0, le=1, description="a cell with a smaller valid share is filled from neighbours"
    )
    scale_floor: float = Field(0.5, gt=0, le=1, description="least scale of a cell, times the median of the scene")
    scale_ceiling: float = Field(3.0, ge=1, description="largest scale of a cell, times the median of the scene")
    clip: tuple[float, float] = Field((-6.0, 10.0), description="range of normalised values")


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


class PipelineParams(Params):
    """All of ``params.yaml``."""

    fetch: FetchParams = FetchParams()
    scan: ScanParams = ScanParams()
    vectorize: VectorizeParams = VectorizeParams()
    train: TrainParams = TrainParams()


def validated(model: type[_Params], values: Mapping[str, object], *, where: str) -> _Params:
    """``model`` built from ``values``, or one line that says which value is wrong.

    Raises:
        ParameterError: a value is outside its range or has the wrong type, or a key is unknown.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ParameterError(f"{where}: {first_problem(error)} (got {error.errors()[0]['input']!r})") from None


def first_problem(error: ValidationError) -> str:
    """Where and what the first thing is that pydantic found wrong, on one line."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    told = first["msg"].removeprefix("Value error, ")
    return f"{where}: {told}" if where else told


def load_params(path: Path) -> PipelineParams:
    """Read ``params.yaml``.

    Raises:
        SourceNotFoundError: there is no such file.
        ParameterError: it is not YAML, or a value in it is wrong.
    """
    if not path.is_file():
        raise SourceNotFoundError(f"{path}: no such parameter file; name an existing params.yaml")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ParameterError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from None
    return validated(PipelineParams, values, where=str(path))
