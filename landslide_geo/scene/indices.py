"""Spectral indices and the change between two dates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


def normalised_difference(first: FloatArray, second: FloatArray) -> FloatArray:
    """``(first − second) / (first + second)``, −1…1 for non-negative bands; NaN where both are zero or either is NaN.

    NDVI is this of near infrared and red (Rouse et al. 1974), NGRDI of green and red (Tucker 1979).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((first - second) / (first + second)).astype(np.float32)


def relative_ndvi_loss(pre_red: FloatArray, pre_nir: FloatArray, red: FloatArray, nir: FloatArray) -> FloatArray:
    """Relative NDVI change in percent, ``100 (NDVI_post − NDVI_pre) / sqrt(NDVI_pre + NDVI_post)``: negative is loss.

    Mondini et al. (2011), "Semi-automatic recognition and mapping of rainfall induced shallow landslides", Remote
    Sensing of Environment 115, 1743–1757. NaN where the root has no real value.
    """
    before, after = normalised_difference(pre_nir, pre_red), normalised_difference(nir, red)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (100 * (after - before) / np.sqrt(before + after)).astype(np.float32)
