"""Units of bands, and what turns one into another: the one place that knows the factors.

Optical bands come as reflectance, as digital numbers (reflectance × 10,000 without an offset), and in Landslide4Sense
as ratios: digital numbers of Level 1C, the slope in degrees and the elevation in metres, each divided by a constant of
its band (`landslide_geo.config.LANDSLIDE4SENSE`).
"""

from __future__ import annotations

from typing import Final

from landslide_geo.bands import PRE, PROPORTIONAL, UNITS, is_optical
from landslide_geo.config import DIGITAL_NUMBER, LANDSLIDE4SENSE

REFLECTANCE, NUMBER = PROPORTIONAL
#: Unit of all bands of Landslide4Sense.
RATIO: Final = "Landslide4Sense ratio"
#: Unit of chips made of pictures.
PICTURE: Final = "8-bit picture"


def gain(name: str, own: str, wanted: str) -> float | None:
    """What values of a band in one unit are multiplied by to have them in another one.

    Args:
        name: of the band, of either date.
        own: their unit.
        wanted: the other one.

    Returns:
        1 where both are the same; None where the one does not follow from the other.

    >>> gain("red", "reflectance", "digital number"), gain("slope", "degrees", "m")
    (10000.0, None)
    """
    if own == wanted:
        return 1.0
    first, second = _base(name, own), _base(name, wanted)
    if first is None or second is None or first[0] != second[0]:
        return None
    return first[1] / second[1]


def _base(name: str, unit: str) -> tuple[str, float] | None:
    """What a unit is a multiple of, and by how much; None where it is not known of the band."""
    band = name.removeprefix(PRE)
    own = REFLECTANCE if is_optical(name) else UNITS.get(band, "")
    if unit == RATIO and band in LANDSLIDE4SENSE:
        return own, LANDSLIDE4SENSE[band] * (DIGITAL_NUMBER if is_optical(name) else 1.0)
    if unit == NUMBER and is_optical(name):
        return own, DIGITAL_NUMBER
    return (own, 1.0) if unit == own else None
