"""What producers of satellite data say of their numbers, and how it becomes what a scene holds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landslide_geo.scene import landsat, sentinel2
from landslide_geo.scene.heights import METRES, HeightUnit
from landslide_geo.scene.visibility import Visibility

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]

#: A scene's numbers are reflectance times this: `landslide_geo.scene.folder` stores them, `landslide_geo.scene.open`
#: takes 16-bit integers for them.
NUMBERS: Final = 10_000


class Codes(StrEnum):
    """What the values of a raster of visibility mean."""

    #: `Visibility` itself.
    VISIBILITY = "visibility"
    #: Sen2Cor's scene classification, from processing baseline 04.00 on, and before.
    SCL = "scl"
    SCL_BEFORE_4 = "scl before baseline 04.00"
    #: Quality bits of Landsat Collection 2.
    QA_PIXEL = "qa_pixel"


class Level(StrEnum):
    """Whose reflectance it is."""

    SURFACE = "surface reflectance"
    TOP = "top-of-atmosphere reflectance"

    @classmethod
    def wanted(cls, text: str) -> Level | None:
        """The one level that a bundle's words ask for; None where it takes any, or says no more than how it was made.

        >>> Level.wanted("surface reflectance (Sentinel-2 L2A)"), Level.wanted("any (top of atmosphere or surface)")
        (<Level.SURFACE: 'surface reflectance'>, None)
        """
        words = text.lower().replace("-", " ")
        found = [level for level in cls if level.value.replace("-", " ").removesuffix(" reflectance") in words]
        return found[0] if len(found) == 1 else None


@dataclass(frozen=True)
class Scaling:
    """From stored numbers to reflectance × 10,000, or to metres: ``gain · number + offset``.

    Attributes:
        gain: above 0.
        offset: in the unit of the result.
        nodata: the stored number that says that there is no value; None leaves it to the file to say.
        least: of the result; None bounds nothing.
    """

    gain: float
    offset: float
    nodata: float | None = 0.0
    least: float | None = 1.0

    @classmethod
    def to_metres(cls, unit: HeightUnit) -> Scaling | None:
        """Of elevations in a unit; none where it is the metre."""
        return None if unit == "m" else cls(METRES[unit], 0.0, nodata=None, least=None)

    def apply(self, values: FloatArray) -> None:
        """Turn stored numbers, of any shape and NaN where there is none, into what they stand for, in place.

        Reflectance is at least 1, as in scenes that were ingested: atmospheric correction makes dark pixels a little
        negative, and ratios of bands would jump there.
        """
        values *= np.float32(self.gain)
        values += np.float32(self.offset)
        if self.least is not None:
            np.maximum(values, np.float32(self.least), out=values)  # NaN stays NaN


def told_visibility(values: FloatArray, codes: Codes) -> ByteArray:
    """What a raster says of visibility → `Visibility` codes.

    Args:
        values: (h, w), NaN where there is none.
        codes: what they mean.

    Returns:
        (h, w) uint8, nodata where there is no value.
    """
    known = np.isfinite(values)
    numbers = np.where(known, values, 0).astype(np.uint16)
    if codes is Codes.VISIBILITY:
        found = numbers.astype(np.uint8)
    elif codes is Codes.QA_PIXEL:
        found = landsat.visibility(numbers)
    else:
        baseline = None if codes is Codes.SCL else 0.0
        found = sentinel2.visibility(numbers.astype(np.uint8), baseline=baseline)
    return np.where(known, found, np.uint8(Visibility.NODATA)).astype(np.uint8)
