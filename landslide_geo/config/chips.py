"""Parameters of chips cut from a scene."""

from __future__ import annotations

from pydantic import Field

from landslide_geo.config.base import Params


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
