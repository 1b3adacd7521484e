"""Parameters of the random changes of training patches."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from landslide_geo.config.base import Params


def _rising(values: tuple[float, float]) -> tuple[float, float]:
    if not 0 < values[0] <= values[1]:
        raise ValueError(f"{values[0]} to {values[1]} is no range above zero; give the smaller number first")
    return values


#: Least and most, above zero.
Range = Annotated[tuple[float, float], AfterValidator(_rising)]


class AugmentParams(Params):
    """Random changes of a training patch. Magnitudes are in units of the normalised image unless said otherwise.

    A change whose probability is 0 is off, and draws no random numbers.
    """

    flips: bool = Field(True, description="the eight symmetries of the square")
    affine: float = Field(0.5, ge=0, le=1, description="probability of a shift, rotation and zoom")
    zoom: Range = Field((0.7, 1.4), description="range of the zoom, log-uniform")
    rotation_deg: float = Field(45.0, ge=0, le=180)
    shift: float = Field(0.1, ge=0, le=1, description="largest shift along each axis, as a share of the side")
    crop: float = Field(0.0, ge=0, le=1, description="probability that a part is enlarged to the whole")
    crop_share: Range = Field((0.5, 1.0), description="range of that part's sides, as a share of the patch's")
    centre_jitter: float = Field(0.20, ge=0, description="spread of a cell's centre, in scales, shared by the bands")
    band_centre_jitter: float = Field(0.05, ge=0, description="the same, of each band for itself")
    scale_jitter: float = Field(0.25, ge=0, description="spread of the logarithm of a cell's scale")
    corner_jitter: float = Field(
        0.5, ge=0, description="these spreads at the corners of a patch, times those of the patch"
    )
    band_gain: float = Field(0.06, ge=0, description="spread of the logarithm of each band's gain")
    equalise: float = Field(
        0.0, ge=0, le=1, description="probability that the brightness of a picture of 0 to 255 is equalised beforehand"
    )
    colour: float = Field(0.0, ge=0, le=1, description="probability of the five changes that follow")
    brightness: float = Field(0.2, ge=0, description="spread of what is added to all bands")
    contrast: float = Field(0.2, ge=0, description="spread of the logarithm of the gain of all bands")
    gamma: float = Field(0.1, ge=0, le=0.5, description="spread of the curvature: (exp(a x) - 1) / a instead of x")
    band_brightness: float = Field(0.1, ge=0, description="spread of what is added to each band for itself")
    band_contrast: float = Field(0.1, ge=0, description="spread of the logarithm of each band's gain")
    blur: float = Field(0.2, ge=0, le=1, description="probability of a slight blur")
    blur_sigma: Range = Field((0.4, 1.0), description="range of the blur's standard deviation (pixels)")
    noise: float = Field(0.08, ge=0, description="largest standard deviation of added noise")
    noise_probability: float = Field(1.0, ge=0, le=1, description="that noise is added at all")
    holes: float = Field(0.0, ge=0, le=1, description="probability that rectangles are erased from the image")
    hole_count: int = Field(4, ge=1, description="most rectangles")
    hole_size: Range = Field((0.05, 0.25), description="range of their sides, as a share of the patch's")
    cutmix: float = Field(0.3, ge=0, le=1, description="probability that a rectangle comes from another patch")
    cutmix_alpha: float | None = Field(
        None, gt=0, description="the rectangle's share is drawn from Beta(a, a); none: sides of 1/4 to 3/4"
    )
    mixup: float = Field(0.0, ge=0, le=1, description="probability of a weighted mean with another patch")
    mixup_alpha: float = Field(0.2, gt=0, description="its weight is drawn from Beta(a, a)")
    modality_dropout: float = Field(
        0.0, ge=0, le=1, description="probability that some sensors (optical, SAR of a pass), never all, are taken away"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.cutmix + self.mixup > 1:
            raise ValueError(f"cutmix {self.cutmix} and mixup {self.mixup} exclude each other; their sum is at most 1")
        for name in ("crop_share", "hole_size"):
            if getattr(self, name)[1] > 1:
                raise ValueError(f"{name} {getattr(self, name)[1]}: a share of the side is at most 1")
        return self


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
