"""Parameters of the random changes of training patches."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from landslide_geo.config.base import Params


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
