"""What a bundle says about its model: the schema of ``bundle.json``."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from landslide_geo.config import FixedParams, Normalisation, SpeckleParams
from landslide_geo.models.registry import ARCHITECTURES

MANIFEST: Final = "bundle.json"
WEIGHTS: Final = "model.safetensors"
SCHEMA_VERSION: Final = 1


#: A probability for each pixel, or one for a window.
Task = Literal["segmentation", "classification"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputBand(_Part):
    """One input band."""

    name: str = Field(description="name in the band vocabulary")
    unit: str = Field(description="unit of the values before normalisation")


class Threshold(_Part):
    """Where calibrated probability becomes a decision."""

    value: float = Field(gt=0, lt=1)
    how: str = Field(description="on what data and by what measure it was found")


class Calibration(_Part):
    """From raw probability to calibrated one.

    Platt scaling: the calibrated logit is ``slope`` × the raw logit + ``intercept``. Temperature scaling is the same
    without an intercept. Isotonic: calibrated probability by linear interpolation between ``knots``.
    """

    method: Literal["none", "platt", "temperature", "isotonic"] = "platt"
    slope: float = Field(1.0, gt=0, description="above zero, so that calibration never changes an order")
    intercept: float = 0.0
    knots: tuple[tuple[float, float], ...] = Field(
        (), description="raw and calibrated probability, both rising; isotonic only"
    )
    prevalence: float = Field(gt=0, lt=1, description="share of landslide pixels in the data it was fitted on")
    data: str = Field(description="what it was fitted on")

    @model_validator(mode="after")
    def _rises(self) -> Calibration:
        if (self.method == "isotonic") != bool(self.knots):
            raise ValueError("knots belong to isotonic calibration, and to no other")
        for (raw, known), (next_raw, next_known) in pairwise(self.knots):
            if not (next_raw > raw and next_known >= known):
                raise ValueError(f"knots do not rise at {next_raw}")
        if self.knots and not (self.knots[0][1] >= 0 and self.knots[-1][1] <= 1):
            raise ValueError("knots are probabilities, 0 to 1")
        return self


class Training(_Part):
    """Where the weights come from."""

    data: tuple[str, ...]
    split: str
    seed: int
    command: str = Field(description="the command that makes this bundle again")
    parameters: dict[str, Any] = {}


class ReceptiveField(_Part):
    """How far a network looks: half the side of the square around an output pixel that holds most of its gradient."""

    radius_95_px: int = Field(ge=0, description="the square of (2 r + 1)² pixels holds 95 % of the gradient")
    radius_99_px: int = Field(ge=0, description="the same for 99 %")
    how: str = Field(description="on what it was measured")

    @model_validator(mode="after")
    def _grows(self) -> ReceptiveField:
        if self.radius_99_px < self.radius_95_px:
            raise ValueError(f"radius_99_px {self.radius_99_px} is less than radius_95_px {self.radius_95_px}")
        return self


class WindowChoice(_Part):
    """Windows for one kind of device."""

    window: int = Field(ge=32, multiple_of=32, description="side in pixels")
    overlap: int = Field(ge=0, description="of neighbours in pixels")
    cost: float = Field(ge=1, description="factor by which the overlap multiplies the work")

    @model_validator(mode="after")
    def _agree(self) -> WindowChoice:
        if self.overlap >= self.window:
            raise ValueError(f"overlap {self.overlap} must be smaller than window {self.window}")
        return self


class BundleManifest(_Part):
    """``bundle.json``."""

    schema_version: Literal[1] = SCHEMA_VERSION
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    description: str
    task: Task = Field("segmentation", description="a probability for each pixel, or one for a window")
    architecture: str
    arguments: dict[str, Any] = {}
    bands: tuple[InputBand, ...] = Field(min_length=1)
    sensors: tuple[tuple[str, ...], ...] = Field(
        (), description="bands of each sensor, of which any but one may be missing; all others are needed"
    )
    normalisation: Normalisation
    speckle: SpeckleParams | None = Field(
        None, description="filter of the radar bands before normalisation; none: they are taken as they were measured"
    )
    gsd_m: tuple[float, float] = Field(description="range of ground sampling distances the model was made for (m)")
    gsd_native_m: float = Field(gt=0, description="ground sampling distance of the training data (m)")
    reflectance: str = Field(description="level of processing of the input, such as surface reflectance")
    window: int = Field(ge=32, multiple_of=32, description="side of a window in pixels")
    overlap: int = Field(ge=0)
    receptive_field: ReceptiveField | None = Field(None, description="none: not measured")
    windows: dict[Literal["cpu", "cuda", "mps"], WindowChoice] | None = Field(
        None, description="window and overlap by kind of device; none: the same everywhere"
    )
    tta: Literal[1, 2, 4, 8] = Field(description="symmetries averaged by default")
    threshold: Threshold
    calibration: Calibration
    training: Training
    metrics: dict[str, dict[str, Any]] = {}
    licence: str
    versions: dict[str, str] = {}
    code_revision: str = ""
    created: str = Field(description="date and time, ISO 8601, UTC")

    @model_validator(mode="after")
    def _agree(self) -> BundleManifest:
        if self.architecture not in ARCHITECTURES:
            raise ValueError(f"architecture {self.architecture!r} is not one of {', '.join(ARCHITECTURES)}")
        if self.overlap >= self.window:
            raise ValueError(f"overlap {self.overlap} must be smaller than window {self.window}")
        sensed = [name for own in self.sensors for name in own]
        if len(set(sensed)) < len(sensed) or not set(sensed) <= {band.name for band in self.bands}:
            raise ValueError("sensors name a band twice, or one that the model does not take")
        if self.sensors and not isinstance(self.normalisation, FixedParams):
            raise ValueError("sensors may be missing only where normalisation is fixed")
        if isinstance(self.normalisation, FixedParams):
            what, values = "centres", self.normalisation.centre
            if values is None:
                raise ValueError("fixed normalisation lacks centre and scale")
        else:
            what, values = "gains", self.normalisation.gains
        if values is not None and len(values) != len(self.bands):
            raise ValueError(f"normalisation has {len(values)} {what} for {len(self.bands)} bands")
        return self
