"""Sentinel-1, radiometrically terrain corrected: power (γ⁰, linear) to decibels, without the noise at swath borders.

γ⁰ of an uncorrected product (GRD) shows how slopes are tilted towards the sensor more than what lies on them: none is
taken.
"""

from __future__ import annotations

import math
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from landslide_geo.scene.sar import lee_filter, median_filter, to_decibels

FloatArray = NDArray[np.float32]
Speckle = Literal["none", "median", "lee"]

POLARISATIONS: Final = ("vv", "vh")
#: Short names of the passes, as bands have them: ``vv_asc``.
STATES: Final = {"ascending": "asc", "descending": "desc"}
#: Within this distance of where an image ends, what is darker than any ground is noise: older products have a rim of
#: it. The sensor's noise floor is specified as −22 dB.
BORDER_M: Final = 500.0
BORDER_DB: Final = -30.0


def margin(pixel: float) -> int:
    """Pixels to read around a block so that the values inside do not depend on it.

    Args:
        pixel: size of a pixel in metres.
    """
    return math.ceil(BORDER_M / pixel) + 1


def backscatter(power: FloatArray, *, pixel: float) -> FloatArray:
    """Power → dB, NaN where there is none and where it is noise at the border of the swath.

    Args:
        power: (h, w) linear γ⁰, NaN or not above 0 where there is none.
        pixel: size of a pixel in metres.

    Returns:
        (h, w) float32. Values within `margin` of the rim depend on what lies beyond.
    """
    decibels = to_decibels(power)
    known = np.isfinite(decibels)
    if not known.all():
        dark = known & (decibels < BORDER_DB)
        if dark.any():
            distance = ndimage.distance_transform_edt(known, sampling=pixel)
            decibels[dark & (distance <= BORDER_M)] = np.nan
    return decibels


def despeckled(decibels: FloatArray, *, kind: Speckle, size: int) -> FloatArray:
    """(h, w) dB, filtered as `landslide_geo.scene.sar` has it; ``none`` leaves it."""
    if kind == "none":
        return decibels
    return median_filter(decibels, size=size) if kind == "median" else lee_filter(decibels, size=size)


def band_name(polarisation: str, state: str) -> str:
    """``vv`` and ``ascending`` → ``vv_asc``."""
    return f"{polarisation}_{STATES[state]}"
