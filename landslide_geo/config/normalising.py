"""Parameters of normalisation, which a bundle holds and training and scans share."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator

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


class FixedParams(Params):
    """The same centre and scale everywhere, a bundle's ``normalisation``: ``(x - centre) / scale``."""

    kind: Literal["fixed"] = "fixed"
    how: Literal["mean_std", "range", "imagenet"] = Field(
        "mean_std",
        description="what centre and scale are taken from where they are not given: mean and standard deviation of the "
        "training chips; their least and largest values, which become 0 and 1; or for red, green and blue the "
        "statistics of ImageNet on pictures of 0 to 255, and the range for other bands, which becomes -1 to 1",
    )
    centre: tuple[float, ...] | None = Field(None, description="of each band, in its unit; none: from training chips")
    scale: tuple[float, ...] | None = Field(None, description="of each band, in its unit; none: from training chips")
    clip: tuple[float, float] = Field((-10.0, 10.0), description="range of normalised values")

    @model_validator(mode="after")
    def _agree(self) -> FixedParams:
        if (self.centre is None) != (self.scale is None):
            raise ValueError("centre and scale are given both or not at all")
        if self.centre is not None and self.scale is not None:
            if len(self.centre) != len(self.scale):
                raise ValueError(f"{len(self.centre)} centres and {len(self.scale)} scales")
            if min(self.scale) <= 0:
                raise ValueError("scales are above 0")
        return self


def _kind(value: Any) -> str:
    return str(value.get("kind", "local_quantile") if isinstance(value, dict) else getattr(value, "kind", ""))


#: What a bundle says of its normalisation.
Normalisation: TypeAlias = Annotated[
    Annotated[StretchParams, Tag("local_quantile")] | Annotated[FixedParams, Tag("fixed")], Discriminator(_kind)
]
