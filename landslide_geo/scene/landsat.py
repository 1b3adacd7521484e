"""Landsat Collection 2 Level 2: digital numbers to reflectance, and the quality band to visibility.

USGS, Landsat 8-9 Collection 2 Level 2 Science Product Guide: reflectance = DN × 2.75e-5 − 0.2; bits of QA_PIXEL.
Landsat 4 to 7 have the same.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.scene.visibility import Visibility

SCALE: Final = 2.75e-5
OFFSET: Final = -0.2

#: Bits of QA_PIXEL that this looks at.
_FILL, _DILATED, _CIRRUS, _CLOUD, _SHADOW, _SNOW, _WATER = 0, 1, 2, 3, 4, 5, 7
#: In the order they are applied in: what comes later stands.
_CLASSES: Final = (
    (_WATER, Visibility.WATER),
    (_SNOW, Visibility.SNOW),
    (_SHADOW, Visibility.CLOUD_SHADOW),
    (_DILATED, Visibility.CLOUD),
    (_CIRRUS, Visibility.CLOUD),
    (_CLOUD, Visibility.CLOUD),
    (_FILL, Visibility.NODATA),
)


def visibility(qa: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """QA_PIXEL → `Visibility` codes, same shape. The cloud's dilated rim and cirrus count as cloud."""
    out = np.full(qa.shape, Visibility.CLEAR, dtype=np.uint8)
    for bit, code in _CLASSES:
        out[(qa >> bit) & 1 == 1] = code
    return out


def reflectance(numbers: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Digital numbers → surface reflectance, NaN where there is none (0)."""
    values = numbers.astype(np.float64) * SCALE + OFFSET
    return np.where(numbers == 0, np.nan, values).astype(np.float32)
