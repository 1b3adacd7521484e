"""Parameters of a scan."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from landslide_geo.config.base import Params

Backend = Literal["auto", "torch", "openvino", "onnx"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]


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
        None,
        ge=1,
        description="windows per forward pass, or up to half as many more where a row of windows then divides evenly; "
        "none follows from the window and the kind of device",
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
    filter: bool = Field(True, description="ask the bundle's filter before the network, where it has one")
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
