"""The band vocabulary and the sensors' own names for its bands.

Optical bands carry STAC common names; SAR backscatter is in dB and keeps ascending and descending passes apart; terrain
is in metres and degrees; masks are 0 and 1. A band of the earlier of two dates carries the prefix ``pre_``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from landslide_geo.errors import UnknownBandError

PRE: Final = "pre_"

OPTICAL: Final = (
    "coastal", "blue", "green", "red", "rededge071", "rededge075", "rededge078",
    "nir", "nir08", "nir09", "cirrus", "swir16", "swir22",
)  # fmt: skip
SAR: Final = ("vv_asc", "vh_asc", "vv_desc", "vh_desc")
TERRAIN: Final = ("elevation", "slope", "aspect", "curvature", "relief")
#: What is known of each pixel beside what was measured.
MASKS: Final = ("cloud_mask",)

#: Units of optical bands that differ by a gain only, and the one that stands for either.
PROPORTIONAL: Final = ("reflectance", "digital number")
EITHER: Final = " or ".join(PROPORTIONAL)

#: Unit of each band as it appears in a scene.
UNITS: Final[dict[str, str]] = (
    dict.fromkeys(OPTICAL, EITHER)
    | dict.fromkeys(SAR, "dB")
    | {
        "elevation": "m",
        "slope": "degrees",
        "aspect": "degrees clockwise from north",
        "curvature": "1/m",
        "relief": "m",
        "cloud_mask": "1 on clouds",
    }
)

#: Sensors' names for bands, lower-cased. Sentinel-2 names are taken for names such as ``B04`` that several sensors
#: share, because Sentinel-2 is the only one that zero-pads them.
SENTINEL2: Final[dict[str, str]] = {
    "b01": "coastal", "b02": "blue", "b03": "green", "b04": "red", "b05": "rededge071", "b06": "rededge075",
    "b07": "rededge078", "b08": "nir", "b8a": "nir08", "b09": "nir09", "b10": "cirrus", "b11": "swir16",
    "b12": "swir22",
}  # fmt: skip
SENTINEL2_SHORT: Final[dict[str, str]] = {
    key.replace("b0", "b"): name for key, name in SENTINEL2.items() if key.startswith("b0")
}
LANDSAT_OLI: Final[dict[str, str]] = {
    "sr_b1": "coastal", "sr_b2": "blue", "sr_b3": "green", "sr_b4": "red", "sr_b5": "nir", "sr_b6": "swir16",
    "sr_b7": "swir22",
}  # fmt: skip
OTHER: Final[dict[str, str]] = {
    "r": "red", "g": "green", "b": "blue", "nir1": "nir", "near infrared": "nir", "rededge1": "rededge071",
    "rededge2": "rededge075", "rededge3": "rededge078", "swir1": "swir16", "swir2": "swir22", "dem": "elevation",
    "dsm": "elevation", "dtm": "elevation",
}  # fmt: skip

VOCABULARY: Final = frozenset(OPTICAL + SAR + TERRAIN + MASKS)
_ALIASES: Final = SENTINEL2_SHORT | SENTINEL2 | LANDSAT_OLI | OTHER


def canonical_name(name: str) -> str:
    """The vocabulary's name for ``name``, keeping a ``pre_`` prefix.

    >>> canonical_name("B04"), canonical_name("pre_B8A"), canonical_name("nir")
    ('red', 'pre_nir08', 'nir')

    Raises:
        UnknownBandError: the name is neither in the vocabulary nor a sensor's name for one in it.
    """
    key = name.strip().lower()
    prefix = PRE if key.startswith(PRE) else ""
    stem = key.removeprefix(PRE)
    stem = stem if stem in VOCABULARY else _ALIASES.get(stem, "")
    if not stem:
        known = ", ".join([*OPTICAL, *SAR, *TERRAIN, *MASKS])
        raise UnknownBandError(
            f"band name {name!r} is not known; use one of {known}, or a sensor's name such as B04, "
            "optionally behind pre_"
        )
    return prefix + stem


def is_pre(name: str) -> bool:
    """Whether the band belongs to the earlier of two dates."""
    return name.startswith(PRE)


def is_optical(name: str) -> bool:
    """Whether the band, of either date, is an optical one."""
    return name.removeprefix(PRE) in OPTICAL


def is_radar(name: str) -> bool:
    """Whether the band, of either date, is backscatter."""
    return name.removeprefix(PRE) in SAR


def polarisation(text: str) -> str:
    """``vv`` or ``vh`` where a text names one of them, as ``VV``, ``VH_dB`` or ``Gamma0_VV`` do; else nothing."""
    named = set(re.split(r"[^a-z]+", text.lower().replace("_", " "))) & {"vv", "vh"}
    return named.pop() if len(named) == 1 else ""


def sensors(bands: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Indices of the bands that one sensor measures, masks with the optical bands they are made of; no terrain.

    >>> sensors(["red", "vv_asc", "cloud_mask", "slope"])
    {'optical': (0, 2), 'sar_asc': (1,)}

    Raises:
        UnknownBandError: a name is not in the vocabulary.
    """
    names = [canonical_name(name).removeprefix(PRE) for name in bands]
    found = {"optical": tuple(i for i, name in enumerate(names) if name in (*OPTICAL, *MASKS))}
    if not any(names[i] in OPTICAL for i in found["optical"]):
        found = {}
    for direction in ("desc", "asc"):
        found[f"sar_{direction}"] = tuple(
            i for i, name in enumerate(names) if name in SAR and name.endswith(f"_{direction}")
        )
    return {what: places for what, places in found.items() if places}


def unit_fits(unit: str, wanted: str) -> bool:
    """Whether values in ``unit`` are what is wanted.

    >>> unit_fits("digital number", "reflectance or digital number"), unit_fits("dB", "m")
    (True, False)
    """
    return unit == wanted or (wanted == EITHER and unit in PROPORTIONAL)
