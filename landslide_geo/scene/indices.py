"""Spectral indices and the change between two dates.

Arrays are (…, y, x) float32, NaN where unknown: patches, stacks of them and blocks of a scene alike. The index of a
pixel depends on that pixel alone, so NaN stays where it is.

Ratios take digital numbers as well as reflectance. SAVI and EVI hold constants that are reflectances: they take the
``scale`` that turns values into reflectance 0–1, as `Scene.reflectance_scale` has it: 1 for reflectance, 1e-4 for
Sentinel-2's digital numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


def normalised_difference(first: FloatArray, second: FloatArray) -> FloatArray:
    """``(first − second) / (first + second)``, −1…1 for non-negative bands; NaN where both are zero or either is NaN.

    NDVI is this of near infrared and red (Rouse et al. 1974), NGRDI of green and red (Tucker 1979).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((first - second) / (first + second)).astype(np.float32)


def ndvi(nir: FloatArray, red: FloatArray) -> FloatArray:
    """Normalised difference vegetation index, ``(nir − red) / (nir + red)``.

    Rouse et al. (1974), "Monitoring vegetation systems in the Great Plains with ERTS", NASA SP-351, 309–317.
    """
    return normalised_difference(nir, red)


def gndvi(nir: FloatArray, green: FloatArray) -> FloatArray:
    """Green NDVI, ``(nir − green) / (nir + green)``.

    Gitelson, Kaufman & Merzlyak (1996), "Use of a green channel in remote sensing of global vegetation from EOS-MODIS",
    Remote Sensing of Environment 58, 289–298.
    """
    return normalised_difference(nir, green)


def ndwi(green: FloatArray, nir: FloatArray) -> FloatArray:
    """Normalised difference water index, ``(green − nir) / (green + nir)``: positive on open water.

    McFeeters (1996), "The use of the normalized difference water index (NDWI) in the delineation of open water
    features", International Journal of Remote Sensing 17, 1425–1432. (Gao's NDWI of the same year is another one.)
    """
    return normalised_difference(green, nir)


def ngrdi(green: FloatArray, red: FloatArray) -> FloatArray:
    """Normalised green-red difference index, ``(green − red) / (green + red)``; pictures without near infrared have it.

    Tucker (1979), "Red and photographic infrared linear combinations for monitoring vegetation", Remote Sensing of
    Environment 8, 127–150.
    """
    return normalised_difference(green, red)


def savi(nir: FloatArray, red: FloatArray, *, scale: float, soil: float = 0.5) -> FloatArray:
    """Soil-adjusted vegetation index, ``(1 + L) (nir − red) / (nir + red + L)`` of reflectance.

    Huete (1988), "A soil-adjusted vegetation index (SAVI)", Remote Sensing of Environment 25, 295–309.

    Args:
        nir: near infrared.
        red: red.
        scale: from values to reflectance 0–1.
        soil: L, 0 for dense vegetation (SAVI is NDVI then), 1 for bare ground.
    """
    near, visible = nir * np.float32(scale), red * np.float32(scale)
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((1 + soil) * (near - visible) / (near + visible + soil)).astype(np.float32)


def evi(nir: FloatArray, red: FloatArray, blue: FloatArray, *, scale: float) -> FloatArray:
    """Enhanced vegetation index, ``2.5 (nir − red) / (nir + 6 red − 7.5 blue + 1)`` of reflectance.

    Huete et al. (2002), "Overview of the radiometric and biophysical performance of the MODIS vegetation indices",
    Remote Sensing of Environment 83, 195–213. NaN where the denominator is not above 0, as on bright blue clouds: past
    its pole the ratio says nothing.

    Args:
        nir: near infrared.
        red: red.
        blue: blue.
        scale: from values to reflectance 0–1.
    """
    near, visible, short = (band * np.float32(scale) for band in (nir, red, blue))
    below = near + 6 * visible - np.float32(7.5) * short + 1
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, 2.5 * (near - visible) / below, np.nan).astype(np.float32)


@dataclass(frozen=True)
class Index:
    """An index that is worked out by name.

    Attributes:
        bands: that it is made from, in order.
        of: their values and the scale from values to reflectance 0–1 → the index.
        of_reflectance: whether it needs that scale; a ratio does not.
    """

    bands: tuple[str, ...]
    of: Callable[[list[FloatArray], float], FloatArray]
    of_reflectance: bool = False


INDICES: Final[Mapping[str, Index]] = {
    "ndvi": Index(("nir", "red"), lambda bands, scale: ndvi(*bands)),
    "savi": Index(("nir", "red"), lambda bands, scale: savi(*bands, scale=scale), of_reflectance=True),
    "gndvi": Index(("nir", "green"), lambda bands, scale: gndvi(*bands)),
    "evi": Index(("nir", "red", "blue"), lambda bands, scale: evi(*bands, scale=scale), of_reflectance=True),
    "ndwi": Index(("green", "nir"), lambda bands, scale: ndwi(*bands)),
    "ngrdi": Index(("green", "red"), lambda bands, scale: ngrdi(*bands)),
}


def relative_ndvi_loss(pre_red: FloatArray, pre_nir: FloatArray, red: FloatArray, nir: FloatArray) -> FloatArray:
    """Relative NDVI change in percent, ``100 (NDVI_post − NDVI_pre) / sqrt(NDVI_pre + NDVI_post)``: negative is loss.

    Mondini et al. (2011), "Semi-automatic recognition and mapping of rainfall induced shallow landslides", Remote
    Sensing of Environment 115, 1743–1757. NaN where the root has no real value.
    """
    before, after = normalised_difference(pre_nir, pre_red), normalised_difference(nir, red)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (100 * (after - before) / np.sqrt(before + after)).astype(np.float32)
