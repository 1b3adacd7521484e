"""Parameters of normalisation, which a bundle holds and training and scans share."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from landslide_geo.config.base import Params

#: What Landslide4Sense divided the Sentinel-2 digital numbers of red, green and blue by (recovered from its 14-band
#: patches, whose values are exact multiples of the inverse).
L4S_GAINS: Final = (445.172897, 663.416362, 824.631715)


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
