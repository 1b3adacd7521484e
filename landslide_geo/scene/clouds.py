"""How cloudy the optical bands are: a score by brightness, and a mask by one rule that needs red alone.

The classes of `landslide_geo.scene.visibility` decide what of a scene is mapped. These are for networks that weigh
optical bands against radar, patch by patch and window by window: they tell what is in the way, and decide nothing.
Arrays are (…, y, x) float32, NaN where unknown.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.bands import PROPORTIONAL
from landslide_geo.config import BIGEARTHNET, DIGITAL_NUMBER
from landslide_geo.units import REFLECTANCE, gain

FloatArray = NDArray[np.float32]

#: Red (digital numbers of Sentinel-2) above it is a cloud: 6 standard deviations above the mean of BigEarthNet v2's
#: B04, as the 23rd place of Zindi's challenge has it (PhilipJanz/Landslide-Image-Classification).
CLOUDY_RED: Final = BIGEARTHNET["red"][0] + 6 * BIGEARTHNET["red"][1]
#: From values to reflectance, by the unit of optical bands: of others nobody can tell what is bright.
SCALES: Final = {unit: found for unit in PROPORTIONAL if (found := gain("red", unit, REFLECTANCE)) is not None}


def cloud_score(red: FloatArray, green: FloatArray, blue: FloatArray) -> FloatArray:
    """(…, y, x) mean of red, green and blue, their brightness, in their unit; NaN where one of them is."""
    return ((red + green + blue) / 3).astype(np.float32)


def cloudy(red: FloatArray, *, scale: float = DIGITAL_NUMBER) -> FloatArray:
    """(…, y, x) red → 1 on clouds, 0 elsewhere, NaN where red is.

    Args:
        red: surface reflectance in any linear unit.
        scale: from values to reflectance 0–1, as `Scene.reflectance_scale` has it.
    """
    limit = CLOUDY_RED * DIGITAL_NUMBER / scale
    return np.where(np.isnan(red), np.nan, red > limit).astype(np.float32)


def cloud_cover(mask: FloatArray) -> FloatArray:
    """(…, y, x) mask of 0 and 1 → (…) share of clouds among known pixels; NaN where none is known."""
    known = np.isfinite(mask)
    count = known.sum(axis=(-2, -1))
    clouds = np.where(known, mask, 0).sum(axis=(-2, -1), dtype=np.float64)
    return np.where(count > 0, clouds / np.maximum(count, 1), np.nan).astype(np.float32)
