"""Parameters of normalisation, which a bundle holds and training and scans share."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag, model_validator

from landslide_geo.config.base import Params

#: What Landslide4Sense divided its bands by: digital numbers of Sentinel-2, of level 1C, which alone has band 10, the
#: slope in whole degrees and the elevation in whole metres. Recovered from its 14-band patches, whose values are exact
#: multiples of the inverse (``python -m benchmarks.landslide4sense FOLDER``).
LANDSLIDE4SENSE: Final[dict[str, float]] = {
    "coastal": 1111.812364,
    "blue": 824.631715,
    "green": 663.416362,
    "red": 445.172897,
    "rededge071": 645.858293,
    "rededge075": 1547.735081,
    "rededge078": 1960.44401,
    "nir": 1941.322297,
    "nir09": 674.075729,
    "cirrus": 9.047874,
    "swir16": 1113.983388,
    "swir22": 519.903979,
    "slope": 20.292283,
    "elevation": 772.831448,
}
#: Those of its pictures' bands.
L4S_GAINS: Final = tuple(LANDSLIDE4SENSE[band] for band in ("red", "green", "blue"))
#: From digital numbers of Sentinel-2 to reflectance 0–1.
DIGITAL_NUMBER: Final = 1e-4
#: Mean and standard deviation of bands in BigEarthNet v2, of its training split without interpolation: digital numbers
#: of Sentinel-2, level 2A, and dB of Sentinel-1 of either pass (there: of v1). As its authors publish them in
#: github.com/lhackel-tub/ConfigILM (configilm/extra/BENv2_utils.py, "no_interpolation").
BIGEARTHNET: Final[dict[str, tuple[float, float]]] = {
    "coastal": (361.0768, 575.0687),
    "blue": (438.3721, 607.0269),
    "green": (614.0557, 603.2968),
    "red": (588.4096, 684.5688),
    "rededge071": (942.8433, 738.4327),
    "rededge075": (1769.932, 1100.456),
    "rededge078": (2049.552, 1275.805),
    "nir": (2193.292, 1369.372),
    "nir08": (2235.557, 1356.544),
    "nir09": (2241.455, 1316.393),
    "swir16": (1568.227, 1070.161),
    "swir22": (997.7325, 813.5276),
    **dict.fromkeys(("vv_asc", "vv_desc"), (-12.64386, 5.133493)),
    **dict.fromkeys(("vh_asc", "vh_desc"), (-19.35256, 5.590506)),
}

#: Filters of radar's speckle (:mod:`landslide_geo.scene.sar`).
SpeckleKind = Literal["none", "median", "lee"]


class SpeckleParams(Params):
    """How radar was filtered before a network saw it, which a store of chips and a bundle tell."""

    kind: Literal["median", "lee"] = Field(description="of the filter")
    size: int = Field(ge=1, description="side of its window in pixels, odd")

    @model_validator(mode="after")
    def _has_a_middle(self) -> SpeckleParams:
        if self.size % 2 == 0:
            raise ValueError(f"a window of {self.size} pixels has no pixel in its middle")
        return self

    def __str__(self) -> str:
        return f"by {self.kind} in windows of {self.size} pixels"


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
    how: Literal["mean_std", "range", "imagenet", "bigearthnet"] = Field(
        "mean_std",
        description="what centre and scale are taken from where they are not given: mean and standard deviation of the "
        "training chips; their least and largest values, which become 0 and 1; or for red, green and blue the "
        "statistics of ImageNet on pictures of 0 to 255, and the range for other bands, which becomes -1 to 1; or the "
        "statistics of BigEarthNet v2 for Sentinel-1 and Sentinel-2 of either date, masks as they are, and mean and "
        "standard deviation for other bands",
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
